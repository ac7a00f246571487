"""NAT traversal (RFC 3947) and the drafts that older peers know: what is sent under which number, and NAT detection."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from ikeengine.ikev1.messages import vendor_ids
from ikeengine.ikev1.messages.vendor_ids import VendorIdentity
from ikeengine.ikev1.wire.algorithms import EncapsulationMode
from ikeengine.ikev1.wire.numbers import PayloadType
from ikeengine.ikev1.wire.payloads import NatD
from ikeengine.model.immutable import immutable
from ikeengine.model.path import Path, packed

HashFunction = Callable[[bytes], bytes]
"""The hash algorithm that phase 1 has negotiated."""


@immutable
class NatTraversal:
    """One way to do NAT traversal: who announces the vendor ID uses these numbers."""

    vendor_id: VendorIdentity
    nat_d: PayloadType = PayloadType.NAT_D
    nat_oa: PayloadType = PayloadType.NAT_OA
    tunnel: EncapsulationMode = EncapsulationMode.UDP_TUNNEL
    transport: EncapsulationMode = EncapsulationMode.UDP_TRANSPORT


def _draft(vendor_id: VendorIdentity) -> NatTraversal:
    return NatTraversal(
        vendor_id,
        PayloadType.NAT_D_DRAFT,
        PayloadType.NAT_OA_DRAFT,
        EncapsulationMode.UDP_TUNNEL_DRAFT,
        EncapsulationMode.UDP_TRANSPORT_DRAFT,
    )


VARIANTS: Final = (
    NatTraversal(vendor_ids.NAT_T_RFC_3947),
    _draft(vendor_ids.NAT_T_DRAFT_03),
    _draft(vendor_ids.NAT_T_DRAFT_02),
    _draft(vendor_ids.NAT_T_DRAFT_02_NEWLINE),
)
"""The best one first. Drafts 00 and 01 stay on port 500 with another encapsulation and are not among them."""

ANNOUNCED: Final = (VARIANTS[0], VARIANTS[3])
"""What an initiator offers; every peer that knows a draft knows the one with the newline."""


def choose(received: Iterable[bytes]) -> NatTraversal | None:
    """The best way that a peer's vendor IDs offer, or None if it does not know NAT traversal as we do.

    A responder answers with its vendor ID alone; an initiator finds in the answer what the responder has chosen.
    """
    offered = set(received)
    return next((variant for variant in VARIANTS if variant.vendor_id.octets in offered), None)


def address_hash(digest: HashFunction, spi_i: bytes, spi_r: bytes, address: str, port: int) -> bytes:
    """HASH(CKY-I | CKY-R | IP | Port), RFC 3947 section 3.2."""
    return digest(spi_i + spi_r + packed(address) + port.to_bytes(2, "big"))


def payloads(
    variant: NatTraversal, digest: HashFunction, spi_i: bytes, spi_r: bytes, path: Path, *, fake: bool
) -> list[NatD]:
    """Our NAT-D payloads: the peer's address, then ours. `fake` makes the peer believe that we are behind a NAT."""
    destination = address_hash(digest, spi_i, spi_r, path.remote, path.remote_port)
    source = address_hash(digest, spi_i, spi_r, path.local, path.local_port)
    return [
        NatD(destination, variant.nat_d),
        NatD(bytes(len(source)) if fake else source, variant.nat_d),
    ]


def detect(
    received: Sequence[NatD], variant: NatTraversal, digest: HashFunction, spi_i: bytes, spi_r: bytes, path: Path
) -> tuple[bool, bool]:
    """Whether (we, the peer) sit behind a NAT, from the NAT-D payloads of a message that came on `path`.

    Without any there is nothing to tell: (False, False).
    """
    hashes = [payload.data for payload in received if payload.type == variant.nat_d]
    if not hashes:
        return False, False
    local = hashes[0] != address_hash(digest, spi_i, spi_r, path.local, path.local_port)
    remote = address_hash(digest, spi_i, spi_r, path.remote, path.remote_port) not in hashes[1:]
    return local, remote
