"""Randomness for initialization vectors."""

from __future__ import annotations

import os


class SystemRng:
    """Randomness of the operating system."""

    def bytes(self, count: int) -> bytes:
        """`count` random octets."""
        return os.urandom(count)
