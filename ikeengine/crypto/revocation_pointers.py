"""Where a certificate says that its status can be learned: CRL distribution points and OCSP responders.

RFC 5280 sections 4.2.1.13, 4.2.1.15 and 4.2.2.1; RFC 6960 section 4.2.2.2.1.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID

from ikeengine.crypto.general_names import GeneralName, NameKind, read_general_names
from ikeengine.model.immutable import immutable

MAX_POINTS = 32
"""Most distribution points of one certificate."""
MAX_URI_OCTETS = 2048

_NO_LIMIT = (x509.ReasonFlags.unspecified, x509.ReasonFlags.remove_from_crl)
ALL_REASONS = frozenset(reason.value for reason in x509.ReasonFlags if reason not in _NO_LIMIT)
"""What a CRL may be limited to; a CRL without such a limit covers all of them."""


@immutable
class DistributionPoint:
    """Where one CRL is, or one part of it.

    `relative_name` (DER of a name with a single RDN) completes the name of the CRL's issuer. `reasons` are the reasons
    for revocation that the CRL covers. `crl_issuers` is set if somebody else than the certificate's issuer signs it.
    """

    names: tuple[GeneralName, ...] = ()
    relative_name: bytes = b""
    reasons: frozenset[str] = ALL_REASONS
    crl_issuers: tuple[GeneralName, ...] = ()


@immutable
class Pointers:
    """The pointers of a certificate. `ocsp_no_check`: its holder is an OCSP responder that needs no check itself."""

    crl_points: tuple[DistributionPoint, ...] = ()
    delta_points: tuple[DistributionPoint, ...] = ()
    ocsp_uris: tuple[str, ...] = ()
    ocsp_no_check: bool = False

    @property
    def crl_uris(self) -> tuple[str, ...]:
        """Where to fetch CRLs."""
        return uris_of(self.crl_points)

    @property
    def delta_uris(self) -> tuple[str, ...]:
        """Where to fetch what has changed since the last CRL."""
        return uris_of(self.delta_points)


NO_POINTERS = Pointers()


def read_pointer(value: x509.ExtensionType) -> dict[str, Any] | None:
    """The fields of Pointers that one extension sets, None for another extension. Raises ValueError."""
    match value:
        case x509.CRLDistributionPoints():
            return {"crl_points": read_points(value)}
        case x509.FreshestCRL():
            return {"delta_points": read_points(value)}
        case x509.AuthorityInformationAccess():
            locations = [d for d in value if d.access_method == AuthorityInformationAccessOID.OCSP]
            return {"ocsp_uris": _uris(read_general_names(d.access_location for d in locations))}
        case x509.OCSPNoCheck():
            return {"ocsp_no_check": True}
    return None


def read_points(points: Iterable[x509.DistributionPoint]) -> tuple[DistributionPoint, ...]:
    """Distribution points of a certificate, or of a CRL's FreshestCRL extension. Raises ValueError."""
    found = tuple(_point(point) for point in points)
    if len(found) > MAX_POINTS:
        raise ValueError(f"{len(found)} distribution points are too many")
    return found


def uris_of(points: Iterable[DistributionPoint]) -> tuple[str, ...]:
    """Where to fetch the CRLs of some distribution points, each once."""
    return tuple(dict.fromkeys(uri for point in points for uri in _uris(point.names)))


def relative_name(rdn: x509.RelativeDistinguishedName | None) -> bytes:
    """A relative name as the DER of a name with this RDN alone; empty if there is none."""
    return x509.Name([rdn]).public_bytes() if rdn is not None else b""


def read_reasons(found: frozenset[x509.ReasonFlags] | None) -> frozenset[str]:
    """The reasons for revocation that a CRL covers, all if it does not say."""
    return ALL_REASONS if not found else frozenset(reason.value for reason in found) & ALL_REASONS


def _point(point: x509.DistributionPoint) -> DistributionPoint:
    return DistributionPoint(
        names=read_general_names(point.full_name or ()),
        relative_name=relative_name(point.relative_name),
        reasons=read_reasons(point.reasons),
        crl_issuers=read_general_names(point.crl_issuer or ()),
    )


def _uris(names: Iterable[GeneralName]) -> tuple[str, ...]:
    """The URIs among some names. One that is no printable ASCII text leads nowhere."""
    found = [name.value for name in names if name.kind is NameKind.URI and len(name.value) <= MAX_URI_OCTETS]
    return tuple(uri.decode() for uri in found if uri.isascii() and uri.decode().isprintable() and b" " not in uri)
