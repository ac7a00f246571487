"""IKE fragmentation, the receiving side: fragments are collected until a message is complete (RFC 7383 section 2.6).

Nothing in a fragment is looked at before all of them are there, and only what has passed its integrity check is kept.
Memory is bounded per message, per source and in all; a message that does not become complete is forgotten.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ikeengine.errors import IntegrityFailed, InvalidSyntax, UnsupportedCriticalPayload
from ikeengine.ikev2.messages import fragmentation
from ikeengine.model.path import Path
from ikeengine.outputs import Dropped, DropReason
from ikeengine.registry import ExchangeType
from ikeengine.timers import Timer
from ikeengine.wire.caps import MAX_MESSAGE
from ikeengine.wire.header import HEADER_LENGTH
from ikeengine.wire.message import ParsedMessage, parse
from ikeengine.wire.payloads import Payload
from ikeengine.wire.sk import PacketCipher, open_fragment

if TYPE_CHECKING:
    from ikeengine.ikev2.sa import IkeSa
    from ikeengine.sa.context import Context

TIMEOUT = 30.0
"""Seconds that the fragments of a message have to arrive, from the first one on."""


@dataclass(slots=True)
class Partial:
    """A message that is not complete."""

    message_id: int
    total: int
    began_at: float
    source: str
    """Whose memory it is."""
    parts: dict[int, bytes] = field(default_factory=dict)
    """Decrypted content by Fragment Number."""
    first: bytes = b""
    """The datagram of the first fragment."""
    first_payload: int = 0
    clear: tuple[Payload, ...] = ()
    """Payloads before the encrypted one, which only the first fragment may have (section 2.5.3)."""
    longest: int = 0
    """Octets of the longest fragment."""
    held: int = 0
    """Octets that count against the limits."""

    def add(self, parsed: ParsedMessage, number: int, data: bytes, content: bytes) -> None:
        """Keep a fragment."""
        self.parts[number] = content
        self.longest = max(self.longest, len(data))
        self.held += len(data)
        if number == 1 and parsed.encrypted is not None:
            self.first, self.first_payload, self.clear = data, parsed.encrypted.first_payload, parsed.payloads

    @property
    def is_complete(self) -> bool:
        """Whether every fragment is there."""
        return len(self.parts) == self.total

    @property
    def length(self) -> int:
        """Octets of the message as far as it is there."""
        return HEADER_LENGTH + sum(map(len, self.parts.values()))

    @property
    def content(self) -> bytes:
        """What was inside the complete message, as octets."""
        return b"".join(self.parts[number] for number in range(1, self.total + 1))


def add(
    ctx: Context, sa: IkeSa, parsed: ParsedMessage, data: bytes, path: Path, cipher: PacketCipher
) -> Partial | None:
    """Take a fragment of the request or response that is awaited. The message, once it is complete.

    Raises IntegrityFailed; and InvalidSyntax for what an authentic peer should never send.
    """
    if parsed.encrypted is None or parsed.encrypted.fragment is None:
        raise AssertionError("only messages with an SKF payload come here")
    number, total = parsed.encrypted.fragment
    side, partial = parsed.header.is_response, _current(ctx, sa, parsed)
    if partial is not None and (total < partial.total or (total == partial.total and number in partial.parts)):
        if total < partial.total:
            _drop(ctx, DropReason.FRAGMENT, path, f"fragment {number} of {total}, after those of {partial.total}")
        return None
    content = open_fragment(data, parsed, cipher)
    if partial is None or total > partial.total:
        forget(ctx, sa, is_response=side)
        partial = sa.partials[side] = Partial(parsed.header.message_id, total, ctx.now, path.remote)
    if not ctx.table.fragments.take(partial.source, len(data)):
        _drop(ctx, DropReason.LIMIT, path, "too many octets in messages that are not complete")
        forget(ctx, sa, is_response=side)
        return None
    partial.add(parsed, number, data, content)
    if partial.length > MAX_MESSAGE:
        forget(ctx, sa, is_response=side)
        raise InvalidSyntax(f"fragments of a message of more than {MAX_MESSAGE} octets")
    if not partial.is_complete:
        _arm(sa)
        return None
    forget(ctx, sa, is_response=side)
    if total > 1:
        fragmentation.learn(ctx.settings, sa, partial.longest)
    return partial


def expire(ctx: Context, sa: IkeSa) -> None:
    """Forget the messages that did not become complete in time. For the peer that is as if they were lost."""
    for side in [side for side, partial in sa.partials.items() if partial.began_at + TIMEOUT <= ctx.now]:
        partial = sa.partials[side]
        detail = f"only {len(partial.parts)} of {partial.total} fragments came within {TIMEOUT:g} s"
        _drop(ctx, DropReason.FRAGMENT, sa.path, detail)
        forget(ctx, sa, is_response=side)


def forget(ctx: Context, sa: IkeSa, *, is_response: bool) -> None:
    """Drop the fragments of a request or response."""
    partial = sa.partials.pop(is_response, None)
    if partial is not None:
        ctx.table.fragments.release(partial.source, partial.held)
    _arm(sa)


def repeats_request(sa: IkeSa, data: bytes) -> bool:
    """Whether this is the first fragment of the request that was answered last.

    A peer that probes for the path's MTU cuts the same request into other fragments than before, so that the octets
    differ; the integrity check tells that it is the peer. The other fragments trigger nothing (section 2.6.1).
    """
    try:
        parsed = parse(data)
        if sa.keys is None or parsed.encrypted is None or parsed.encrypted.fragment is None:
            return False
        if parsed.encrypted.fragment[0] != 1:
            return False
        before = None if sa.handshake is None else sa.handshake.cipher_before
        is_intermediate = parsed.header.exchange == ExchangeType.IKE_INTERMEDIATE
        open_fragment(data, parsed, before if before is not None and is_intermediate else sa.keys.cipher_in)
    except (InvalidSyntax, UnsupportedCriticalPayload, IntegrityFailed):
        return False
    return True


def _current(ctx: Context, sa: IkeSa, parsed: ParsedMessage) -> Partial | None:
    """The fragments of this very message; those of an older one are of no more use."""
    side = parsed.header.is_response
    partial = sa.partials.get(side)
    if partial is not None and partial.message_id != parsed.header.message_id:
        forget(ctx, sa, is_response=side)
        return None
    return partial


def _arm(sa: IkeSa) -> None:
    if sa.partials:
        sa.timers.set(Timer.FRAGMENTS, min(partial.began_at for partial in sa.partials.values()) + TIMEOUT)
    else:
        sa.timers.stop(Timer.FRAGMENTS)


def _drop(ctx: Context, reason: DropReason, path: Path, detail: str) -> None:
    ctx.emit(Dropped(reason, path, detail))
