"""Hostile octets, by the ids W01 to W13 of the checklist of hostile inputs. What belongs to one payload is in its file.

The oracle: nothing but InvalidSyntax and UnsupportedCriticalPayload (IntegrityFailed for what is encrypted) escapes.
"""

from __future__ import annotations

import random
from itertools import permutations

import pytest

from ikeengine.errors import IntegrityFailed, InvalidSyntax, PeerMisbehaved, UnsupportedCriticalPayload
from ikeengine.model.identity import Identity
from ikeengine.registry import ExchangeType, IdType, PayloadType
from ikeengine.wire import caps
from ikeengine.wire.header import read_header
from ikeengine.wire.message import parse, read_chain, write_chain, write_message
from ikeengine.wire.payloads import READERS, IdInitiator, IdResponder, Ke, Nonce, Sa
from ikeengine.wire.rules import check
from ikeengine.wire.sk import open_message, seal_message
from tests.engine.fuzz.fuzz_parse import one_input
from tests.engine.support.pcap import read_ike
from tests.engine.support.vectors import DATA
from tests.engine.support.wire import (
    AUTH_PAYLOADS,
    IKE_PROPOSAL,
    INIT_PAYLOADS,
    SAMPLES,
    SPI_I,
    SPI_R,
    ToyCipher,
    header,
    message,
    payload,
)

INIT = write_message(SPI_I, bytes(8), ExchangeType.IKE_SA_INIT, 0x08, 0, INIT_PAYLOADS)
BY_TYPE = pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.type.name)


@pytest.mark.parametrize("size", range(28))
def test_w01_shorter_than_a_header(size: int):
    with pytest.raises(InvalidSyntax):
        parse(INIT[:size])


@pytest.mark.parametrize(
    "data",
    [
        b"\xff",
        bytes(4),
        bytes(4) + b"\xff",
        bytes.fromhex("c0ffee01 00000001") + bytes(range(100)),
        bytes(28),
        b"\xff" * 28,
        bytes(1500),
    ],
    ids=["keepalive", "marker", "marker-keepalive", "esp", "zeros", "ones", "long-zeros"],
)
def test_w01_not_ike_at_all(data: bytes):
    with pytest.raises(InvalidSyntax):
        parse(data)


@pytest.mark.parametrize("said", [0, 1, 27, len(INIT) - 1, len(INIT) + 1, 0x7FFFFFFF, 0xFFFFFFFF])
def test_w02_length_is_not_that_of_the_datagram(said: int):
    with pytest.raises(InvalidSyntax):
        parse(INIT[:24] + said.to_bytes(4, "big") + INIT[28:])


@pytest.mark.parametrize("extra", [b"\0", b"\0\0\0\4", payload(b"vendor"), bytes(1000)], ids=len)
def test_w02_trailing_octets_outside_and_inside(extra: bytes):
    with pytest.raises(InvalidSyntax, match="the header says"):
        parse(INIT + extra)
    with pytest.raises(InvalidSyntax, match="left over"):
        parse(INIT[:24] + (len(INIT) + len(extra)).to_bytes(4, "big") + INIT[28:] + extra)


@pytest.mark.parametrize("version", range(256))
def test_w03_versions(version: int):
    octets = INIT[:17] + bytes((version,)) + INIT[18:]
    assert read_header(octets).major == version >> 4
    if version >> 4 == 2:
        assert parse(octets).payloads == INIT_PAYLOADS
    else:
        with pytest.raises(InvalidSyntax, match="not IKEv2"):
            parse(octets)


@pytest.mark.parametrize("flags", range(256))
def test_w04_flags_do_not_matter_to_the_codec(flags: int):
    parsed = parse(INIT[:19] + bytes((flags,)) + INIT[20:])
    assert parsed.payloads == INIT_PAYLOADS
    assert parsed.header.is_response == bool(flags & 0x20)
    assert parsed.header.is_initiator == bool(flags & 0x08)


@pytest.mark.parametrize("said", [0, 1, 2, 3])
@pytest.mark.parametrize("kind", [33, 43, 46, 53, 99])
def test_w05_payload_shorter_than_its_header(kind: int, said: int):
    with pytest.raises(InvalidSyntax, match="smaller than its own header"):
        parse(message(kind, bytes((0, 0, 0, said)) + bytes(60)))


@pytest.mark.parametrize("said", [6, 64, 65535])
@pytest.mark.parametrize("kind", [33, 43, 46, 53, 99])
def test_w05_payload_beyond_the_end(kind: int, said: int):
    with pytest.raises(InvalidSyntax):
        parse(message(kind, bytes((0, 0)) + said.to_bytes(2, "big") + b"x"))


@pytest.mark.parametrize("size", range(1, 4))
def test_w05_generic_header_cut(size: int):
    with pytest.raises(InvalidSyntax):
        parse(message(43, bytes(size)))


def test_w05_payload_past_the_end_of_sk():
    cipher = ToyCipher()
    sealed = seal_message(SPI_I, SPI_R, 35, 8, 1, AUTH_PAYLOADS, cipher, bytes(8))
    _, chain = write_chain(AUTH_PAYLOADS)
    at = len(chain) - len(AUTH_PAYLOADS[-1].write()) - 2
    for said in (0, 3, 255, 65535):
        lying = chain[:at] + said.to_bytes(2, "big") + chain[at + 2 :]
        with pytest.raises(InvalidSyntax):
            read_chain(35, lying, protected=True)
    assert open_message(sealed, parse(sealed), cipher) == AUTH_PAYLOADS


@pytest.mark.parametrize("kind", [33, 43, 41, 99])
def test_w05_next_payload_naming_itself_cannot_loop(kind: int):
    for octets in (payload(b"", following=kind), payload(b"", following=kind) * 10):
        with pytest.raises(InvalidSyntax):
            read_chain(kind, octets, protected=True)


def test_w05_cycles_of_types_cannot_loop():
    for first, second, third in permutations((43, 99, 41)):
        chain = b"".join(payload(b"\0\0@\0", following=kind) for kind in (second, third, first) * 40)
        with pytest.raises(InvalidSyntax):
            read_chain(first, chain, protected=True)


@pytest.mark.parametrize("count", [31, 64, 65, 255, 5000])
@pytest.mark.parametrize("kind", [43, 99])
def test_w05_minimal_payloads(kind: int, count: int):
    chain = payload(b"", following=kind) * (count - 1) + payload(b"")
    for read in (
        lambda: parse(message(kind, chain)).payloads,
        lambda: read_chain(kind, chain, protected=True),
    ):
        if count <= caps.MAX_PAYLOADS:
            assert len(read()) == count
        else:
            with pytest.raises(InvalidSyntax, match="more than 64 payloads"):
                read()


@pytest.mark.parametrize("kind", sorted(set(range(1, 256)) - READERS.keys() - {46, 53}))
def test_w06_unknown_payloads(kind: int):
    cipher = ToyCipher()
    normal, critical = payload(b"abc"), payload(b"abc", flags=0x80)
    assert [p.type for p in parse(message(kind, normal)).payloads] == [kind]
    assert [p.type for p in read_chain(kind, normal, protected=True)] == [kind]
    with pytest.raises(UnsupportedCriticalPayload) as outside:
        parse(message(kind, critical))
    with pytest.raises(UnsupportedCriticalPayload) as inside:
        open_message(*_sealed(kind, critical, cipher))
    assert outside.value.data == inside.value.data == bytes((kind,))


def _sealed(first: int, content: bytes, cipher: ToyCipher):
    plain = content + b"\0"
    length = 4 + cipher.iv_length + len(plain) + cipher.icv_length
    aad = header(46, 28 + length, exchange=35) + bytes((first, 0)) + length.to_bytes(2, "big")
    octets = aad + bytes(cipher.iv_length) + cipher.seal(aad, bytes(cipher.iv_length), plain)
    return octets, parse(octets), cipher


def test_w06_a_forged_critical_payload_inside_is_an_integrity_failure_first():
    octets, parsed, _ = _sealed(99, payload(b"", flags=0x80), ToyCipher())
    with pytest.raises(IntegrityFailed):
        open_message(octets, parsed, ToyCipher(key=b"other"))


@BY_TYPE
def test_w06_critical_bit_on_known_payloads_is_ignored(sample):
    body = payload(sample.write(), flags=0x80)
    assert read_chain(sample.type, body, protected=True) == (sample,)


def _set_reserved(sample) -> bytes:
    """The body of a sample with all its reserved bits set."""
    body = bytearray(sample.write())
    places: dict[int, dict[int, int]] = {
        PayloadType.SA: {1: 0xFF} | {at + offset: 0xFF for at in (8, 20, 28, 36) for offset in (1, 5)},
        PayloadType.KE: {2: 0xFF, 3: 0xFF},
        PayloadType.CP: {1: 0xFF, 2: 0xFF, 3: 0xFF, 4: 0x80},
    } | {
        kind: {1: 0xFF, 2: 0xFF, 3: 0xFF}
        for kind in (PayloadType.IDI, PayloadType.IDR, PayloadType.AUTH, PayloadType.TSI, PayloadType.TSR)
    }
    for at, bits in places.get(sample.type, {}).items():
        body[at] |= bits
    return bytes(body)


@BY_TYPE
def test_w07_reserved_bits_are_ignored(sample):
    octets = _set_reserved(sample)
    (read,) = read_chain(sample.type, payload(octets, flags=0x7F), protected=True)
    if isinstance(sample, IdInitiator | IdResponder):
        assert isinstance(read, IdInitiator | IdResponder)
        assert read.identity == sample.identity
        assert read.body == octets, "AUTH covers the octets as received"
    else:
        assert read == sample


def test_w08_255_proposals_of_255_transforms():
    transforms = bytes.fromhex("0300000801000014") * 254 + bytes.fromhex("0000000801000014")
    proposals = b"".join(
        bytes((2 if number < 31 else 0, 0))
        + (8 + len(transforms)).to_bytes(2, "big")
        + bytes((number, 1, 0, 255))
        + transforms
        for number in range(1, 32)
    )
    assert len(proposals) > 60000
    with pytest.raises(InvalidSyntax, match="more proposals or transforms"):
        parse(message(33, payload(proposals)))
    small = b"".join(
        bytes((2 if number < 255 else 0, 0, 0, 16, number, 1, 0, 1)) + bytes.fromhex("0000000801000014")
        for number in range(1, 256)
    )
    with pytest.raises(InvalidSyntax, match="more proposals or transforms"):
        parse(message(33, payload(small)))


def test_w08_every_octet_of_an_sa_payload_at_every_value():
    body = Sa((IKE_PROPOSAL,)).write()
    for at in range(len(body)):
        for value in range(256):
            one_input(bytes((33,)) + payload(body[:at] + bytes((value,)) + body[at + 1 :]))


def test_w09_ke_and_nonce_missing_or_twice():
    sa, ke, nonce = INIT_PAYLOADS[:3]
    for payloads in (
        (sa, nonce),
        (sa, ke),
        (sa, ke, ke, nonce),
        (sa, ke, nonce, nonce),
        (ke, nonce),
        (sa, sa, ke, nonce),
    ):
        first, chain = write_chain(payloads)
        parsed = parse(message(first, chain))
        with pytest.raises(InvalidSyntax):
            check(ExchangeType.IKE_SA_INIT, False, parsed.payloads, ())


@pytest.mark.parametrize("size", [15, 16, 256, 257])
def test_w09_nonce_lengths(size: int):
    first, chain = write_chain([Nonce(b"n" * size)])
    if 16 <= size <= 256:
        assert parse(message(first, chain)).payloads == (Nonce(b"n" * size),)
    else:
        with pytest.raises(InvalidSyntax):
            parse(message(first, chain))


@pytest.mark.parametrize("group", [0, 1, 31, 1025, 65535])
def test_w09_any_group_reaches_the_negotiation(group: int):
    first, chain = write_chain([Ke(group, b"k" * 32)])
    assert parse(message(first, chain)).payloads == (Ke(group, b"k" * 32),)


@BY_TYPE
def test_w10_body_cut_at_every_octet(sample):
    """With a length that admits it, and with a length that does not."""
    body = sample.write()
    for size in range(len(body)):
        one_input(bytes((sample.type,)) + payload(body[:size]))
        with pytest.raises(InvalidSyntax):
            read_chain(sample.type, payload(body)[: 4 + size], protected=True)


@BY_TYPE
def test_w10_every_octet_of_a_body_at_its_extremes(sample):
    body = sample.write()
    for at in range(len(body)):
        for value in {0, 1, 0x7F, 0x80, 0xFF, body[at] ^ 1, (body[at] + 1) & 0xFF, (body[at] - 1) & 0xFF}:
            one_input(bytes((sample.type,)) + payload(body[:at] + bytes((value,)) + body[at + 1 :]))


def test_w10_message_cut_at_every_octet():
    octets = write_message(SPI_I, SPI_R, 35, 0, 1, SAMPLES)
    for size in range(len(octets)):
        one_input(octets[:size])


def test_w10_an_identity_of_64_kib():
    """CVE-2025-9242: an identity longer than any buffer somebody might have."""
    identity = Identity(IdType.ID_DER_ASN1_DN, b"x" * 65527)
    first, chain = write_chain([IdInitiator(identity)])
    (read,) = read_chain(first, chain, protected=True)
    assert isinstance(read, IdInitiator)
    assert read.identity == identity


@pytest.mark.parametrize("body", [b"\1\1\0\4" * 1000, b"\7\0\0\x10" * 4000, bytes(60000)], ids=["eap", "ts", "zeros"])
@pytest.mark.parametrize("kind", [PayloadType.SA, PayloadType.TSI, PayloadType.CP, PayloadType.EAP, PayloadType.DELETE])
def test_w12_structures_that_look_like_themselves(kind: PayloadType, body: bytes):
    """Nothing nests deeper than attribute in transform in proposal, and every step consumes octets."""
    with pytest.raises(InvalidSyntax):
        read_chain(kind, payload(body), protected=True)


def _mutations(seeds: list[bytes], count: int):
    chance = random.Random(7296)
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
    seeds = [INIT, *read_ike(DATA / "captures" / "ikev2four.pcap"), *read_ike(DATA / "captures" / "ikev2pI2.pcap")]
    for payloads in (SAMPLES, AUTH_PAYLOADS, *((sample,) for sample in SAMPLES)):
        first, chain = write_chain(payloads)
        seeds.append(bytes((first,)) + chain)
    for octets in _mutations(seeds, 5000):
        one_input(octets)


def test_w13_mutations_of_encrypted_messages_never_open():
    cipher = ToyCipher(block=16)
    sealed = seal_message(SPI_I, SPI_R, 35, 8, 1, AUTH_PAYLOADS, cipher, bytes(8))
    for octets in _mutations([sealed], 2000):
        if octets == sealed:
            continue
        try:
            parsed = parse(octets)
        except PeerMisbehaved:
            continue
        if parsed.encrypted and not parsed.encrypted.fragment:
            with pytest.raises(IntegrityFailed):
                open_message(octets, parsed, cipher)
