from __future__ import annotations

import pytest

from ikeengine.errors import InvalidSyntax
from ikeengine.registry import AuthMethod
from ikeengine.wire.payloads.authentication import Auth
from ikeengine.wire.reader import Reader


def test_octets():
    auth = Auth(AuthMethod.DIGITAL_SIGNATURE, b"sig")
    assert auth.write() == bytes.fromhex("0e 000000") + b"sig"
    assert Auth.read(Reader(auth.write())) == auth


def test_reserved_octets_are_ignored():
    assert Auth.read(Reader(bytes.fromhex("02 ffffff") + b"mac")) == Auth(AuthMethod.SHARED_KEY, b"mac")


def test_unknown_method_keeps_its_number():
    assert Auth.read(Reader(b"\xfa\0\0\0")) == Auth(AuthMethod(250), b"")


@pytest.mark.parametrize("size", range(4))
def test_cut(size: int):
    with pytest.raises(InvalidSyntax):
        Auth.read(Reader(bytes(size)))
