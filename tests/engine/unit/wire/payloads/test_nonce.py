from __future__ import annotations

import pytest

from ikeengine.errors import InvalidSyntax
from ikeengine.wire.payloads.nonce import Nonce
from ikeengine.wire.reader import Reader


@pytest.mark.parametrize("size", [16, 17, 32, 255, 256])
def test_w09_lengths_of_rfc_7296(size: int):
    assert Nonce.read(Reader(b"n" * size)) == Nonce(b"n" * size)
    assert Nonce(b"n" * size).write() == b"n" * size


@pytest.mark.parametrize("size", [0, 1, 15, 257, 65531])
def test_w09_other_lengths(size: int):
    with pytest.raises(InvalidSyntax, match=f"a nonce of {size} octets"):
        Nonce.read(Reader(b"n" * size))
