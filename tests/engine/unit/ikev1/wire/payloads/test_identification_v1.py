from __future__ import annotations

import pytest

from ikeengine import registry
from ikeengine.errors import InvalidSyntax
from ikeengine.ikev1.wire.numbers import IdType
from ikeengine.ikev1.wire.payloads.identification import LENGTHS, Id
from ikeengine.model.identity import Identity
from ikeengine.wire.reader import Reader


def test_octets():
    payload = Id(IdType.ID_IPV4_ADDR_SUBNET, bytes((10, 1, 0, 0, 255, 255, 0, 0)), 17, 1701)
    assert payload.write() == bytes.fromhex("04 11 06a5 0a010000 ffff0000")
    assert Id.read(Reader(payload.write())) == payload


def test_protocol_and_port_are_hashed_as_received():
    for octets in (bytes.fromhex("02 11 01f4 61"), bytes.fromhex("02 00 0000 61"), bytes.fromhex("02 ff ffff 61")):
        assert Id.read(Reader(octets)).write() == octets


@pytest.mark.parametrize("kind", [1, 2, 3, 5, 9, 10, 11, 12, 255])
def test_identities_of_phase_1(kind: int):
    data = b"x" * LENGTHS.get(kind, 5)
    identity = Identity(registry.IdType(kind), data)
    assert Id.of(identity) == Id(IdType(kind), data)
    assert Id.of(identity).identity == identity
    assert type(Id.of(identity).identity.type) is registry.IdType


@pytest.mark.parametrize("kind", LENGTHS)
def test_w11_addresses_of_the_wrong_length(kind: int):
    for size in range(40):
        octets = bytes((kind, 0, 0, 0)) + b"a" * size
        if size == LENGTHS[kind]:
            assert Id.read(Reader(octets)).write() == octets
        else:
            with pytest.raises(InvalidSyntax, match=f"{size} octets for an identity of type ID_IPV"):
                Id.read(Reader(octets))


@pytest.mark.parametrize("size", range(4))
def test_w11_shorter_than_the_fixed_part(size: int):
    for kind in range(256):
        with pytest.raises(InvalidSyntax):
            Id.read(Reader(bytes((kind, 0, 0, 0))[:size]))


@pytest.mark.parametrize("kind", [2, 3, 9, 10, 11, 200])
def test_w11_names_of_any_length(kind: int):
    """CVE-2013-6075, CVE-2025-9242: whether a name makes sense, who compares it judges."""
    for size in (0, 1, 2, 3, 65527):
        octets = bytes((kind, 0, 0, 0)) + b"\x30" * size
        assert Id.read(Reader(octets)).write() == octets
