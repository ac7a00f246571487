"""The extensions about certificate policies (RFC 5280 sections 4.2.1.4, 4.2.1.5, 4.2.1.11 and 4.2.1.14)."""

from __future__ import annotations

from typing import Any

from cryptography import x509

from ikeengine.crypto import der
from ikeengine.model.immutable import immutable

ANY_POLICY = "2.5.29.32.0"
MAX_POLICIES = 128
"""Most policies, and most mappings, of one certificate."""
MAX_SKIP = 255
"""A larger number of certificates to skip means the same as this one."""

_POLICY_MAPPINGS = x509.ObjectIdentifier("2.5.29.33")


@immutable
class Policies:
    """What a certificate says about policies; OIDs are dotted text, None is an absent extension or field."""

    certificate_policies: tuple[str, ...] | None = None
    mappings: tuple[tuple[str, str], ...] = ()
    """(policy of the issuer, policy of the subject) pairs."""
    require_explicit_policy: int | None = None
    inhibit_policy_mapping: int | None = None
    inhibit_any_policy: int | None = None


NO_POLICIES = Policies()


def read_policy_extension(value: x509.ExtensionType) -> dict[str, Any] | None:
    """The fields of Policies that one extension sets, None for another extension. Raises ValueError."""
    match value:
        case x509.CertificatePolicies():
            return {"certificate_policies": _bounded([policy.policy_identifier.dotted_string for policy in value])}
        case x509.PolicyConstraints():
            return {
                "require_explicit_policy": _skip(value.require_explicit_policy),
                "inhibit_policy_mapping": _skip(value.inhibit_policy_mapping),
            }
        case x509.InhibitAnyPolicy():
            return {"inhibit_any_policy": _skip(value.skip_certs)}
        case x509.UnrecognizedExtension() if value.oid == _POLICY_MAPPINGS:
            return {"mappings": _mappings(value.value)}
    return None


def _bounded(found: list[str]) -> tuple[str, ...]:
    if len(found) > MAX_POLICIES:
        raise ValueError(f"{len(found)} policies are too many")
    return tuple(found)


def _skip(certificates: int | None) -> int | None:
    return None if certificates is None else min(certificates, MAX_SKIP)


def _mappings(encoded: bytes) -> tuple[tuple[str, str], ...]:
    """SEQUENCE OF SEQUENCE { issuerDomainPolicy, subjectDomainPolicy }. The library does not know this extension."""
    pairs = [_pair(pair) for tag, pair in der.elements(der.only(encoded, der.SEQUENCE)) if tag == der.SEQUENCE]
    if not pairs or len(pairs) > MAX_POLICIES:
        raise ValueError(f"{len(pairs)} policy mappings")
    return tuple(pairs)


def _pair(pair: bytes) -> tuple[str, str]:
    parts = list(der.elements(pair))
    if [tag for tag, _value in parts] != [der.OBJECT_IDENTIFIER, der.OBJECT_IDENTIFIER]:
        raise ValueError("a policy mapping is not a pair of policies")
    return der.dotted_text(parts[0][1]), der.dotted_text(parts[1][1])
