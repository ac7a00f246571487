"""What protects the packets of an SA: ESP, AH, or ESP within AH (RFC 2401 section 4.3).

IP header | AH | ESP header | payload, ESP trailer | ICV of ESP        (its ICV is in AH, and covers all of that)
"""

from __future__ import annotations

from weakref import WeakValueDictionary

from ikeengine.crypto.rng import Rng
from ikeengine.datapath.userspace.ah import AhReceiver, AhSender
from ikeengine.datapath.userspace.esp import EspReceiver, EspSender
from ikeengine.datapath.userspace.packet import MalformedPacket
from ikeengine.model.sa import IpsecSa
from ikeengine.registry import Protocol

ESP = 50
_SPI_OCTETS = 4

EspOfBundles = WeakValueDictionary[tuple[int, bytes], EspReceiver]
"""The ESP of inbound bundles, by reqid and SPI."""


class BundleSender:
    """Puts ESP within AH."""

    __slots__ = ("_ah", "_esp", "sign")

    def __init__(self, sa: IpsecSa, rng: Rng) -> None:
        self._esp = EspSender(sa, rng)
        self._ah = AhSender(sa.outermost)
        self.sign = self._ah.sign

    def seal(self, payload: bytes, next_header: int) -> bytes:
        """The Authentication Header, unsigned, and the ESP packet behind it. Raises SequenceExhausted."""
        return self._ah.seal(self._esp.seal(payload, next_header), ESP)


class BundleReceiver:
    """Takes ESP out of AH.

    A peer that rekeys has two SAs to change: for a moment it may put the ESP of one bundle into the AH of the other.
    """

    __slots__ = ("_ah", "_esp", "_of_bundles", "_reqid")

    def __init__(self, sa: IpsecSa, of_bundles: EspOfBundles) -> None:
        self._ah = AhReceiver(sa.outermost)
        self._reqid = sa.reqid
        self._esp = of_bundles[sa.reqid, sa.spi.to_bytes(_SPI_OCTETS, "big")] = EspReceiver(sa)
        self._of_bundles = of_bundles

    def open(self, packet: bytes) -> tuple[bytes, int]:
        """The payload and the next header of a whole IP packet. Raises Replayed, IntegrityFailed or MalformedPacket."""
        inside, next_header = self._ah.open(packet)
        esp = self._of_bundles.get((self._reqid, inside[:_SPI_OCTETS])) if next_header == ESP else None
        if esp is None:
            raise MalformedPacket("AH without the ESP of its bundle")
        return esp.open(inside)


Sender = EspSender | AhSender | BundleSender
Receiver = EspReceiver | AhReceiver | BundleReceiver


def sender_of(sa: IpsecSa, rng: Rng) -> Sender:
    """What protects the packets of an outbound SA."""
    if sa.ah is not None:
        return BundleSender(sa, rng)
    return AhSender(sa) if sa.protocol is Protocol.AH else EspSender(sa, rng)


def receiver_of(sa: IpsecSa, of_bundles: EspOfBundles) -> Receiver:
    """What takes the protection off the packets of an inbound SA."""
    if sa.ah is not None:
        return BundleReceiver(sa, of_bundles)
    return AhReceiver(sa) if sa.protocol is Protocol.AH else EspReceiver(sa)
