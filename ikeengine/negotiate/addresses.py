"""Addresses in `local_addrs` and `remote_addrs`: what they match, and how well."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address, ip_network

EXACT, RANGE, ANY, NO_MATCH = 3, 2, 1, 0


def match(configured: tuple[str, ...], address: str) -> int:
    """How well the best of the configured addresses matches: EXACT, RANGE, ANY or NO_MATCH."""
    return max((_match_one(text, address) for text in configured), default=NO_MATCH)


@lru_cache(maxsize=8192)
def _match_one(text: str, address: str) -> int:
    if text in ("%any", "%any4", "%any6"):
        wrong_family = (text == "%any4" and ":" in address) or (text == "%any6" and ":" not in address)
        return NO_MATCH if wrong_family else ANY
    if text == address:
        return EXACT
    wanted = ip_address(address)
    try:
        if "/" in text:
            return RANGE if wanted in ip_network(text, strict=False) else NO_MATCH
        if is_range(text):
            first, last = (ip_address(end) for end in text.split("-"))
            same_family = first.version == wanted.version == last.version
            return RANGE if same_family and first.packed <= wanted.packed <= last.packed else NO_MATCH
        return EXACT if ip_address(text) == wanted else NO_MATCH
    except ValueError:
        # A host name: its addresses may change at any time, so the authentication decides.
        return ANY


def is_fixed(configured: tuple[str, ...]) -> bool:
    """Whether there is somebody to call: an address or a host name, not just a pattern."""
    return any(not text.startswith("%any") and "/" not in text and not is_range(text) for text in configured)


@lru_cache(maxsize=8192)
def is_range(text: str) -> bool:
    """Whether a text is two addresses with a dash between them, and not a host name with one."""
    try:
        return len([ip_address(end) for end in text.split("-")]) == 2
    except ValueError:
        return False
