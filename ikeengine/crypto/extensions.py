"""The extensions of an X.509 certificate (RFC 5280 section 4.2), taken out of the library's objects."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Network, IPv6Network
from typing import Any

from cryptography import x509

from ikeengine.crypto import names

MAX_NAMES = 512
"""Most alternative names, and most subtrees of name constraints; keeps comparing them cheap."""

_ANY_POLICY_IS_FINE = frozenset({"2.5.29.32", "2.5.29.33", "2.5.29.54"})
"""certificatePolicies, policyMappings and inhibitAnyPolicy. We accept any policy, so they have nothing to say unless
policyConstraints asks for an explicit policy; such a policyConstraints, if critical, is refused as unknown."""


class NameKind(Enum):
    """Kinds of GeneralName (RFC 5280 section 4.2.1.6). OTHER are those that nothing here understands."""

    DNS = "DNS name"
    EMAIL = "email address"
    IP = "IP address"
    DN = "distinguished name"
    URI = "URI"
    OTHER = "other name"


@dataclass(frozen=True, slots=True)
class GeneralName:
    """A name in a certificate. `value` is text in UTF-8, DER for DN, packed for IP (with the mask in a constraint)."""

    kind: NameKind
    value: bytes


@dataclass(frozen=True, slots=True)
class NameConstraints:
    """Subtrees in which the names of a CA's certificates must, or must not be (RFC 5280 section 4.2.1.10)."""

    permitted: tuple[GeneralName, ...]
    excluded: tuple[GeneralName, ...]


@dataclass(frozen=True, slots=True)
class Extensions:
    """What the extensions of a certificate say. Absent ones are None or empty; OIDs are dotted text."""

    names: tuple[GeneralName, ...] = ()
    is_ca: bool = False
    path_length: int | None = None
    key_usage: frozenset[str] | None = None
    extended_key_usage: tuple[str, ...] | None = None
    name_constraints: NameConstraints | None = None
    subject_key_id: bytes = b""
    authority_key_id: bytes = b""
    unknown_critical: tuple[str, ...] = ()


def read_extensions(certificate: x509.Certificate) -> Extensions:
    """All extensions that we know. Raises whatever the library raises, and ValueError for too many names."""
    fields: dict[str, Any] = {}
    unknown = []
    for extension in certificate.extensions:
        known = _read(extension.value)
        if known is not None:
            fields.update(known)
        elif extension.critical and extension.oid.dotted_string not in _ANY_POLICY_IS_FINE:
            unknown.append(extension.oid.dotted_string)
    return Extensions(**fields, unknown_critical=tuple(unknown))


def _read(value: x509.ExtensionType) -> dict[str, Any] | None:
    """The fields of Extensions that one extension sets, None for an extension that we do not know."""
    match value:
        case x509.SubjectAlternativeName():
            return {"names": _general_names(value)}
        case x509.BasicConstraints():
            return {"is_ca": value.ca, "path_length": value.path_length}
        case x509.KeyUsage():
            return {"key_usage": frozenset(usage for usage in _KEY_USAGES if getattr(value, usage))}
        case x509.ExtendedKeyUsage():
            return {"extended_key_usage": tuple(purpose.dotted_string for purpose in value)}
        case x509.NameConstraints():
            permitted = _general_names(value.permitted_subtrees or ())
            return {"name_constraints": NameConstraints(permitted, _general_names(value.excluded_subtrees or ()))}
        case x509.SubjectKeyIdentifier():
            return {"subject_key_id": value.digest}
        case x509.AuthorityKeyIdentifier():
            return {"authority_key_id": value.key_identifier or b""}
        case x509.PolicyConstraints(require_explicit_policy=None):
            return {}
    return None


_KEY_USAGES = ("digital_signature", "content_commitment", "key_cert_sign", "crl_sign")


def _general_names(found: Iterable[x509.GeneralName]) -> tuple[GeneralName, ...]:
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
