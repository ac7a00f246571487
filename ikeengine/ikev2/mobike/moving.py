"""Moving an IKE SA and its Child SAs to another path, at once or when the new one is known to work."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum

from ikeengine.ikev2 import lookup
from ikeengine.ikev2.messages import transport
from ikeengine.ikev2.mobike.mobility import Mobility
from ikeengine.ikev2.sa import IkeSa
from ikeengine.model.path import Path
from ikeengine.outputs import AskRoutes, IkeMoved
from ikeengine.sa import ike_sa, keepalive
from ikeengine.sa.addresses import virtual_ips
from ikeengine.sa.children import child as child_sa
from ikeengine.sa.context import Context
from ikeengine.sa.states import Answer


class Why(Enum):
    """What the answer to AskRoutes is wanted for."""

    ROAM = "the host's addresses or routes have changed"
    PROBE = "the peer does not answer on the current path"
    REFUSED = "the peer does not want the path that we have chosen"


def ask_routes(ctx: Context, sa: IkeSa, mobility: Mobility, why: Why) -> None:
    """Find out by which addresses the peer can be reached; the answer comes as `Answer.ROUTES`."""
    remotes = tuple(dict.fromkeys((sa.path.remote, *mobility.peer_addresses)))
    ctx.emit(AskRoutes(ctx.ask(sa, Answer.ROUTES, why), sa.path.local, remotes))


def move(ctx: Context, sa: IkeSa, path: Path, nats: tuple[bool, bool] | None = None) -> None:
    """Move everything at once. `nats` says whether (we, the peer) sit behind a NAT there, None for as before."""
    before = sa.traffic_path
    was = replace(sa.status(), path=before)
    encapsulated = sa.uses_nat_t
    sa.path = path
    if sa.mobility is not None:
        sa.mobility.held = sa.mobility.nats = None
        sa.mobility.refused.clear()
    if nats is not None:
        sa.nat_local, sa.nat_remote = nats
        sa.nat_fake = sa.connection.encap and not any(nats)
    keepalive.start(ctx, sa)
    _take_along(ctx, sa)
    if path == before and encapsulated == sa.uses_nat_t:
        return
    ctx.emit(IkeMoved(was, path))
    if path.local != before.local:
        virtual_ips.rehome(ctx, sa)
    for child in sa.children.values():
        child_sa.update_path(ctx, sa, child)


def try_path(ctx: Context, sa: IkeSa, mobility: Mobility, path: Path, *, resend: bool = True) -> None:
    """Send IKE messages on another path from now on; the Child SAs follow with `settle`.

    `resend`: the outstanding request goes on there, too.
    """
    mobility.held = sa.traffic_path
    mobility.nats = None
    mobility.probed.clear()
    mobility.is_stranded = False
    sa.path = path
    if resend:
        transport.restart(ctx, sa)
    _take_along(ctx, sa)


def _take_along(ctx: Context, sa: IkeSa) -> None:
    """What an IKE SA has replaced still waits to be deleted: that, too, takes the new path."""
    old = lookup.find(ctx, sa.predecessor)
    if old is not None and old.path != sa.path:
        old.path = sa.path
        ctx.touch(old)
        transport.restart(ctx, old)


def settle(ctx: Context, sa: IkeSa, mobility: Mobility) -> None:
    """The path of the IKE SA works: let the Child SAs follow."""
    move(ctx, sa, sa.path, mobility.nats)


def go_back(sa: IkeSa, mobility: Mobility) -> None:
    """The new path is not to be had: use the one that the Child SAs are still on."""
    sa.path = sa.traffic_path
    mobility.held = mobility.nats = None


def inherit(ctx: Context, old: IkeSa, new: IkeSa) -> None:
    """Rekeying hands the path and all that is known about it to the new IKE SA (RFC 4555 section 1.3)."""
    new.path = old.path
    new.nat_local, new.nat_remote, new.nat_fake = old.nat_local, old.nat_remote, old.nat_fake
    if old.mobility is not None:
        new.mobility = replace(old.mobility, seen_as=b"", probed=set(), refused=set(old.mobility.refused))
    keepalive.start(ctx, new)


def heir(ctx: Context, sa: ike_sa.IkeSa) -> IkeSa | None:
    """The IKE SA that rekeying has made of this one."""
    return next((new for new in lookup.of_connection(ctx, sa.name) if new.predecessor == sa.local_spi), None)
