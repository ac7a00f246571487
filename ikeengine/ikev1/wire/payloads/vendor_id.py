"""Vendor ID payload (RFC 2408 section 3.16)."""

from __future__ import annotations

from typing import ClassVar, Self

from ikeengine.ikev1.wire.numbers import PayloadType
from ikeengine.model.immutable import immutable
from ikeengine.wire.reader import Reader


@immutable
class VendorId:
    """Octets by which a vendor, or an extension, is recognised.

    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    ~                        Vendor ID (VID)                        ~
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    """

    type: ClassVar[PayloadType] = PayloadType.VENDOR_ID

    data: bytes

    @classmethod
    def read(cls, body: Reader) -> Self:
        """Take the whole body."""
        return cls(body.rest())

    def write(self) -> bytes:
        """Encode the body."""
        return self.data
