"""Authentication payload (RFC 7296 section 3.8)."""

from __future__ import annotations

from struct import Struct
from typing import ClassVar, Self

from ikeengine.model.immutable import immutable
from ikeengine.registry import AuthMethod, PayloadType
from ikeengine.wire.codepoints import AUTH_METHODS
from ikeengine.wire.reader import Reader

_LAYOUT = Struct("!B3x")


@immutable
class Auth:
    """The proof of an identity, undecoded.

    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    | Auth Method   |                RESERVED                       |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    ~                      Authentication Data                      ~
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    """

    type: ClassVar[PayloadType] = PayloadType.AUTH

    method: AuthMethod
    data: bytes

    @classmethod
    def read(cls, body: Reader) -> Self:
        """Decode a body; raises InvalidSyntax."""
        (method,), data = body.unpack_all(_LAYOUT)
        return cls(AUTH_METHODS[method], data)

    def write(self) -> bytes:
        """Encode the body."""
        return _LAYOUT.pack(self.method) + self.data
