"""What HMAC-SHA-256 is truncated to, which no message says (`sha256_96`)."""

from __future__ import annotations

from dataclasses import replace

from ikeengine.model.proposal import Transform
from ikeengine.registry import IntegId


def truncated(integ: Transform | None, *, old: bool) -> Transform | None:
    """The integrity algorithm as the datapath is to have it; `old` peers keep 96 bits of SHA-256 instead of 128."""
    if not old or integ is None or integ.id != IntegId.HMAC_SHA2_256_128:
        return integ
    return replace(integ, id=IntegId.HMAC_SHA2_256_96)
