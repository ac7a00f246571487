"""Proposals, traffic selectors and identities: how two sides come to one."""
