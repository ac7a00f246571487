"""VICI, strongSwan's control protocol: codec, server and commands."""
