"""Sending on an ISAKMP SA: hashes, encryption, retransmission, answers to repeated messages."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ikeengine.ikev1.keys.hashes import hash_1
from ikeengine.ikev1.messages.conversation import PHASE_1, Conversation
from ikeengine.ikev1.messages.fragment_size import in_fragments
from ikeengine.ikev1.sa import IkeSa
from ikeengine.ikev1.wire.message import FLAG_ENCRYPTION, frame, write_chain, write_message
from ikeengine.ikev1.wire.payloads import Hash, Payload
from ikeengine.model.path import Path
from ikeengine.outputs import Transmit
from ikeengine.registry import ExchangeType
from ikeengine.sa.context import Context
from ikeengine.sa.retransmission import retransmission
from ikeengine.timers import Timer

MAX_REPEATS = 10
"""How often the same message gets the same answer: a stranger with a false address makes us send no more than that."""

HashOf = Callable[[bytes], bytes]
"""The HASH payload's data, from all the payloads behind it."""


def begin(ctx: Context, sa: IkeSa, kind: ExchangeType) -> Conversation:
    """A new exchange of ours after phase 1, with a message ID that was never used on this SA (RFC 2408 section 3.1)."""
    while True:
        message_id = int.from_bytes(ctx.rng.bytes(4), "big")
        if message_id != PHASE_1 and message_id not in sa.conversations:
            conversation = Conversation(message_id, kind, is_ours=True)
            sa.conversations.add(conversation)
            return conversation


def send_clear(
    ctx: Context, sa: IkeSa, conversation: Conversation, payloads: Sequence[Payload], *, repeat: bool
) -> bytes:
    """Send the next message of phase 1 as it is, and return it. `repeat`: until it is answered."""
    data = write_message(sa.spi_i, sa.spi_r, conversation.type, 0, conversation.message_id, payloads)
    _send(ctx, sa, conversation, data, repeat=repeat)
    return data


def send_encrypted(
    ctx: Context, sa: IkeSa, conversation: Conversation, payloads: Sequence[Payload], *, repeat: bool
) -> None:
    """Encrypt and send the next message of phase 1 or, with its HASH payload, of another exchange."""
    first, chain = write_chain(payloads)
    _encrypt_and_send(ctx, sa, conversation, first, chain, repeat=repeat)


def send_hashed(
    ctx: Context,
    sa: IkeSa,
    conversation: Conversation,
    payloads: Sequence[Payload],
    *,
    repeat: bool,
    hash_of: HashOf | None = None,
) -> None:
    """Send a message of an exchange after phase 1, with a HASH payload in front; HASH(1) unless said otherwise."""
    _unused, rest = write_chain(payloads)
    if hash_of is None:
        digest = hash_1(sa.prf_id, sa.keyring.keys.skeyid_a, conversation.message_id, rest)
    else:
        digest = hash_of(rest)
    send_encrypted(ctx, sa, conversation, [Hash(digest), *payloads], repeat=repeat)


def send_informational(ctx: Context, sa: IkeSa, payloads: Sequence[Payload]) -> None:
    """Tell the peer something that it does not answer (RFC 2409 section 5.7)."""
    conversation = begin(ctx, sa, ExchangeType.INFORMATIONAL_V1)
    send_hashed(ctx, sa, conversation, payloads, repeat=False)
    finish(sa, conversation)


def await_answer(ctx: Context, sa: IkeSa, conversation: Conversation) -> None:
    """Repeat our last message, from now on, until the peer says something new."""
    conversation.tries = 0
    _arm(ctx, sa, conversation)


def answered(sa: IkeSa, conversation: Conversation) -> None:
    """Our last message has its answer: it is not repeated any more."""
    conversation.tries = 0
    sa.unreachable = ""
    sa.timers.stop(Timer.RETRANSMIT, conversation.timer)


def finish(sa: IkeSa, conversation: Conversation) -> None:
    """An exchange is over; what it has sent last is still sent again if the peer repeats itself."""
    answered(sa, conversation)
    conversation.exchange = None
    if conversation.message_id != PHASE_1:
        sa.keyring.ivs.forget(conversation.message_id)


def repeat(ctx: Context, conversation: Conversation, path: Path) -> None:
    """The peer has sent the same message again: so do we with our answer, octet for octet."""
    if conversation.is_answered and conversation.repeats < MAX_REPEATS:
        conversation.repeats += 1
        _transmit(ctx, conversation.sent, path)


def retransmit(ctx: Context, sa: IkeSa, conversation: Conversation) -> bool:
    """Send our last message once more. False when the tries are used up."""
    most, exchange = retransmission(ctx.settings, sa.connection).tries, conversation.exchange
    if exchange is not None and exchange.most_repeats is not None:
        most = min(most, exchange.most_repeats)
    if conversation.tries >= most:
        return False
    conversation.tries += 1
    _transmit(ctx, conversation.sent, sa.path)
    _arm(ctx, sa, conversation)
    return True


def _encrypt_and_send(
    ctx: Context, sa: IkeSa, conversation: Conversation, first: int, chain: bytes, *, repeat: bool
) -> None:
    keyring, message_id = sa.keyring, conversation.message_id
    octets, next_iv = keyring.cipher.encrypt(keyring.ivs.next_iv(message_id), chain)
    keyring.ivs.commit(message_id, next_iv)
    data = frame(sa.spi_i, sa.spi_r, conversation.type, FLAG_ENCRYPTION, message_id, first, octets)
    _send(ctx, sa, conversation, data, repeat=repeat)


def _send(ctx: Context, sa: IkeSa, conversation: Conversation, data: bytes, *, repeat: bool) -> None:
    conversation.sent = in_fragments(ctx, sa, data)
    conversation.tries = 0
    conversation.is_answered = True
    conversation.repeats = 0
    _transmit(ctx, conversation.sent, sa.path)
    if repeat:
        _arm(ctx, sa, conversation)


def _transmit(ctx: Context, message: tuple[bytes, ...], path: Path) -> None:
    for datagram in message:
        ctx.emit(Transmit(datagram, path))


def _arm(ctx: Context, sa: IkeSa, conversation: Conversation) -> None:
    delay = retransmission(ctx.settings, sa.connection).delay(conversation.tries, ctx.rng)
    sa.timers.set(Timer.RETRANSMIT, ctx.now + delay, conversation.timer)
