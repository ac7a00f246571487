"""Names of any kind, as they stand in alternative names, constraints and distribution points (RFC 5280 4.2.1.6)."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from ipaddress import IPv4Network, IPv6Network

from cryptography import x509

from ikeengine.crypto import names
from ikeengine.model.immutable import immutable

MAX_NAMES = 512
"""Most alternative names, and most subtrees of name constraints; keeps comparing them cheap."""


class NameKind(Enum):
    """Kinds of GeneralName (RFC 5280 section 4.2.1.6). OTHER are those that nothing here understands."""

    DNS = "DNS name"
    EMAIL = "email address"
    IP = "IP address"
    DN = "distinguished name"
    URI = "URI"
    OTHER = "other name"


@immutable
class GeneralName:
    """A name in a certificate. `value` is text in UTF-8, DER for DN, packed for IP (with the mask in a constraint)."""

    kind: NameKind
    value: bytes


def read_general_names(found: Iterable[x509.GeneralName]) -> tuple[GeneralName, ...]:
    """The names of an extension. Raises ValueError for too many, or for a malformed distinguished name."""
    general_names = tuple(map(_general_name, found))
    if len(general_names) > MAX_NAMES:
        raise ValueError(f"{len(general_names)} names are too many")
    return general_names


def _general_name(name: x509.GeneralName) -> GeneralName:
    match name:
        case x509.DNSName():
            return GeneralName(NameKind.DNS, name.value.encode())
        case x509.RFC822Name():
            return GeneralName(NameKind.EMAIL, name.value.encode())
        case x509.UniformResourceIdentifier():
            return GeneralName(NameKind.URI, name.value.encode())
        case x509.DirectoryName():
            encoded = name.value.public_bytes()
            names.comparable(encoded)  # so that nobody who compares it later has to expect garbage
            return GeneralName(NameKind.DN, encoded)
        case x509.IPAddress():
            return GeneralName(NameKind.IP, _packed(name))
    return GeneralName(NameKind.OTHER, type(name).__name__.encode())


def _packed(name: x509.IPAddress) -> bytes:
    address = name.value
    if isinstance(address, IPv4Network | IPv6Network):
        return address.network_address.packed + address.netmask.packed
    return address.packed
