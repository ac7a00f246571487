"""Finding another path: this host's network has changed, or the peer does not answer (RFC 4555 sections 3.5 and 3.10).

The initiator of the first IKE SA decides. A responder moves by itself only if its own address is gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ikeengine.ikev2.exchanges.mobike import AnnounceAddresses, update_to
from ikeengine.ikev2.messages import transport
from ikeengine.ikev2.mobike import moving
from ikeengine.ikev2.mobike.mobility import Mobility, additional
from ikeengine.ikev2.mobike.moving import Why
from ikeengine.ikev2.sa import IkeSa
from ikeengine.ikev2.states import IkeState
from ikeengine.model.path import Path
from ikeengine.outputs import LogLine
from ikeengine.sa.context import Context
from ikeengine.timers import Timer

PROBE_AFTER = 2
"""Retransmissions without an answer before other paths are tried as well."""

Routes = Mapping[str, str]
"""How the peer's addresses are reached: remote to local address."""


def network_changed(ctx: Context, sas: Iterable[IkeSa]) -> None:
    """This host has other addresses or routes: look at every IKE SA that can move."""
    for sa in sas:
        if sa.mobility is not None and sa.state is IkeState.ESTABLISHED:
            ctx.touch(sa)
            sa.mobility.refused.clear()
            moving.ask_routes(ctx, sa, sa.mobility, Why.ROAM)


def probe(ctx: Context, sa: IkeSa) -> None:
    """A request was retransmitted: after some of them, send it on other paths as well."""
    mobility = sa.mobility
    if mobility is None or not mobility.decides or sa.state is not IkeState.ESTABLISHED:
        return
    if sa.window.tries >= PROBE_AFTER:
        moving.ask_routes(ctx, sa, mobility, Why.PROBE)


def on_routes(ctx: Context, sa: IkeSa, answer: tuple[Why, Routes]) -> None:
    """Which addresses can be reached, and from where."""
    why, routes = answer
    mobility = sa.mobility
    if mobility is None:
        return
    paths = _candidates(sa, mobility, routes)
    if why is Why.PROBE:
        _send_on_others(ctx, sa, mobility, paths)
    elif why is Why.REFUSED:
        _take_another(ctx, sa, mobility, paths)
    elif not paths:
        _stay_stranded(ctx, sa, mobility)
    elif sa.path in paths and not mobility.is_stranded:
        _announce(ctx, sa, mobility)
    elif mobility.decides:
        update_to(ctx, sa, mobility, paths[0])
    else:
        _leave(ctx, sa, mobility, paths[0])


def answered_on(ctx: Context, sa: IkeSa, path: Path) -> None:
    """An authentic response has come. If that was on a path that was only probed, it is the one that works."""
    mobility = sa.mobility
    if mobility is None:
        return
    probed, mobility.probed = mobility.probed, set()
    if path != sa.path and path in probed and sa.state is IkeState.ESTABLISHED:
        update_to(ctx, sa, mobility, path, resend=False)


def _candidates(sa: IkeSa, mobility: Mobility, routes: Routes) -> list[Path]:
    """Usable paths, the best first: the current peer address, then the others as the peer has listed them."""
    remotes = dict.fromkeys((sa.path.remote, *mobility.peer_addresses))
    paths = [sa.path._replace(local=routes[remote], remote=remote) for remote in remotes if remote in routes]
    return [path for path in paths if path not in mobility.refused]


def _send_on_others(ctx: Context, sa: IkeSa, mobility: Mobility, paths: list[Path]) -> None:
    """Byte for byte the same request: whichever path the answer comes on, works."""
    for path in paths:
        if path != sa.path:
            mobility.probed.add(path)
            transport.send_on(ctx, sa, path)


def _take_another(ctx: Context, sa: IkeSa, mobility: Mobility, paths: list[Path]) -> None:
    others = [path for path in paths if path != sa.path]
    if others and sa.path not in paths:
        update_to(ctx, sa, mobility, others[0])


def _stay_stranded(ctx: Context, sa: IkeSa, mobility: Mobility) -> None:
    """Without any way to the peer, retransmissions would only run out."""
    if not mobility.is_stranded:
        text = "there is no way to the peer; waiting for the network"
        ctx.emit(LogLine(1, "IKE", text, sa.name, sa.unique_id))
    mobility.is_stranded = True
    sa.timers.stop(Timer.RETRANSMIT)


def _announce(ctx: Context, sa: IkeSa, mobility: Mobility) -> None:
    """The path still does; if our other addresses are new, tell the peer."""
    if additional(ctx.addresses, sa.path.local) == mobility.announced:
        return
    if not any(isinstance(task, AnnounceAddresses) for task in sa.queue):
        sa.queue.append(AnnounceAddresses())


def _leave(ctx: Context, sa: IkeSa, mobility: Mobility, path: Path) -> None:
    """Responder: our address is gone, so that the SAs may move without being asked to; then tell the initiator."""
    moving.try_path(ctx, sa, mobility, path)
    moving.settle(ctx, sa, mobility)
    mobility.announced = None
    if not any(isinstance(task, AnnounceAddresses) for task in sa.queue):
        sa.queue.appendleft(AnnounceAddresses())
