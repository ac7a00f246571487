"""Times and volumes as swanctl.conf writes them: `1h`, `30m`, `20s`, `14400`; `1g`, `500m`, `1000000`."""

from __future__ import annotations

import re
from decimal import Decimal

SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
OCTETS = {"g": 1 << 30, "m": 1 << 20, "k": 1 << 10}
LONGEST = 100 * 365 * 86400
"""Seconds. More is a typing error, and would overflow somewhere."""
LARGEST = (1 << 64) - 1

DURATION_PATTERN = r"^[0-9]+(\.[0-9]+)?\s*[smhdSMHD]?$"
SIZE_PATTERN = r"^[0-9]+\s*[kmgKMG]?$"
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([smhd]?)", re.ASCII)
_SIZE = re.compile(r"([0-9]+)\s*([kmg]?)", re.ASCII)


def parse_duration(text: str) -> float:
    """Seconds of a text such as `1h`, `1.5s` or `14400`. Raises ValueError."""
    match = _DURATION.fullmatch(text.strip().lower())
    if match is None:
        raise ValueError(f"`{text}` is not a time; write a number with s, m, h or d, such as `30m`")
    seconds = float(match[1]) * SECONDS[match[2] or "s"]
    if seconds > LONGEST:
        raise ValueError(f"`{text}` is longer than 100 years")
    return seconds


def format_duration(seconds: float) -> str:
    """The shortest text that `parse_duration` reads back as the same time."""
    if seconds == 0:
        return "0s"
    for unit, factor in SECONDS.items():
        if seconds % factor == 0:
            return f"{int(seconds) // factor}{unit}"
    return f"{Decimal(repr(seconds)):f}s"


def parse_size(text: str) -> int:
    """Octets of a text such as `1g`, `500m` or `4096` (k, m, g count in 1024). Raises ValueError."""
    match = _SIZE.fullmatch(text.strip().lower())
    if match is None:
        raise ValueError(f"`{text}` is not a volume; write a number of bytes, or one with k, m or g")
    size = int(match[1]) * OCTETS.get(match[2], 1)
    if size > LARGEST:
        raise ValueError(f"`{text}` does not fit into 64 bits")
    return size


def format_size(size: int) -> str:
    """The shortest text that `parse_size` reads back as the same volume."""
    for unit, factor in OCTETS.items():
        if size and size % factor == 0:
            return f"{size // factor}{unit}"
    return str(size)
