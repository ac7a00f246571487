"""One file per payload of RFC 2408 section 3 and its extensions, and the registry that finds the reader of a type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ikeengine.ikev1.wire.numbers import PayloadType
from ikeengine.ikev1.wire.payloads.attributes import Attributes
from ikeengine.ikev1.wire.payloads.certificate import Cert
from ikeengine.ikev1.wire.payloads.certificate_request import CertReq
from ikeengine.ikev1.wire.payloads.delete import Delete
from ikeengine.ikev1.wire.payloads.fragment import Fragment
from ikeengine.ikev1.wire.payloads.hash import Hash
from ikeengine.ikev1.wire.payloads.identification import Id
from ikeengine.ikev1.wire.payloads.ke import Ke
from ikeengine.ikev1.wire.payloads.nat_d import NatD
from ikeengine.ikev1.wire.payloads.nat_oa import NatOa
from ikeengine.ikev1.wire.payloads.nonce import Nonce
from ikeengine.ikev1.wire.payloads.notify import Notify
from ikeengine.ikev1.wire.payloads.sa import ProposalPayload, Sa, TransformPayload
from ikeengine.ikev1.wire.payloads.signature import Signature
from ikeengine.ikev1.wire.payloads.unknown import UnknownPayload
from ikeengine.ikev1.wire.payloads.vendor_id import VendorId
from ikeengine.wire.reader import Reader

KnownPayload = (
    Sa
    | Ke
    | Id
    | Cert
    | CertReq
    | Hash
    | Signature
    | Nonce
    | Notify
    | Delete
    | VendorId
    | Attributes
    | NatD
    | NatOa
    | Fragment
)
Payload = KnownPayload | UnknownPayload

READERS: Final[dict[int, Callable[[Reader], KnownPayload]]] = {
    PayloadType.SA: Sa.read,
    PayloadType.KE: Ke.read,
    PayloadType.ID: Id.read,
    PayloadType.CERT: Cert.read,
    PayloadType.CERTREQ: CertReq.read,
    PayloadType.HASH: Hash.read,
    PayloadType.SIG: Signature.read,
    PayloadType.NONCE: Nonce.read,
    PayloadType.NOTIFY: Notify.read,
    PayloadType.DELETE: Delete.read,
    PayloadType.VENDOR_ID: VendorId.read,
    PayloadType.ATTRIBUTES: Attributes.read,
    PayloadType.NAT_D: NatD.read,
    PayloadType.NAT_OA: NatOa.read,
    PayloadType.NAT_D_DRAFT: NatD.read_draft,
    PayloadType.NAT_OA_DRAFT: NatOa.read_draft,
    PayloadType.FRAGMENT: Fragment.read,
}
"""How to read a payload, by its type."""

__all__ = [
    "READERS",
    "Attributes",
    "Cert",
    "CertReq",
    "Delete",
    "Fragment",
    "Hash",
    "Id",
    "Ke",
    "KnownPayload",
    "NatD",
    "NatOa",
    "Nonce",
    "Notify",
    "Payload",
    "ProposalPayload",
    "Sa",
    "Signature",
    "TransformPayload",
    "UnknownPayload",
    "VendorId",
]
