"""One IKE SA per peer, or more: INITIAL_CONTACT (RFC 7296 section 2.4) and the `unique` option."""

from __future__ import annotations

from ikeengine.ikev2.context import Context
from ikeengine.ikev2.lifecycle import Closing, close
from ikeengine.ikev2.sa import IkeSa
from ikeengine.ikev2.states import IkeState
from ikeengine.model.connection import Unique
from ikeengine.registry import NotifyType
from ikeengine.wire.payloads import Notify, Payload


def initial_contact(ctx: Context, sa: IkeSa) -> list[Payload]:
    """The INITIAL_CONTACT notify, if we know of no other IKE SA with this peer."""
    expected = sa.connection.remote[0].id.exact
    if sa.connection.unique is Unique.NEVER or expected is None:
        return []
    return [] if ctx.table.of_identities(sa.local_id, expected) else [Notify(NotifyType.INITIAL_CONTACT)]


def on_established(ctx: Context, sa: IkeSa, *, initial_contact: bool) -> None:
    """A peer has proven its identity: close the IKE SAs that it says, or that the configuration says, are obsolete.

    Only IKE SAs between the very same two authenticated identities are ever touched.
    """
    policy = sa.connection.unique
    if policy is Unique.NEVER or not (initial_contact or policy is Unique.REPLACE):
        return
    for other in ctx.table.of_identities(sa.local_id, sa.remote_id):
        if other is not sa and other.state is not IkeState.CLOSED:
            close(ctx, other, Closing.REPLACED)
