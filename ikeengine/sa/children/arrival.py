"""A Child SA that both sides have agreed on: its data, and how it comes up beside others for the same traffic."""

from __future__ import annotations

from ikeengine.model.connection import ChildConfig, Mode
from ikeengine.model.proposal import ChildSuite
from ikeengine.model.selector import TrafficSelector
from ikeengine.outputs import ChildUpdown
from ikeengine.sa.children import child as child_sa
from ikeengine.sa.children import renewal, tags
from ikeengine.sa.children.data import UP_STATES, ChildKeys, ChildSa
from ikeengine.sa.context import Context
from ikeengine.sa.ike_sa import IkeSa

Selectors = tuple[TrafficSelector, ...]


def make(
    ctx: Context,
    sa: IkeSa,
    config: ChildConfig,
    suite: ChildSuite,
    mode: Mode,
    spis: tuple[int, int],
    selectors: tuple[Selectors, Selectors],
    reqid: int = 0,
) -> ChildSa:
    """The data of a new Child SA. `spis` are in and out, `selectors` local and remote; `reqid` if it replaces one."""
    chosen = tags.choose(ctx, sa, config, reqid)
    key = (*selectors, mode, sa.path.local, sa.path.remote, chosen)
    return ChildSa(
        config=config,
        unique_id=ctx.new_unique_id(),
        reqid=ctx.share_reqid(reqid) if reqid else ctx.take_reqid(key, config.reqid),
        suite=suite,
        mode=mode,
        spi_in=spis[0],
        spi_out=spis[1],
        local_ts=selectors[0],
        remote_ts=selectors[1],
        installed_at=ctx.now,
        tags=chosen,
    )


def bring_up(ctx: Context, sa: IkeSa, child: ChildSa, keys: ChildKeys) -> None:
    """Install a Child SA that the peer has asked for."""
    replaces = renewal.succeed(ctx, sa, child)
    twin = None if replaces else _twin(ctx, sa, child)
    if twin is None:
        child_sa.install(ctx, sa, child, keys, delay_outbound=replaces)
    else:
        child_sa.install_beside(ctx, sa, child, keys, twin)
    announce_up(ctx, sa, child)


def _twin(ctx: Context, sa: IkeSa, child: ChildSa) -> ChildSa | None:
    """Another Child SA with this peer that the same traffic goes through, on this IKE SA or on another one."""
    mine = (child.local_ts, child.remote_ts, child.mode)
    for other in ctx.table.look_through(sa.local_id, sa.remote_id):
        for found in other.children.values():
            up = found.state in UP_STATES and found.waiting_outbound is None
            if up and (found.local_ts, found.remote_ts, found.mode) == mine and found.reqid == child.reqid:
                return found
    return None


def count_twins(sa: IkeSa, child: ChildSa) -> int:
    """How many other Child SAs have the same traffic selectors."""
    mine = (child.local_ts, child.remote_ts)
    return sum((other.local_ts, other.remote_ts) == mine for other in sa.children.values())


def announce_up(ctx: Context, sa: IkeSa, child: ChildSa) -> None:
    """Tell the operator about a new Child SA."""
    ctx.emit(ChildUpdown(True, sa.status(), child.status(sa)))
