"""X.509 certificates (RFC 5280) as the rest of the engine sees them: parsed once, completely, or not at all.

Whatever is wrong with a certificate makes it unusable here, in one place and with one exception. What its contents
mean for a chain of trust is decided in `auth.x509`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Self

from cryptography import x509

from ikeengine.crypto import der, names
from ikeengine.crypto.der_object import DerObject, unusable
from ikeengine.crypto.extensions import Extensions, read_extensions
from ikeengine.crypto.general_names import GeneralName, NameKind
from ikeengine.crypto.keys import PublicKey
from ikeengine.crypto.signed import check_signed, signature_name, signed_part
from ikeengine.errors import AuthFailed
from ikeengine.model.failure import Alert
from ikeengine.model.identity import Identity
from ikeengine.registry import IdType

MAX_CERTIFICATE_OCTETS = 65535
"""No certificate in an IKE message can be longer (RFC 7296 section 3.2)."""

_VERSION = 0xA0
"""Tag of the version field, which version 1 leaves out."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Certificate(DerObject):
    """One certificate. Equality is that of the DER octets; times are aware, in UTC; `subject` and `issuer` are DER."""

    NOUN: ClassVar[str] = "certificate"

    der: bytes
    subject: bytes
    issuer: bytes
    serial: int
    not_before: datetime
    not_after: datetime
    public_key: PublicKey
    extensions: Extensions
    identities: tuple[Identity, ...]
    """The identities that the certificate proves (RFC 4945 section 3.1): alternative names, then the subject."""
    subject_rdns: tuple[names.Rdn, ...]
    """The subject as `names.comparable` gives it, and below the issuer."""
    issuer_rdns: tuple[names.Rdn, ...]
    _library: x509.Certificate

    @classmethod
    def _parse(cls, encoded: bytes) -> Self:
        if len(encoded) > MAX_CERTIFICATE_OCTETS:
            raise _unusable(f"{len(encoded)} octets are too many")
        issuer, subject, public_key = _outline(encoded)
        library = x509.load_der_x509_certificate(encoded)
        extensions = read_extensions(library)
        return cls(
            der=encoded,
            subject=subject,
            issuer=issuer,
            serial=library.serial_number,
            not_before=library.not_valid_before_utc,
            not_after=library.not_valid_after_utc,
            public_key=PublicKey.from_der(public_key),
            extensions=extensions,
            identities=_identities(subject, extensions.names),
            subject_rdns=names.comparable(subject),
            issuer_rdns=names.comparable(issuer),
            _library=library,
        )

    @property
    def subject_text(self) -> str:
        """The subject as strongSwan prints it."""
        return names.format_name(self.subject)

    @property
    def issuer_text(self) -> str:
        """The issuer as strongSwan prints it."""
        return names.format_name(self.issuer)

    @property
    def described(self) -> str:
        """Which certificate this is, for the operator: subject, issuer and serial number in hexadecimal."""
        return f"`{self.subject_text}` (issuer `{self.issuer_text}`, serial {self.serial:x})"

    @property
    def is_ca(self) -> bool:
        """Whether basicConstraints make it a certification authority."""
        return self.extensions.is_ca

    @property
    def path_length(self) -> int | None:
        """The path length constraint, None for no limit."""
        return self.extensions.path_length

    @property
    def is_self_issued(self) -> bool:
        """Whether subject and issuer are the same name (RFC 5280 section 6.1)."""
        return self.subject_rdns == self.issuer_rdns

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, in hexadecimal."""
        return hashlib.sha256(self.der).hexdigest()

    @property
    def signature_algorithm(self) -> tuple[str, str]:
        """Kind and hash of the signature on the certificate, such as ("rsa/pss", "sha256") or ("ed25519", "")."""
        return signature_name(signed_part(self._library))

    def check_signature(self, issuer_key: PublicKey) -> None:
        """Check that `issuer_key` signed this certificate. Raises AuthFailed("cert-validation-failed")."""
        try:
            check_signed(issuer_key, signed_part(self._library))
        except Exception as error:  # noqa: BLE001  a bad signature, another key, a forbidden hash: all the same
            detail = f"{type(error).__name__} {error}".strip()
            detail = f"the signature on `{self.subject_text}` by `{self.issuer_text}` does not verify: {detail}"
            raise AuthFailed(Alert.CERT_VALIDATION_FAILED.value, detail) from None

    def __repr__(self) -> str:
        return f"<certificate {self.subject_text!r} serial {self.serial:x}>"


def _unusable(detail: str) -> AuthFailed:
    return unusable(Certificate.NOUN, detail)


def _outline(encoded: bytes) -> tuple[bytes, bytes, bytes]:
    """Issuer, subject and SubjectPublicKeyInfo as they stand in the certificate, which the library would re-encode.

    Also checks that the algorithm inside the signed part is the one outside of it (RFC 5280 section 4.1.1.2).
    """
    parts = list(der.encoded_elements(der.only(encoded, der.SEQUENCE)))
    fields = list(der.encoded_elements(der.only(parts[0], der.SEQUENCE))) if len(parts) == 3 else []
    if fields and fields[0][0] == _VERSION:
        del fields[0]
    if len(fields) < 6:
        raise _unusable("the octets are not a certificate")
    _serial, inner_algorithm, issuer, _validity, subject, public_key = fields[:6]
    if inner_algorithm != parts[1]:
        raise _unusable("it names two different signature algorithms")
    return issuer, subject, public_key


_IDENTITY_TYPES = {NameKind.DNS: IdType.ID_FQDN, NameKind.EMAIL: IdType.ID_RFC822_ADDR}


def _identities(subject: bytes, alternatives: tuple[GeneralName, ...]) -> tuple[Identity, ...]:
    found = [identity for name in alternatives if (identity := _identity(name)) is not None]
    if not names.is_empty(subject):
        found.append(Identity(IdType.ID_DER_ASN1_DN, subject))
    return tuple(found)


def _identity(name: GeneralName) -> Identity | None:
    """The identity that an alternative name proves, or None: a wildcard or a NUL proves nothing."""
    if name.kind == NameKind.IP:
        return Identity(IdType.ID_IPV4_ADDR if len(name.value) == 4 else IdType.ID_IPV6_ADDR, name.value)
    if name.kind not in _IDENTITY_TYPES or not name.value or b"*" in name.value or b"\0" in name.value:
        return None
    return Identity(_IDENTITY_TYPES[name.kind], name.value)
