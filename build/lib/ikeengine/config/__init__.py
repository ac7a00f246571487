"""The configuration file: schema, loading, secrets, and what a reload changes."""
