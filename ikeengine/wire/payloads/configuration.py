"""Configuration payload (RFC 7296 section 3.15)."""

from __future__ import annotations

from struct import Struct
from typing import ClassVar, Final, Self

from ikeengine.errors import InvalidSyntax
from ikeengine.model.immutable import immutable
from ikeengine.registry import CpAttribute, CpType, PayloadType
from ikeengine.wire.caps import MAX_CP_ATTRIBUTES
from ikeengine.wire.codepoints import CP_TYPES, cp_attribute
from ikeengine.wire.reader import Reader

_LAYOUT = Struct("!B3x")
_ATTRIBUTE = Struct("!HH")
_TYPE_MASK: Final = 0x7FFF
"""The top bit is reserved and ignored."""

VALUE_LENGTHS: Final[dict[int, frozenset[int]]] = {
    CpAttribute.INTERNAL_IP4_ADDRESS: frozenset({0, 4}),
    CpAttribute.INTERNAL_IP4_NETMASK: frozenset({0, 4}),
    CpAttribute.INTERNAL_IP4_DNS: frozenset({0, 4}),
    CpAttribute.INTERNAL_IP4_NBNS: frozenset({0, 4}),
    CpAttribute.INTERNAL_IP4_DHCP: frozenset({0, 4}),
    # 16 is what some peers send in place of address and prefix length, as in IKEv1.
    CpAttribute.INTERNAL_IP6_ADDRESS: frozenset({0, 16, 17}),
    CpAttribute.INTERNAL_IP6_DNS: frozenset({0, 16}),
    CpAttribute.INTERNAL_IP6_DHCP: frozenset({0, 16}),
    CpAttribute.INTERNAL_IP4_SUBNET: frozenset({0, 8}),
    CpAttribute.INTERNAL_IP6_SUBNET: frozenset({0, 17}),
}
"""Octets that a value may have (RFC 7296 section 3.15.1); attributes that are not here take any."""


@immutable
class CpAttributeValue:
    """One attribute. In a request an empty value asks for one.

    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |R|         Attribute Type      |            Length             |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    ~                             Value                             ~
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    """

    kind: CpAttribute
    value: bytes = b""


@immutable
class Configuration:
    """A request for configuration, or the answer.

    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |   CFG Type    |                    RESERVED                   |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    ~                   Configuration Attributes                    ~
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    """

    type: ClassVar[PayloadType] = PayloadType.CP

    kind: CpType
    attributes: tuple[CpAttributeValue, ...] = ()

    @classmethod
    def read(cls, body: Reader) -> Self:
        """Decode a body; raises InvalidSyntax."""
        (kind,) = body.unpack(_LAYOUT)
        attributes: list[CpAttributeValue] = []
        while body.remaining:
            if len(attributes) == MAX_CP_ATTRIBUTES:
                raise InvalidSyntax(f"more than {MAX_CP_ATTRIBUTES} configuration attributes")
            attributes.append(_read_attribute(body))
        return cls(CP_TYPES[kind], tuple(attributes))

    def write(self) -> bytes:
        """Encode the body."""
        parts = [_LAYOUT.pack(self.kind)]
        for attribute in self.attributes:
            parts += _ATTRIBUTE.pack(attribute.kind, len(attribute.value)), attribute.value
        return b"".join(parts)


def _read_attribute(body: Reader) -> CpAttributeValue:
    number, length = body.unpack(_ATTRIBUTE)
    kind = cp_attribute(number & _TYPE_MASK)
    allowed = VALUE_LENGTHS.get(kind)
    if (allowed is not None and length not in allowed) or (kind == CpAttribute.SUPPORTED_ATTRIBUTES and length % 2):
        raise InvalidSyntax(f"{length} octets for {kind.name}")
    return CpAttributeValue(kind, body.take(length))
