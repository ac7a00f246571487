"""The IKE SAs of version 2 among those of the endpoint."""

from __future__ import annotations

from collections.abc import Iterator

from ikeengine.ikev2.sa import IkeSa
from ikeengine.model.path import Path
from ikeengine.sa.context import Context


def find(ctx: Context, local_spi: bytes) -> IkeSa | None:
    """The IKE SA with this local SPI."""
    sa = ctx.table.find(local_spi)
    return sa if isinstance(sa, IkeSa) else None


def find_by_init(ctx: Context, path: Path, spi_i: bytes) -> IkeSa | None:
    """The IKE SA that an IKE_SA_INIT request from there with this SPI has created before."""
    sa = ctx.table.find_by_init(path, spi_i)
    return sa if isinstance(sa, IkeSa) else None


def of_connection(ctx: Context, name: str) -> Iterator[IkeSa]:
    """The IKE SAs of a connection: those that we initiate, and every established one."""
    return (sa for sa in ctx.table.of_connection(name) if isinstance(sa, IkeSa))


def everyone(ctx: Context) -> Iterator[IkeSa]:
    """All of them."""
    return (sa for sa in ctx.table if isinstance(sa, IkeSa))
