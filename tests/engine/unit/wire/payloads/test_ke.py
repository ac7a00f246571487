from __future__ import annotations

import pytest

from ikeengine.errors import InvalidSyntax
from ikeengine.wire.payloads.ke import Ke
from ikeengine.wire.reader import Reader


def test_octets():
    assert Ke(19, b"xyz").write() == bytes.fromhex("0013 0000") + b"xyz"


def test_reserved_octets_are_ignored():
    assert Ke.read(Reader(bytes.fromhex("001f ffff") + b"xyz")) == Ke(31, b"xyz")


@pytest.mark.parametrize("group", [0, 1, 1025, 65535])
def test_any_group_is_read(group: int):
    assert Ke.read(Reader(Ke(group, b"").write())).group == group


@pytest.mark.parametrize("size", range(4))
def test_cut(size: int):
    with pytest.raises(InvalidSyntax):
        Ke.read(Reader(bytes(size)))
