"""One file per payload of RFC 7296 section 3, and the registry that finds the reader of a payload type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ikeengine.wire.payloads.authentication import Auth
from ikeengine.wire.payloads.certificate import Cert
from ikeengine.wire.payloads.certificate_request import CertReq
from ikeengine.wire.payloads.configuration import Configuration, CpAttributeValue
from ikeengine.wire.payloads.delete import Delete
from ikeengine.wire.payloads.eap import Eap
from ikeengine.wire.payloads.identification import IdInitiator, IdResponder
from ikeengine.wire.payloads.ke import Ke
from ikeengine.wire.payloads.nonce import Nonce
from ikeengine.wire.payloads.notify import Notify
from ikeengine.wire.payloads.sa import Sa
from ikeengine.wire.payloads.traffic_selectors import TsInitiator, TsResponder, UnknownSelector
from ikeengine.wire.payloads.unknown import UnknownPayload
from ikeengine.wire.payloads.vendor_id import VendorId
from ikeengine.wire.reader import Reader

KnownPayload = (
    Sa
    | Ke
    | IdInitiator
    | IdResponder
    | Cert
    | CertReq
    | Auth
    | Nonce
    | Notify
    | Delete
    | VendorId
    | TsInitiator
    | TsResponder
    | Configuration
    | Eap
)
Payload = KnownPayload | UnknownPayload

_CLASSES: Final[tuple[type[KnownPayload], ...]] = (
    Sa,
    Ke,
    IdInitiator,
    IdResponder,
    Cert,
    CertReq,
    Auth,
    Nonce,
    Notify,
    Delete,
    VendorId,
    TsInitiator,
    TsResponder,
    Configuration,
    Eap,
)

READERS: Final[dict[int, Callable[[Reader], KnownPayload]]] = {cls.type: cls.read for cls in _CLASSES}
"""How to read a payload, by its type. SK and SKF are not payloads in this sense: see `wire.sk`."""

__all__ = [
    "READERS",
    "Auth",
    "Cert",
    "CertReq",
    "Configuration",
    "CpAttributeValue",
    "Delete",
    "Eap",
    "IdInitiator",
    "IdResponder",
    "Ke",
    "KnownPayload",
    "Nonce",
    "Notify",
    "Payload",
    "Sa",
    "TsInitiator",
    "TsResponder",
    "UnknownPayload",
    "UnknownSelector",
    "VendorId",
]
