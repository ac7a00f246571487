"""Authenticating again (RFC 7296 section 2.8.3): a new IKE SA from scratch, before or after the end of the old one."""

from __future__ import annotations

from ikeengine.ikev2.context import Context, Wanted
from ikeengine.ikev2.exchanges.create_child import CreateChild
from ikeengine.ikev2.exchanges.delete import DeleteIke
from ikeengine.ikev2.exchanges.reauthenticate import Supersede, children_up
from ikeengine.ikev2.lifecycle import Closing
from ikeengine.ikev2.sa import IkeSa
from ikeengine.ikev2.states import IkeState
from ikeengine.ikev2.upkeep import initiation
from ikeengine.model.connection import ConnectionConfig
from ikeengine.negotiate.addresses import is_fixed
from ikeengine.outputs import LogLine


def begin(ctx: Context, config: ConnectionConfig, wanted: Wanted) -> None:
    """Replace the IKE SA that `wanted` names, as `make_before_break` says."""
    old = ctx.table.find(wanted.replaces)
    if old is None or old.state is not IkeState.ESTABLISHED:
        ctx.answer(wanted.ops, ok=False, reason="the IKE SA is gone")
    elif any(sa.replaces == old.local_spi for sa in ctx.table.of_connection(config.name)):
        ctx.answer(wanted.ops, ok=False, reason="the IKE SA is being authenticated again already")
    elif not is_fixed(config.remote_addrs) and not old.is_initiator:
        reason = "only the peer can authenticate again, because remote_addrs names no address"
        ctx.emit(LogLine(1, "IKE", reason, old.name, old.unique_id))
        ctx.answer(wanted.ops, ok=False, reason=reason)
    elif ctx.settings.make_before_break:
        _make(ctx, config, old, wanted)
    else:
        ctx.touch(old)
        old.waiting += wanted.ops
        old.queue.append(DeleteIke(why=Closing.REESTABLISHED))


def _make(ctx: Context, config: ConnectionConfig, old: IkeSa, wanted: Wanted) -> None:
    """Make another IKE SA with the same Child SAs; its last task ends the old one."""
    new = initiation.new_ike_sa(ctx, config, 0, old.callee)
    new.replaces = old.local_spi
    names = [name for name in config.children if name in children_up(old)]
    new.queue.extend(CreateChild(config.children[name]) for name in names)
    new.queue.append(Supersede(old_spi=old.local_spi, ops=wanted.ops))
    ctx.touch(new)
