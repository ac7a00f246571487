"""The tables of the schema: one file for each part of the configuration, in the order of swanctl.conf(5)."""
