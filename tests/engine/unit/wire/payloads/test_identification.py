from __future__ import annotations

import pytest

from ikeengine.errors import InvalidSyntax
from ikeengine.model.identity import Identity
from ikeengine.registry import IdType
from ikeengine.wire.payloads.identification import IdInitiator, IdResponder
from ikeengine.wire.reader import Reader

BOTH = pytest.mark.parametrize("cls", [IdInitiator, IdResponder])


@BOTH
def test_octets(cls):
    payload = cls(Identity(IdType.ID_FQDN, b"gw1"))
    assert payload.write() == payload.body == bytes.fromhex("02 000000") + b"gw1"


@BOTH
def test_w07_reserved_octets_are_kept_for_auth(cls):
    octets = bytes.fromhex("02 a1b2c3") + b"gw1"
    payload = cls.read(Reader(octets))
    assert payload.identity == Identity(IdType.ID_FQDN, b"gw1")
    assert payload.body == payload.write() == octets


def test_the_two_are_not_the_same():
    identity = Identity(IdType.ID_FQDN, b"gw1")
    assert IdInitiator(identity) != IdResponder(identity)


@BOTH
@pytest.mark.parametrize("kind", range(16))
@pytest.mark.parametrize("size", range(4))
def test_header_cut_for_every_type(cls, kind: int, size: int):
    """CVE-2013-6075: identities with a body of 0 to 3 octets."""
    with pytest.raises(InvalidSyntax):
        cls.read(Reader(bytes((kind, 0, 0, 0))[:size]))


@BOTH
@pytest.mark.parametrize(("kind", "length"), [(IdType.ID_IPV4_ADDR, 4), (IdType.ID_IPV6_ADDR, 16)])
def test_addresses_have_their_length(cls, kind: IdType, length: int):
    for size in range(20):
        octets = bytes((kind, 0, 0, 0)) + b"a" * size
        if size == length:
            assert cls.read(Reader(octets)).identity.data == b"a" * length
        else:
            with pytest.raises(InvalidSyntax, match="address identity"):
                cls.read(Reader(octets))


@BOTH
@pytest.mark.parametrize("kind", [0, 2, 3, 9, 10, 11, 13, 201, 255])
@pytest.mark.parametrize("data", [b"", b"\0", b"a\0b", b"x" * 65000], ids=len)
def test_other_types_take_any_octets(cls, kind: int, data: bytes):
    octets = bytes((kind, 0, 0, 0)) + data
    payload = cls.read(Reader(octets))
    assert (payload.identity.type, payload.identity.data) == (kind, data)
    assert payload.write() == octets
