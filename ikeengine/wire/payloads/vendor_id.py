"""Vendor ID payload (RFC 7296 section 3.12)."""

from __future__ import annotations

from typing import ClassVar, Self

from ikeengine.model.immutable import immutable
from ikeengine.registry import PayloadType
from ikeengine.wire.reader import Reader


@immutable
class VendorId:
    """Octets by which a vendor recognises itself.

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
