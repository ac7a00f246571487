"""The extensions of an X.509 certificate (RFC 5280 section 4.2), taken out of the library's objects."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cryptography import x509

from ikeengine.crypto.general_names import GeneralName, read_general_names
from ikeengine.crypto.policy_extensions import NO_POLICIES, Policies, read_policy_extension
from ikeengine.crypto.revocation_pointers import NO_POINTERS, Pointers, read_pointer
from ikeengine.model.immutable import immutable


@immutable
class NameConstraints:
    """Subtrees in which the names of a CA's certificates must, or must not be (RFC 5280 section 4.2.1.10)."""

    permitted: tuple[GeneralName, ...]
    excluded: tuple[GeneralName, ...]


@immutable
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
    policies: Policies = NO_POLICIES
    pointers: Pointers = NO_POINTERS
    unknown_critical: tuple[str, ...] = ()


def read_extensions(certificate: x509.Certificate) -> Extensions:
    """All extensions that we know. Raises whatever the library raises, and ValueError for too many names."""
    fields: dict[str, Any] = {}
    policies, pointers = NO_POLICIES, NO_POINTERS
    unknown = []
    for extension in certificate.extensions:
        value = extension.value
        if (known := _read(value)) is not None:
            fields.update(known)
        elif (of_policy := read_policy_extension(value)) is not None:
            policies = replace(policies, **of_policy)
        elif (pointer := read_pointer(value)) is not None:
            pointers = replace(pointers, **pointer)
        elif extension.critical:
            unknown.append(extension.oid.dotted_string)
    return Extensions(**fields, policies=policies, pointers=pointers, unknown_critical=tuple(unknown))


def _read(value: x509.ExtensionType) -> dict[str, Any] | None:
    """The fields of Extensions that one extension sets, None for an extension that we do not know."""
    match value:
        case x509.SubjectAlternativeName():
            return {"names": read_general_names(value)}
        case x509.BasicConstraints():
            return {"is_ca": value.ca, "path_length": value.path_length}
        case x509.KeyUsage():
            return {"key_usage": frozenset(usage for usage in _KEY_USAGES if getattr(value, usage))}
        case x509.ExtendedKeyUsage():
            return {"extended_key_usage": tuple(purpose.dotted_string for purpose in value)}
        case x509.NameConstraints():
            permitted = read_general_names(value.permitted_subtrees or ())
            return {"name_constraints": NameConstraints(permitted, read_general_names(value.excluded_subtrees or ()))}
        case x509.SubjectKeyIdentifier():
            return {"subject_key_id": value.digest}
        case x509.AuthorityKeyIdentifier():
            return {"authority_key_id": value.key_identifier or b""}
    return None


_KEY_USAGES = ("digital_signature", "content_commitment", "key_cert_sign", "crl_sign")
