"""Authenticating again (RFC 7296 section 2.8.3): a new IKE SA from scratch, before or after the end of the old one."""

from __future__ import annotations

from ikeengine.ikev2.exchanges.create_child import CreateChild
from ikeengine.ikev2.exchanges.delete import DeleteIke
from ikeengine.ikev2.exchanges.reauthenticate import Supersede, children_up
from ikeengine.ikev2.sa import IkeSa
from ikeengine.sa.context import Context, Wanted
from ikeengine.sa.states import Closing


def begin(ctx: Context, old: IkeSa, new: IkeSa | None, wanted: Wanted) -> None:
    """Replace an IKE SA by `new`, which gets the same Child SAs and whose last task ends the old one.

    Without a new one, break before make: the old one is closed, and what was up on it is wanted anew.
    """
    if new is None:
        ctx.touch(old)
        old.waiting += wanted.ops
        old.queue.append(DeleteIke(why=Closing.REESTABLISHED))
        return
    new.replaces = old.local_spi
    children = new.connection.children
    names = [name for name in children if name in children_up(old)]
    new.queue.extend(CreateChild(children[name]) for name in names)
    new.queue.append(Supersede(old_spi=old.local_spi, ops=wanted.ops))
    ctx.touch(new)
