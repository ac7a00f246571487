"""Certificate Request payload (RFC 2408 section 3.10)."""

from __future__ import annotations

from struct import Struct
from typing import ClassVar, Self

from ikeengine.ikev1.wire.numbers import PayloadType
from ikeengine.model.immutable import immutable
from ikeengine.registry import CertEncoding
from ikeengine.wire.reader import Reader

_LAYOUT = Struct("!B")


@immutable
class CertReq:
    """A certificate that the sender wants. For X.509, `authority` is the DER of a name; empty for any authority.

    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |  Cert. Type   |                                               |
    +-+-+-+-+-+-+-+-+                                               +
    ~                    Certificate Authority                      ~
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    """

    type: ClassVar[PayloadType] = PayloadType.CERTREQ

    encoding: CertEncoding
    authority: bytes = b""

    @classmethod
    def read(cls, body: Reader) -> Self:
        """Decode a body; raises InvalidSyntax."""
        (encoding,) = body.unpack(_LAYOUT)
        return cls(CertEncoding(encoding), body.rest())

    def write(self) -> bytes:
        """Encode the body."""
        return _LAYOUT.pack(self.encoding) + self.authority
