"""NAT discovery payload (RFC 3947 section 3.2)."""

from __future__ import annotations

from typing import Self

from ikeengine.ikev1.wire.numbers import PayloadType
from ikeengine.model.immutable import immutable
from ikeengine.wire.reader import Reader


@immutable
class NatD:
    """The hash of an address and port as the sender sees it: first the receiver's, then the sender's own.

    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    ~                 HASH of the address and port                  ~
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    """

    data: bytes
    type: PayloadType = PayloadType.NAT_D
    """Or that of the drafts."""

    @classmethod
    def read(cls, body: Reader) -> Self:
        """Take the whole body."""
        return cls(body.rest())

    @classmethod
    def read_draft(cls, body: Reader) -> Self:
        """Take the whole body of a payload as the drafts number it."""
        return cls(body.rest(), PayloadType.NAT_D_DRAFT)

    def write(self) -> bytes:
        """Encode the body."""
        return self.data
