"""The end of an exchange after phase 1."""

from __future__ import annotations

from ikeengine.ikev1.messages import transport
from ikeengine.ikev1.messages.conversation import Conversation
from ikeengine.ikev1.sa import IkeSa
from ikeengine.sa.context import Context


def done(ctx: Context, sa: IkeSa, conversation: Conversation) -> None:
    """An exchange has come to its end."""
    release(ctx, sa, conversation)
    transport.finish(sa, conversation)


def release(ctx: Context, sa: IkeSa, conversation: Conversation) -> None:
    """An exchange is no longer what we have under way: the next one may begin."""
    if sa.active is not None and sa.active is conversation.exchange:
        sa.active = None
        ctx.touch(sa)
