"""Hostile octets for the IKEv1 codec, by the ids W01 to W13. What belongs to one payload is in its file.

The oracle: nothing but InvalidSyntax escapes.
"""

from __future__ import annotations

import random
import tarfile
from collections.abc import Iterator
from itertools import permutations

import pytest

from ikeengine.errors import InvalidSyntax
from ikeengine.ikev1.wire.message import parse, read_chain, write_chain, write_message
from ikeengine.ikev1.wire.numbers import PayloadType
from ikeengine.ikev1.wire.payloads import READERS, UnknownPayload
from ikeengine.wire.payloads import READERS as READERS_V2
from tests.engine.fuzz.fuzz_parse_v1 import one_input
from tests.engine.support.pcap import read_ike
from tests.engine.support.vectors import DATA, external
from tests.engine.support.wire_v1 import (
    AGGRESSIVE_1,
    COOKIE_I,
    COOKIE_R,
    MAIN_1,
    MAIN_3,
    QUICK_1,
    SAMPLES,
    message,
    payload,
)

FIRST = write_message(COOKIE_I, bytes(8), 2, 0, 0, MAIN_1)
BY_TYPE = pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.type.name)
MESSAGES = pytest.mark.parametrize(
    "payloads", [MAIN_1, MAIN_3, AGGRESSIVE_1, QUICK_1], ids=["main-1", "main-3", "aggressive-1", "quick-1"]
)


def well_formed(first: int, octets: bytes) -> bool:
    try:
        read_chain(first, octets, protected=True)
    except InvalidSyntax:
        return False
    return True


@pytest.mark.parametrize("size", range(28))
def test_w01_shorter_than_a_header(size: int):
    with pytest.raises(InvalidSyntax):
        parse(FIRST[:size])


@pytest.mark.parametrize("said", [0, 1, 27, len(FIRST) - 1, len(FIRST) + 1, 0x7FFFFFFF, 0xFFFFFFFF])
def test_w02_length_is_not_that_of_the_datagram(said: int):
    with pytest.raises(InvalidSyntax):
        parse(FIRST[:24] + said.to_bytes(4, "big") + FIRST[28:])


@MESSAGES
def test_every_prefix_of_a_message(payloads):
    """As a shorter datagram, and with a header that says so: only padding may be missing, and there is none."""
    octets = write_message(COOKIE_I, COOKIE_R, 4, 0, 0, payloads)
    first, chain = write_chain(payloads)
    assert parse(octets).chain.payloads == payloads
    for size in range(len(octets)):
        with pytest.raises(InvalidSyntax):
            parse(octets[:size])
    for size in range(len(chain)):
        assert not well_formed(first, chain[:size])


@MESSAGES
def test_every_length_of_a_chain_lies(payloads):
    first, chain = write_chain(payloads)
    offsets = read_chain(first, chain, protected=True).offsets
    for at in offsets[:-1]:
        true = int.from_bytes(chain[at + 2 : at + 4], "big")
        for said in {0, 1, 2, 3, true - 1, true + 1, true + 4, 0x7FFF, 0xFFFF}:
            one_input(bytes((first,)) + chain[: at + 2] + said.to_bytes(2, "big") + chain[at + 4 :])
        for said in (0, 1, 2, 3, 0x7FFF, 0xFFFF):
            assert not well_formed(first, chain[: at + 2] + said.to_bytes(2, "big") + chain[at + 4 :])


@pytest.mark.parametrize("said", [0, 1, 2, 3])
@pytest.mark.parametrize("kind", [1, 13, 99, 132])
def test_w05_payload_shorter_than_its_header(kind: int, said: int):
    with pytest.raises(InvalidSyntax, match="smaller than its own header"):
        parse(message(kind, bytes((0, 0, 0, said)) + bytes(60)))


@pytest.mark.parametrize("said", [6, 64, 65535])
@pytest.mark.parametrize("kind", [1, 13, 99, 132])
def test_w05_payload_beyond_the_end(kind: int, said: int):
    with pytest.raises(InvalidSyntax):
        parse(message(kind, bytes((0, 0)) + said.to_bytes(2, "big") + b"x"))


def test_w05_cycles_of_types_cannot_loop():
    for kinds in permutations((13, 99, 8)):
        chain = b"".join(payload(b"", following=kind) for kind in (*kinds[1:], kinds[0]) * 40)
        assert not well_formed(kinds[0], chain)
    assert not well_formed(13, payload(b"", following=13))


@pytest.mark.parametrize("kind", sorted(READERS_V2.keys() | {46, 53}))
def test_w06_payloads_of_ikev2_are_strangers(kind: int):
    """CVE-2015-3991: what one version would decode is nothing but octets to the other."""
    assert kind not in READERS
    (read,) = parse(message(kind, payload(b"\0\1\0\2" * 10, reserved=0x80))).chain.payloads
    assert read == UnknownPayload(PayloadType(kind), b"\0\1\0\2" * 10)


@BY_TYPE
def test_w11_body_cut_at_every_octet(sample):
    """With a length that admits it, and with a length that does not."""
    body = sample.write()
    for size in range(len(body)):
        one_input(bytes((sample.type,)) + payload(body[:size]))
        assert not well_formed(sample.type, payload(body)[: 4 + size])


@BY_TYPE
def test_w11_every_octet_of_a_body_at_its_extremes(sample):
    body = sample.write()
    for at in range(len(body)):
        for value in {0, 1, 0x7F, 0x80, 0xFF, body[at] ^ 1, (body[at] + 1) & 0xFF, (body[at] - 1) & 0xFF}:
            one_input(bytes((sample.type,)) + payload(body[:at] + bytes((value,)) + body[at + 1 :]))


def test_w11_every_octet_of_an_sa_payload_at_every_value():
    body = QUICK_1[1].write()
    for at in range(len(body)):
        for value in range(0, 256, 3):
            one_input(b"\1" + payload(body[:at] + bytes((value,)) + body[at + 1 :]))


@pytest.mark.parametrize("body", [b"\0\0\0\1" * 1000, b"\0\0\0\x10" * 4000, bytes(60000), b"\xff" * 60000], ids=len)
@pytest.mark.parametrize("kind", [PayloadType.SA, PayloadType.ATTRIBUTES, PayloadType.DELETE, PayloadType.NAT_OA])
def test_w12_structures_that_look_like_themselves(kind: PayloadType, body: bytes):
    """Nothing nests deeper than attribute in transform in proposal, and every step consumes octets."""
    assert not well_formed(kind, payload(body))


def _mutations(seeds: list[bytes], count: int) -> Iterator[bytes]:
    chance = random.Random(2409)
    for _ in range(count):
        octets = bytearray(chance.choice(seeds))
        for _ in range(chance.randint(1, 2)):
            at = chance.randrange(len(octets))
            match chance.randrange(5):
                case 0:
                    octets[at] ^= 1 << chance.randrange(8)
                case 1:
                    octets[at] = chance.randrange(256)
                case 2:
                    del octets[at + 1 :]
                case 3:
                    del octets[:at]
                case 4:
                    octets[at:] = chance.choice(seeds)[at:] or b"\0"
        yield bytes(octets)


def test_w13_mutations_of_messages_and_chains():
    seeds = [FIRST]
    for name in ("ISAKMP_sa_setup.pcap", "isakmp4500.pcap"):
        seeds += list(read_ike(DATA / "captures" / name))[:4]
    for payloads in (SAMPLES, QUICK_1, AGGRESSIVE_1, *((sample,) for sample in SAMPLES)):
        first, chain = write_chain(payloads)
        seeds.append(bytes((first,)) + chain)
    for octets in _mutations(seeds, 5000):
        one_input(octets)


def _corpus(name: str) -> Iterator[bytes]:
    with tarfile.open(external("fuzz", name)) as archive:
        for member in archive:
            file = archive.extractfile(member) if member.isfile() else None
            if file is not None:
                yield file.read()


def test_w13_corpora_of_other_parsers():
    """Certificates and identities of strongSwan's corpora, and every tenth input of OpenIKED's IKEv2 parser."""
    count = 0
    for data in _corpus("strongswan-corpora.tar.xz"):
        one_input(data[:4096])
        count += 1
    for number, data in enumerate(_corpus("openiked-parser-corpus.tar.xz")):
        if number % 10 == 0:
            one_input(data)
            count += 1
    assert count > 3500


def test_w13_certificates_and_identities_inside_their_payloads():
    """What strongSwan's corpora hold is carried whole, to those who judge it."""
    for data in _corpus("strongswan-corpora.tar.xz"):
        for kind, head in ((PayloadType.CERT, b"\4"), (PayloadType.CERT, b"\1"), (PayloadType.ID, b"\x09\0\0\0")):
            if len(data) < 65000:
                (read,) = read_chain(kind, payload(head + data), protected=True).payloads
                assert read.write() == head + data
