"""Certificate revocation lists (RFC 5280 section 5), parsed once, completely, or not at all.

What a list means for a certificate is decided in `auth.crl_check`. Lists may be large (an entry has about 35 octets),
so entries stay with the library, which finds one without decoding the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Self

from cryptography import x509

from ikeengine.crypto import der, names
from ikeengine.crypto.der_object import DerObject, unusable
from ikeengine.crypto.general_names import GeneralName, NameKind, read_general_names
from ikeengine.crypto.keys import PublicKey
from ikeengine.crypto.revocation_pointers import (
    ALL_REASONS,
    DistributionPoint,
    read_points,
    read_reasons,
    relative_name,
)
from ikeengine.crypto.signed import check_signed, signed_part
from ikeengine.errors import AuthFailed
from ikeengine.model.immutable import immutable

MAX_CRL_OCTETS = 8 << 20
"""More than 200,000 revoked certificates."""
UNSPECIFIED = "unspecified"
REMOVED = "removeFromCRL"

_CRITICAL = b"\x01\x01\xff"
"""BOOLEAN TRUE, without which no extension is critical."""


@immutable
class Scope:
    """What a CRL covers (RFC 5280 section 5.2.5, issuingDistributionPoint); the default is everything."""

    names: tuple[GeneralName, ...] = ()
    relative_name: bytes = b""
    only_user: bool = False
    only_ca: bool = False
    only_attribute: bool = False
    reasons: frozenset[str] = ALL_REASONS
    indirect: bool = False


@immutable
class Revoked:
    """One entry: since when, and why in the words of RFC 5280 section 5.3.1."""

    since: datetime
    reason: str


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Crl(DerObject):
    """One CRL. `base_number` is set for a delta CRL. Equality is that of the DER octets."""

    NOUN: ClassVar[str] = "CRL"

    der: bytes
    issuer: bytes
    issuer_rdns: tuple[names.Rdn, ...]
    this_update: datetime
    next_update: datetime | None
    number: int
    base_number: int | None
    authority_key_id: bytes
    scope: Scope
    delta_points: tuple[DistributionPoint, ...]
    unknown_critical: tuple[str, ...]
    """Critical extensions, of the CRL or of an entry, that nothing here understands."""
    _library: x509.CertificateRevocationList

    @classmethod
    def _parse(cls, encoded: bytes) -> Self:
        if len(encoded) > MAX_CRL_OCTETS:
            raise _unusable(f"{len(encoded)} octets are too many")
        library = x509.load_der_x509_crl(encoded)
        fields: dict[str, Any] = {"number": 0, "base_number": None, "authority_key_id": b"", "scope": Scope()}
        unknown = []
        for extension in library.extensions:
            known = _read(extension.value)
            if known is not None:
                fields.update(known)
            elif extension.critical:
                unknown.append(extension.oid.dotted_string)
        issuer = _issuer(encoded)
        return cls(
            der=encoded,
            issuer=issuer,
            issuer_rdns=names.comparable(issuer),
            this_update=library.last_update_utc,
            next_update=library.next_update_utc,
            delta_points=fields.pop("delta_points", ()),
            unknown_critical=(*unknown, *_unknown_of_entries(library)),
            _library=library,
            **fields,
        )

    @property
    def issuer_text(self) -> str:
        """The issuer as strongSwan prints it."""
        return names.format_name(self.issuer)

    def check_signature(self, key: PublicKey) -> None:
        """Check that `key` signed this CRL. Raises AuthFailed("cert-validation-failed")."""
        try:
            check_signed(key, signed_part(self._library))
        except Exception as error:  # noqa: BLE001  a bad signature, another key, a forbidden hash: all the same
            detail = f"{type(error).__name__} {error}".strip()
            raise _unusable(f"the signature on the CRL of `{self.issuer_text}` does not verify: {detail}") from None

    def find(self, serial: int, issuer_rdns: tuple[names.Rdn, ...]) -> Revoked | None:
        """The entry of a certificate, None if it is not listed."""
        if self.scope.indirect:
            return _find_indirect(self._library, serial, issuer_rdns, self.issuer_rdns)
        if serial < 0:  # against RFC 5280 section 4.1.2.2, and the library does not look such a one up
            entry = next((entry for entry in self._library if entry.serial_number == serial), None)
        else:
            entry = self._library.get_revoked_certificate_by_serial_number(serial)
        return None if entry is None else _revoked(entry)

    def __len__(self) -> int:
        return len(self._library)

    def __repr__(self) -> str:
        return f"<CRL of {self.issuer_text!r} number {self.number}>"


def _unusable(detail: str) -> AuthFailed:
    return unusable(Crl.NOUN, detail)


def _issuer(encoded: bytes) -> bytes:
    """The issuer as it stands in the CRL; the algorithm inside must be the one outside (RFC 5280 section 5.1.1.2)."""
    parts = list(der.encoded_elements(der.only(encoded, der.SEQUENCE)))
    fields = list(der.encoded_elements(der.only(parts[0], der.SEQUENCE))) if len(parts) == 3 else []
    if fields and fields[0][0] == der.INTEGER:
        del fields[0]
    if len(fields) < 3:
        raise _unusable("the octets are not a CRL")
    if fields[0] != parts[1]:
        raise _unusable("it names two different signature algorithms")
    return fields[1]


def _read(value: x509.ExtensionType) -> dict[str, Any] | None:
    """The fields of Crl that one extension sets, None for an extension that we do not know."""
    match value:
        case x509.CRLNumber():
            return {"number": value.crl_number}
        case x509.DeltaCRLIndicator():
            return {"base_number": value.crl_number}
        case x509.AuthorityKeyIdentifier():
            return {"authority_key_id": value.key_identifier or b""}
        case x509.FreshestCRL():
            return {"delta_points": read_points(value)}
        case x509.IssuingDistributionPoint():
            return {"scope": _scope(value)}
    return None


def _scope(value: x509.IssuingDistributionPoint) -> Scope:
    return Scope(
        names=read_general_names(value.full_name or ()),
        relative_name=relative_name(value.relative_name),
        only_user=value.only_contains_user_certs,
        only_ca=value.only_contains_ca_certs,
        only_attribute=value.only_contains_attribute_certs,
        reasons=read_reasons(value.only_some_reasons),
        indirect=value.indirect_crl,
    )


def _unknown_of_entries(library: x509.CertificateRevocationList) -> Iterator[str]:
    """Critical extensions of entries, but for certificateIssuer. Most lists have none, which is seen at a glance."""
    if _CRITICAL not in library.tbs_certlist_bytes:
        return
    for entry in library:
        for extension in entry.extensions:
            if extension.critical and not isinstance(extension.value, x509.CertificateIssuer | x509.CRLReason):
                yield extension.oid.dotted_string
                return


def _revoked(entry: x509.RevokedCertificate) -> Revoked:
    for extension in entry.extensions:
        if isinstance(extension.value, x509.CRLReason):
            return Revoked(entry.revocation_date_utc, extension.value.reason.value)
    return Revoked(entry.revocation_date_utc, UNSPECIFIED)


def _find_indirect(
    library: x509.CertificateRevocationList,
    serial: int,
    issuer_rdns: tuple[names.Rdn, ...],
    crl_issuer_rdns: tuple[names.Rdn, ...],
) -> Revoked | None:
    """An entry's certificate has the issuer that it names, else that of the entry before (RFC 5280 section 5.3.3)."""
    current: tuple[names.Rdn, ...] = crl_issuer_rdns
    for entry in library:
        for extension in entry.extensions:
            if isinstance(extension.value, x509.CertificateIssuer):
                found = [n for n in read_general_names(extension.value) if n.kind is NameKind.DN]
                current = names.comparable(found[0].value) if found else ()
        if entry.serial_number == serial and current == issuer_rdns:
            return _revoked(entry)
    return None
