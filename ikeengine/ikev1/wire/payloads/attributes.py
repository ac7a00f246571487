"""Attribute payload of the transaction exchange (draft-dukes-ike-mode-cfg section 3.2)."""

from __future__ import annotations

from struct import Struct
from typing import ClassVar, Self

from ikeengine.ikev1.wire.attributes import Attribute, read_attributes, write_attributes
from ikeengine.ikev1.wire.caps import MAX_CONFIG_ATTRIBUTES
from ikeengine.ikev1.wire.numbers import PayloadType
from ikeengine.model.immutable import immutable
from ikeengine.registry import CpType
from ikeengine.wire.reader import Reader

_LAYOUT = Struct("!BxH")


@immutable
class Attributes:
    """A request for configuration or XAUTH, or the answer.

    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |     Type      |   RESERVED    |           Identifier          |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    ~                           Attributes                          ~
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    """

    type: ClassVar[PayloadType] = PayloadType.ATTRIBUTES

    kind: CpType
    identifier: int
    """The answer has that of the request."""
    attributes: tuple[Attribute, ...] = ()
    """By `CpAttribute`, `XauthAttribute` and `UnityAttribute`."""

    @classmethod
    def read(cls, body: Reader) -> Self:
        """Decode a body; raises InvalidSyntax."""
        kind, identifier = body.unpack(_LAYOUT)
        return cls(CpType(kind), identifier, read_attributes(body, MAX_CONFIG_ATTRIBUTES))

    def write(self) -> bytes:
        """Encode the body."""
        return _LAYOUT.pack(self.kind, self.identifier) + write_attributes(self.attributes)
