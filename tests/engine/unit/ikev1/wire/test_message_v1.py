from __future__ import annotations

import pytest

from ikeengine.errors import InvalidSyntax, LocalMisuse
from ikeengine.ikev1.wire.message import (
    CLEAR_READERS,
    FLAG_AUTHENTICATION,
    FLAG_COMMIT,
    FLAG_ENCRYPTION,
    Chain,
    frame,
    parse,
    read_chain,
    write_chain,
    write_message,
)
from ikeengine.ikev1.wire.numbers import IdType, NotifyType, PayloadType, ProtocolId
from ikeengine.ikev1.wire.payloads import Cert, Hash, Id, Ke, Nonce, Notify, Sa, UnknownPayload, VendorId
from ikeengine.registry import CertEncoding, ExchangeType
from ikeengine.wire import caps
from ikeengine.wire.header import read_header
from tests.engine.support.wire_v1 import (
    COOKIE_I,
    COOKIE_R,
    MAIN_1,
    NETS,
    QUICK_1,
    SAMPLES,
    header,
    message,
    payload,
)


def test_a_written_message_is_read_back():
    octets = write_message(COOKIE_I, bytes(8), ExchangeType.IDENTITY_PROTECTION, 0, 0, MAIN_1)
    parsed = parse(octets)
    assert parsed.chain.payloads == MAIN_1
    assert not parsed.is_encrypted
    assert parsed.header == read_header(octets)
    assert (parsed.header.major, parsed.header.minor, parsed.header.length) == (1, 0, len(octets))


def test_octets_of_a_message():
    octets = write_message(COOKIE_I, COOKIE_R, 5, 0, 1, [VendorId(b"ab"), Notify(NotifyType.PAYLOAD_MALFORMED)])
    assert octets == header(13, 46, exchange=5, message_id=1) + bytes.fromhex(
        "0b000006 6162 0000000c 00000001 01 00 0010"
    )


def test_an_empty_message():
    assert parse(write_message(COOKIE_I, COOKIE_R, 5, 0, 0, ())).chain == Chain()


def test_header_read_before_is_used():
    octets = message(13, payload(b"v"))
    head = read_header(octets)
    assert parse(octets, head).header is head


def test_w03_only_version_1():
    for version in range(256):
        if version >> 4 == 1:
            assert parse(header(0, 28, version=version)).chain.payloads == ()
        else:
            with pytest.raises(InvalidSyntax, match="not IKEv1"):
                parse(header(0, 28, version=version))


def test_an_encrypted_message_is_not_looked_into():
    octets = frame(COOKIE_I, COOKIE_R, ExchangeType.QUICK_MODE, FLAG_ENCRYPTION | FLAG_COMMIT, 7, 8, b"c" * 48)
    assert octets == message(8, b"c" * 48, exchange=32, flags=3, message_id=7)
    parsed = parse(octets)
    assert parsed.is_encrypted
    assert (parsed.chain, parsed.ciphertext) == (Chain(), b"c" * 48)


def test_w04_only_the_encryption_flag_matters_to_the_codec():
    for flags in range(256):
        parsed = parse(message(13, payload(b"v"), flags=flags))
        assert parsed.header.flags == flags
        assert parsed.is_encrypted == bool(flags & FLAG_ENCRYPTION)
        assert parsed.chain.payloads == (() if parsed.is_encrypted else (VendorId(b"v"),))


def test_flags_of_rfc_2408():
    assert (FLAG_ENCRYPTION, FLAG_COMMIT, FLAG_AUTHENTICATION) == (1, 2, 4)


def test_racoon_calls_fragments_encrypted():
    parsed = parse(message(132, payload(b"\0\1\1\1data"), flags=FLAG_ENCRYPTION))
    assert not parsed.is_encrypted
    assert [p.type for p in parsed.chain.payloads] == [PayloadType.FRAGMENT]


def test_every_type_round_trips():
    first, chain = write_chain(SAMPLES)
    assert first == SAMPLES[0].type
    assert read_chain(first, chain, protected=True).payloads == SAMPLES
    assert write_chain(read_chain(first, chain, protected=True).payloads) == (first, chain)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.type.name)
def test_payloads_of_phase_2_are_not_read_in_the_clear(sample):
    first, chain = write_chain([sample])
    if sample.type in {PayloadType.ATTRIBUTES, PayloadType.NAT_OA, PayloadType.NAT_OA_DRAFT}:
        assert sample.type not in CLEAR_READERS
        with pytest.raises(InvalidSyntax, match=f"{sample.type.name} in the clear"):
            parse(message(first, chain))
    else:
        assert parse(message(first, chain)).chain.payloads == (sample,)


@pytest.mark.parametrize("kind", [PayloadType.PROPOSAL, PayloadType.TRANSFORM])
@pytest.mark.parametrize("protected", [False, True])
def test_proposals_live_in_an_sa(kind: PayloadType, protected: bool):
    with pytest.raises(InvalidSyntax, match=f"{kind.name} outside an SA"):
        read_chain(kind, payload(bytes(8)), protected=protected)


def test_unknown_payloads_are_kept():
    """W07 too: in IKEv1 the reserved bits of a payload mean nothing, not even the critical one."""
    for kind in sorted(set(range(256)) - {0, 2, 3, *(int(s.type) for s in SAMPLES)}):
        (again,) = parse(message(kind, payload(b"body", reserved=0xFF))).chain.payloads
        assert again == UnknownPayload(PayloadType(kind), b"body")
        assert write_chain([again]) == (kind, payload(b"body"))


def test_payloads_by_kind():
    chain = read_chain(*write_chain(QUICK_1), protected=True)
    assert chain.all(Id) == list(NETS)
    assert chain.first(Nonce) == Nonce(b"n" * 32)
    assert chain.first(Cert) is None
    assert chain.all(Cert) == []


def test_what_hashes_cover_is_what_was_received():
    """W07: reserved octets everywhere, and identical payloads that differ in nothing but their place."""
    sa = bytearray(Sa(()).write() + bytes.fromhex("00ff0010 01010001 00ff0008 0101ffff"))
    identity = bytes.fromhex("0211 01f4 61")
    octets = (
        payload(b"h" * 20, following=1, reserved=0x55)
        + payload(bytes(sa), following=5, reserved=0x7F)
        + payload(identity, following=5, reserved=0x80)
        + payload(identity, following=10)
        + payload(b"n" * 16)
    )
    chain = read_chain(8, octets + bytes(7), protected=True)
    first = chain.payloads[0]
    assert chain.after(first) == octets[24:]
    assert chain.body(chain.payloads[1]) == bytes(sa)
    assert chain.payloads[1].write() != bytes(sa)
    assert chain.body(chain.payloads[2]) == identity
    assert chain.payloads[2] == chain.payloads[3]
    assert chain.after(chain.payloads[3]) == payload(b"n" * 16)
    assert chain.after(chain.payloads[4]) == b""
    assert chain.trailing == bytes(7)


@pytest.mark.parametrize("size", [0, 1, 7, 15, 255, 256])
@pytest.mark.parametrize("octet", [b"\0", b"\xff"])
def test_padding_is_kept_apart(size: int, octet: bytes):
    """RFC 2409 appendix B; the content does not matter, because some peers pad with random octets."""
    first, chain = write_chain(QUICK_1)
    clear = write_chain(MAIN_1)
    if size <= 255:
        assert read_chain(first, chain + octet * size, protected=True).trailing == octet * size
        assert parse(message(clear[0], clear[1] + octet * size)).chain.trailing == octet * size
    else:
        with pytest.raises(InvalidSyntax, match="256 octets left over"):
            read_chain(first, chain + octet * size, protected=True)
        with pytest.raises(InvalidSyntax, match="256 octets left over"):
            parse(message(clear[0], clear[1] + octet * size))


def test_chain_ends_do_not_lie():
    with pytest.raises(InvalidSyntax):
        parse(message(13, b""))
    with pytest.raises(InvalidSyntax):
        parse(message(13, payload(b"v", following=13)))


def test_the_payload_that_is_wrong_is_named():
    with pytest.raises(InvalidSyntax, match="payload NONCE: a nonce of 3 octets"):
        parse(message(10, payload(b"abc")))
    with pytest.raises(InvalidSyntax, match="payload DELETE: 1 octets left over"):
        parse(message(12, payload(bytes.fromhex("00000001 03 04 0001") + b"abcde")))


@pytest.mark.parametrize("count", [64, 65, 255, 5000])
@pytest.mark.parametrize("kind", [13, 99])
def test_w05_minimal_payloads(kind: int, count: int):
    octets = payload(b"", following=kind) * (count - 1) + payload(b"")
    if count <= caps.MAX_PAYLOADS:
        assert len(parse(message(kind, octets)).chain.payloads) == count
    else:
        with pytest.raises(InvalidSyntax, match="more than 64 payloads"):
            parse(message(kind, octets))


def test_more_than_a_datagram():
    with pytest.raises(InvalidSyntax, match="a message of 65536 octets"):
        parse(message(0, bytes(65508)))


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (Notify(NotifyType.R_U_THERE, spi=b"s" * 256), "NOTIFY is out of range"),
        (Notify(NotifyType.R_U_THERE, protocol=ProtocolId(256)), "NOTIFY is out of range"),
        (Id(IdType.ID_FQDN, b"a", port=65536), "ID is out of range"),
        (Cert(CertEncoding(256), b""), "CERT is out of range"),
        (Ke(bytes(65532)), "KE of 65532 octets does not fit"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_our_own_mistakes(broken, words: str):
    with pytest.raises(LocalMisuse, match=words):
        write_chain([Hash(b"h"), broken])


def test_too_long_to_be_sent():
    with pytest.raises(LocalMisuse, match="a message of"):
        write_message(COOKIE_I, COOKIE_R, 2, 0, 0, [Ke(bytes(40000)), VendorId(bytes(30000))])
