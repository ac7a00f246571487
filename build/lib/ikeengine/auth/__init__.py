"""Proving identities: pre-shared keys, signatures, certificate chains."""
