"""Certificate payload (RFC 2408 section 3.9)."""

from __future__ import annotations

from struct import Struct
from typing import ClassVar, Self

from ikeengine.ikev1.wire.numbers import PayloadType
from ikeengine.model.immutable import immutable
from ikeengine.registry import CertEncoding
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
        (encoding,) = body.unpack(_LAYOUT)
        return cls(CertEncoding(encoding), body.rest())

    def write(self) -> bytes:
        """Encode the body."""
        return _LAYOUT.pack(self.encoding) + self.data
