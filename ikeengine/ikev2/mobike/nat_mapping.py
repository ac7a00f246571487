"""ESP of a peer behind a NAT comes from another address or port: follow it (RFC 7296 section 2.23).

The datapath reports only packets that are authentic. RFC 4555 section 3.8 allows this for ESP with MOBIKE, too.
"""

from __future__ import annotations

from ikeengine.ikev2.mobike import moving
from ikeengine.ikev2.sa import IkeSa
from ikeengine.ikev2.states import IkeState
from ikeengine.model.commands import NatMappingChanged
from ikeengine.sa.context import Context


def follow(ctx: Context, sa: IkeSa, event: NatMappingChanged) -> None:
    """Move the IKE SA and all its Child SAs, if its peer is behind a NAT, we are not, and nothing else moves it."""
    if not _may_follow(ctx, sa, event):
        return
    ctx.touch(sa)
    moving.move(ctx, sa, sa.path._replace(remote=event.address, remote_port=event.port))


def _may_follow(ctx: Context, sa: IkeSa, event: NatMappingChanged) -> bool:
    if sa.state is not IkeState.ESTABLISHED or sa.traffic_path != sa.path:
        return False
    known = any(child.sa_in == event.sa and child.encap for child in sa.children.values())
    return known and sa.nat_remote and not sa.nat_local and event.address not in ctx.addresses
