"""IKEv1 messages that no honest peer would send, and honest ones with changes: with the keys of live ISAKMP SAs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ikeengine.ikev1.keys.hashes import hash_1
from ikeengine.ikev1.wire.message import (
    FLAG_ENCRYPTION,
    frame,
    is_encrypted,
    parse,
    read_chain,
    write_chain,
    write_message,
)
from ikeengine.ikev1.wire.payloads import Hash, Payload
from ikeengine.registry import ExchangeType
from ikeengine.wire.header import HEADER_LENGTH, read_header
from tests.engine.support.pair import Host

Edit = Callable[[list[Payload]], Sequence[Payload]]


def the_sa(host: Host) -> Any:
    """The only ISAKMP SA of a host."""
    (sa,) = host.endpoint._ctx.table
    return sa


def encrypted(sa: Any, exchange: int, message_id: int, first: int, chain: bytes) -> bytes:
    """A message that this ISAKMP SA can decrypt."""
    keyring = sa.keyring
    octets = keyring.cipher.encrypt(keyring.ivs.next_iv(message_id), chain)[0] if chain else b""
    return frame(sa.spi_i, sa.spi_r, exchange, FLAG_ENCRYPTION, message_id, first, octets)


def authentic(sa: Any, exchange: int, message_id: int, payloads: Sequence[Payload]) -> bytes:
    """A message of the peer of this ISAKMP SA, with the HASH payload that belongs there."""
    _unused, rest = write_chain(payloads)
    return encrypted(sa, exchange, message_id, *write_chain([Hash(expected_hash(sa, message_id, rest)), *payloads]))


def informational(sa: Any, message_id: int, *payloads: Payload) -> bytes:
    """An authentic Informational message of the peer of this ISAKMP SA."""
    return authentic(sa, ExchangeType.INFORMATIONAL_V1, message_id, payloads)


def expected_hash(sa: Any, message_id: int, rest: bytes) -> bytes:
    """The HASH that this ISAKMP SA would take next in an exchange."""
    conversation = sa.conversations.get(message_id)
    if conversation is not None and conversation.exchange is not None:
        return bytes(conversation.exchange.hash_of(sa, message_id, rest))
    return hash_1(sa.prf_id, sa.keyring.keys.skeyid_a, message_id, rest)


def open_for(sa: Any, data: bytes) -> tuple[int, bytes]:
    """The type of the first payload and the decrypted payloads of a message that this ISAKMP SA is about to get."""
    header = read_header(data)
    octets, _next_iv = sa.keyring.cipher.decrypt(sa.keyring.ivs.next_iv(header.message_id), data[HEADER_LENGTH:])
    return header.next_payload, octets


def changed(sa: Any, data: bytes, edit: Edit) -> bytes:
    """A message with other payloads, but with a HASH that is right for them."""
    header = read_header(data)
    if not is_encrypted(header):
        payloads = edit(list(parse(data).chain.payloads))
        return write_message(header.spi_i, header.spi_r, header.exchange, 0, header.message_id, payloads)
    payloads = list(edit(list(read_chain(*open_for(sa, data), protected=True).payloads)))
    if header.message_id and payloads and isinstance(payloads[0], Hash):
        payloads[0] = Hash(expected_hash(sa, header.message_id, write_chain(payloads[1:])[1]))
    return encrypted(sa, header.exchange, header.message_id, *write_chain(payloads))
