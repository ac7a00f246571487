"""Proposals of phase 2 that belong together, read into the words of the model (RFC 2408 section 4.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ikeengine.ikev1.proposals.child_transforms import ChildTransform, read_transform
from ikeengine.ikev1.wire.numbers import ProtocolId
from ikeengine.ikev1.wire.payloads.sa import ProposalPayload
from ikeengine.registry import Protocol

PROTOCOL_ID: dict[Protocol, ProtocolId] = {
    Protocol.ESP: ProtocolId.ESP,
    Protocol.AH: ProtocolId.AH,
    Protocol.IPCOMP: ProtocolId.IPCOMP,
}
PROTOCOL_OF: dict[ProtocolId, Protocol] = {number: protocol for protocol, number in PROTOCOL_ID.items()}
_FIRST_FREE_SPI = 256
"""Smaller SPIs are reserved (RFC 4303 section 2.1), and so are CPIs (RFC 3173 section 3.3)."""
_LAST_CPI = 61439


class Part(NamedTuple):
    """One protocol of a bundle: the SPI of its sender, and its transforms, None for those that we do not know."""

    spi: bytes
    transforms: tuple[ChildTransform | None, ...]


Bundle = dict[Protocol, Part]


def read_bundle(payloads: Sequence[ProposalPayload]) -> Bundle | None:
    """The parts of a bundle; None if a protocol is unknown or is in it twice. Raises as `read_transform` does."""
    bundle: Bundle = {}
    for payload in payloads:
        protocol = PROTOCOL_OF.get(payload.protocol)
        if protocol is None or protocol in bundle:
            return None
        bundle[protocol] = Part(payload.spi, tuple(read_transform(protocol, one) for one in payload.transforms))
    return bundle


def spis_are_sane(bundle: Bundle) -> bool:
    """Whether each SPI has the length of its protocol and is not reserved. A CPI may fill four octets."""
    return all(_is_sane(protocol, part.spi) for protocol, part in bundle.items())


def _is_sane(protocol: Protocol, spi: bytes) -> bool:
    number = int.from_bytes(spi, "big")
    if protocol == Protocol.IPCOMP:
        return len(spi) in (2, 4) and _FIRST_FREE_SPI <= number <= _LAST_CPI
    return len(spi) == 4 and number >= _FIRST_FREE_SPI
