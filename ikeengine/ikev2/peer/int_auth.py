"""What the AUTH payloads prove of the IKE_INTERMEDIATE exchanges (RFC 9242 section 3.3.2).

IntAuth_in = prf(SK_pin, IntAuth_in-1 | IntAuth_inA [| IntAuth_inP]), and the same with r for the responder's messages:
A is the message up to the generic header of its Encrypted payload, P the content of that payload before encryption.
Both are taken of the whole message, with lengths as if it had no IV, padding and integrity check, and no fragments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ikeengine.crypto.prf import PRF
from ikeengine.model.secret import Secret
from ikeengine.registry import ExchangeType, PayloadType
from ikeengine.wire.header import HEADER_LAYOUT, HEADER_LENGTH, VERSION_2
from ikeengine.wire.message import GENERIC_HEADER, GENERIC_LENGTH, write_chain
from ikeengine.wire.payloads import Payload

_NEXT_PAYLOAD = 16
"""Offset of Next Payload in the IKE header."""
_LENGTH = 24
"""Offset of Length in the IKE header."""
_ENCRYPTED = (PayloadType.SK, PayloadType.SKF)


@dataclass(slots=True)
class IntAuth:
    """How far both sides' values have come, on one IKE SA."""

    own: bytes = b""
    peer: bytes = b""
    exchanges: int = 0

    def add(self, prf_id: int, own: tuple[Secret, bytes], peer: tuple[Secret, bytes]) -> None:
        """One more exchange: the SK_p that was in force before it, and A | P of the message, for each side."""
        prf = PRF[prf_id]
        self.own = prf.compute(own[0].reveal(), self.own + own[1])
        self.peer = prf.compute(peer[0].reveal(), self.peer + peer[1])
        self.exchanges += 1

    def octets(self, *, is_initiator: bool) -> bytes:
        """IntAuth = IntAuth_iN | IntAuth_rN | IKE_AUTH_MID; nothing if there was no such exchange."""
        if not self.exchanges:
            return b""
        values = self.own + self.peer if is_initiator else self.peer + self.own
        return values + (self.exchanges + 1).to_bytes(4, "big")


def of_sent(spi_i: bytes, spi_r: bytes, flags: int, message_id: int, payloads: Sequence[Payload]) -> bytes:
    """A | P of an IKE_INTERMEDIATE message that we send."""
    first, content = write_chain(payloads)
    length = HEADER_LENGTH + GENERIC_LENGTH + len(content)
    exchange = ExchangeType.IKE_INTERMEDIATE
    header = HEADER_LAYOUT.pack(spi_i, spi_r, PayloadType.SK, VERSION_2, exchange, flags, message_id, length)
    return header + GENERIC_HEADER.pack(first, 0, GENERIC_LENGTH + len(content)) + content


def of_received(data: bytes, content: bytes) -> bytes:
    """A | P of a message that has passed every check: its (first) datagram, and what was inside, decrypted and joined.

    Of a fragmented message, the Encrypted Fragment payload becomes an Encrypted payload again.
    """
    kind_at, start = _NEXT_PAYLOAD, HEADER_LENGTH
    while data[kind_at] not in _ENCRYPTED:
        kind_at, start = start, start + int.from_bytes(data[start + 2 : start + 4], "big")
    head = bytearray(data[: start + GENERIC_LENGTH])
    head[kind_at] = PayloadType.SK
    head[_LENGTH : _LENGTH + 4] = (len(head) + len(content)).to_bytes(4, "big")
    head[start + 2 :] = (GENERIC_LENGTH + len(content)).to_bytes(2, "big")
    return bytes(head) + content
