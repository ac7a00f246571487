"""Noticing peers that are gone, and authenticating again."""
