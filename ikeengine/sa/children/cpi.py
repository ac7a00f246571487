"""Compression Parameter Indices of IPComp (RFC 3173)."""

from __future__ import annotations

from ikeengine.sa.context import Context

FIRST_CPI, LAST_CPI = 256, 61439
"""Those that can be negotiated (section 2.2)."""

CPI_OCTETS = 2


def new_cpi(ctx: Context) -> int:
    """A CPI that no Child SA of ours uses."""
    used = {child.cpi_in for sa in ctx.table for child in sa.children.values()}
    while True:
        cpi = FIRST_CPI + int.from_bytes(ctx.rng.bytes(4), "big") % (LAST_CPI - FIRST_CPI + 1)
        if cpi not in used:
            return cpi
