"""Certificate Request payload (RFC 7296 section 3.7)."""

from __future__ import annotations

from struct import Struct
from typing import ClassVar, Final, Self

from ikeengine.errors import InvalidSyntax
from ikeengine.model.immutable import immutable
from ikeengine.registry import CertEncoding, PayloadType
from ikeengine.wire.codepoints import CERT_ENCODINGS
from ikeengine.wire.reader import Reader

_LAYOUT = Struct("!B")

AUTHORITY_LENGTH: Final = 20
"""SHA-1 of an authority's SubjectPublicKeyInfo."""

_HASHED: Final = frozenset(
    {CertEncoding.X509_SIGNATURE, CertEncoding.HASH_AND_URL_X509, CertEncoding.HASH_AND_URL_BUNDLE}
)


@immutable
class CertReq:
    """The certificates that the sender prefers. For X.509, `authorities` is a run of 20-octet hashes.

    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    | Cert Encoding |                                               |
    +-+-+-+-+-+-+-+-+                                               +
    ~                    Certification Authority                    ~
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    """

    type: ClassVar[PayloadType] = PayloadType.CERTREQ

    encoding: CertEncoding
    authorities: bytes

    @classmethod
    def read(cls, body: Reader) -> Self:
        """Decode a body; raises InvalidSyntax, also for X.509 authorities that are not a run of hashes."""
        (encoding,), authorities = body.unpack_all(_LAYOUT)
        if encoding in _HASHED and len(authorities) % AUTHORITY_LENGTH:
            raise InvalidSyntax(f"{len(authorities)} octets are not a run of authority hashes")
        return cls(CERT_ENCODINGS[encoding], authorities)

    def write(self) -> bytes:
        """Encode the body."""
        return bytes((self.encoding,)) + self.authorities
