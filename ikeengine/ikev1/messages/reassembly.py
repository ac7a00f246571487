"""Fragments on their way in: they are collected until a message is complete, which then counts as if it came whole.

Nothing in a fragment is authenticated. So memory is bounded per message, per source and in all; a message that does not
become complete in time is forgotten, and one that was taken already is not collected again.
"""

from __future__ import annotations

from ikeengine.errors import InvalidSyntax
from ikeengine.ikev1.messages.fragments import Partial
from ikeengine.ikev1.sa import IkeSa
from ikeengine.ikev1.wire.message import parse
from ikeengine.ikev1.wire.payloads import Fragment
from ikeengine.model.path import Path
from ikeengine.outputs import Dropped, DropReason
from ikeengine.sa.context import Context
from ikeengine.timers import Timer
from ikeengine.wire.header import Header

TIMEOUT = 30.0
"""Seconds that the fragments of a message have to arrive, from the first one on."""


def add(ctx: Context, sa: IkeSa, header: Header, data: bytes, path: Path) -> bytes | None:
    """Take a fragment that came on an ISAKMP SA. The message, once it is complete."""
    repeated = _repeated(sa, header, data)
    if repeated is not None:
        return repeated or None
    message = collect(ctx, sa.partial, header, data, path)
    if sa.partial.parts.parts:
        sa.timers.set(Timer.FRAGMENTS, sa.partial.began_at + TIMEOUT)
    else:
        sa.timers.stop(Timer.FRAGMENTS)
    return message


def collect(ctx: Context, partial: Partial, header: Header, data: bytes, path: Path) -> bytes | None:
    """Take a fragment of anybody. The message, once it is complete."""
    before = partial.parts.key
    try:
        message = partial.parts.add(parse(data, header))
    except InvalidSyntax as error:
        message = None
        _drop(ctx, DropReason.FRAGMENT, path, str(error))
    if partial.parts.key != before or not partial.counted:
        partial.began_at = ctx.now
    if not _account(ctx, partial, path):
        _drop(ctx, DropReason.LIMIT, path, "too many octets in messages that are not complete")
    return message


def expire(ctx: Context, sa: IkeSa) -> None:
    """The message did not become complete in time. For the peer that is as if it were lost."""
    detail = f"{len(sa.partial.parts.parts)} fragments of a message that was not complete after {TIMEOUT:g} s"
    _drop(ctx, DropReason.FRAGMENT, sa.path, detail)
    forget(ctx, sa.partial)


def forget(ctx: Context, partial: Partial) -> None:
    """Drop what is there of a message."""
    partial.parts.clear()
    _release(ctx, partial)


def _repeated(sa: IkeSa, header: Header, data: bytes) -> bytes | None:
    """The message that a fragment repeats, if it was taken already; nothing for all of its fragments but the first.

    All messages have the same fragment ID, so an old fragment would spoil the next message. As in RFC 7383 section
    2.6.1 the first one stands for the whole message, and the others trigger nothing. None if it is a new fragment.
    """
    try:
        fragment = parse(data, header).chain.first(Fragment)
    except InvalidSyntax:
        return None
    sizes = sa.partial.parts.sizes
    if fragment is None or fragment.number > len(sizes):
        return None
    at, length = sum(sizes[: fragment.number - 1]), sum(sizes)
    for conversation in sa.conversations:
        taken = conversation.taken
        if len(taken) == length and taken[at : at + sizes[fragment.number - 1]] == fragment.data:
            return taken if fragment.number == 1 else b""
    return None


def _account(ctx: Context, partial: Partial, path: Path) -> bool:
    """Count what is held, for the source of the last fragment. False, and it is forgotten, if that is too much."""
    _release(ctx, partial)
    held = partial.parts.held
    if not held:
        return True
    if not ctx.table.fragments.take(path.remote, held):
        partial.parts.clear()
        return False
    partial.counted, partial.source = held, path.remote
    return True


def _release(ctx: Context, partial: Partial) -> None:
    if partial.counted:
        ctx.table.fragments.release(partial.source, partial.counted)
        partial.counted = 0


def _drop(ctx: Context, reason: DropReason, path: Path, detail: str) -> None:
    ctx.emit(Dropped(reason, path, detail))
