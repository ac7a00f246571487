"""From numbers on the wire to members of the open enums, without paying for the enum call each time."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final

from ikeengine.registry import (
    AuthMethod,
    CertEncoding,
    CpAttribute,
    CpType,
    ExchangeType,
    IdType,
    NotifyType,
    PayloadType,
    Protocol,
    TransformType,
)

_OCTET = range(256)

AUTH_METHODS: Final = tuple(map(AuthMethod, _OCTET))
CERT_ENCODINGS: Final = tuple(map(CertEncoding, _OCTET))
CP_TYPES: Final = tuple(map(CpType, _OCTET))
EXCHANGES: Final = tuple(map(ExchangeType, _OCTET))
ID_TYPES: Final = tuple(map(IdType, _OCTET))
PAYLOAD_TYPES: Final = tuple(map(PayloadType, _OCTET))
PROTOCOLS: Final = tuple(map(Protocol, _OCTET))
TRANSFORM_TYPES: Final = tuple(map(TransformType, _OCTET))
"""Indexed by the octet, known or not."""

notify_type: Final[Callable[[int], NotifyType]] = lru_cache(maxsize=512)(NotifyType)
cp_attribute: Final[Callable[[int], CpAttribute]] = lru_cache(maxsize=512)(CpAttribute)
"""Two octets wide, therefore remembered instead of tabulated."""
