"""What was up or coming with an IKE SA that a changed configuration closes, and is wanted again with the new one."""

from __future__ import annotations

from ikeengine.model.connection import ConnectionConfig, Mode
from ikeengine.negotiate.addresses import is_fixed
from ikeengine.outputs import OpId
from ikeengine.sa.children.data import UP_STATES
from ikeengine.sa.context import Context, Wanted
from ikeengine.sa.ike_sa import IkeSa
from ikeengine.sa.task import pending


def take_over(ctx: Context, old: ConnectionConfig, new: ConnectionConfig) -> list[Wanted]:
    """The Child SAs to bring up with the new configuration, for the commands that have waited for them.

    A peer that only it can call comes back by itself.
    """
    revived: list[Wanted] = []
    if not is_fixed(new.remote_addrs):
        return revived
    for sa in ctx.table.of_connection(old.name):
        for name, ops in _children(sa).items():
            child = new.children.get(name)
            if child is not None and child.mode not in (Mode.PASS, Mode.DROP):
                revived.append(Wanted(new.name, name, ops=ops))
            elif ops:
                ctx.answer(ops, ok=False, reason=f"the child {name} is no longer configured")
        if sa.waiting:
            ops, sa.waiting = sa.waiting, ()
            revived.append(Wanted(new.name, "", ops=ops))
    return revived


def _children(sa: IkeSa) -> dict[str, tuple[OpId, ...]]:
    """Names of what is up or coming, and the commands that wait for it."""
    found: dict[str, tuple[OpId, ...]] = {c.config.name: () for c in sa.children.values() if c.state in UP_STATES}
    for task in pending(sa):
        if task.brings_up:
            ops, task.ops = task.ops, ()
            found[task.brings_up] = found.get(task.brings_up, ()) + ops
    return found
