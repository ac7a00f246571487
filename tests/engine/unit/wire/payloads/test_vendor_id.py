from __future__ import annotations

import pytest

from ikeengine.wire.payloads.vendor_id import VendorId
from ikeengine.wire.reader import Reader


@pytest.mark.parametrize("data", [b"", b"\0", b"strongSwan", bytes(65531)], ids=len)
def test_any_octets(data: bytes):
    reader = Reader(data)
    assert VendorId.read(reader) == VendorId(data)
    assert VendorId(data).write() == data
    reader.finish()
