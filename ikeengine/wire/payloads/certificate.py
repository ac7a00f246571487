"""Certificate payload (RFC 7296 section 3.6)."""

from __future__ import annotations

from struct import Struct
from typing import ClassVar, Self

from ikeengine.model.immutable import immutable
from ikeengine.registry import CertEncoding, PayloadType
from ikeengine.wire.codepoints import CERT_ENCODINGS
from ikeengine.wire.reader import Reader

_LAYOUT = Struct("!B")


@immutable
class Cert:
    """A certificate or related data, undecoded.

    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    | Cert Encoding |                                               |
    +-+-+-+-+-+-+-+-+                                               +
    ~                       Certificate Data                        ~
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    """

    type: ClassVar[PayloadType] = PayloadType.CERT

    encoding: CertEncoding
    data: bytes

    @classmethod
    def read(cls, body: Reader) -> Self:
        """Decode a body; raises InvalidSyntax."""
        (encoding,), data = body.unpack_all(_LAYOUT)
        return cls(CERT_ENCODINGS[encoding], data)

    def write(self) -> bytes:
        """Encode the body."""
        return bytes((self.encoding,)) + self.data
