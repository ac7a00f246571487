from __future__ import annotations

import pytest

from ikeengine.errors import InvalidSyntax, LocalMisuse, UnsupportedCriticalPayload
from ikeengine.registry import ExchangeType, NotifyType, PayloadType, Protocol
from ikeengine.wire import caps
from ikeengine.wire.header import read_header
from ikeengine.wire.message import EncryptedBody, parse, read_chain, write_chain, write_message
from ikeengine.wire.payloads import Cert, Delete, Ke, Notify, UnknownPayload, VendorId
from tests.engine.support.wire import INIT_PAYLOADS, SAMPLES, SPI_I, SPI_R, header, message, payload

CLEAR_TYPES = {
    PayloadType.SA,
    PayloadType.KE,
    PayloadType.NONCE,
    PayloadType.NOTIFY,
    PayloadType.VENDOR_ID,
    PayloadType.CERTREQ,
}


def test_a_written_message_is_read_back():
    octets = write_message(SPI_I, SPI_R, ExchangeType.IKE_SA_INIT, 0x08, 7, INIT_PAYLOADS)
    parsed = parse(octets)
    assert parsed.payloads == INIT_PAYLOADS
    assert parsed.encrypted is None
    assert parsed.header == read_header(octets)
    assert (parsed.header.message_id, parsed.header.length) == (7, len(octets))


def test_octets_of_a_message():
    octets = write_message(SPI_I, SPI_R, 37, 0x20, 1, [VendorId(b"ab"), Notify(NotifyType.INVALID_SYNTAX)])
    assert octets == header(43, 42, exchange=37, flags=0x20, message_id=1) + bytes.fromhex(
        "29000006 6162 00000008 00000007"
    )


def test_an_empty_message():
    octets = write_message(SPI_I, SPI_R, 37, 0, 0, ())
    assert octets == header(0, 28, exchange=37, flags=0)
    assert parse(octets).payloads == ()


def test_header_read_before_is_used():
    octets = write_message(SPI_I, SPI_R, 34, 8, 0, INIT_PAYLOADS)
    head = read_header(octets)
    assert parse(octets, head).header is head


@pytest.mark.parametrize("version", [0x00, 0x10, 0x30, 0xF0])
def test_only_version_2(version: int):
    with pytest.raises(InvalidSyntax, match="not IKEv2"):
        parse(header(0, 28, version=version))


def test_minor_version_is_ignored():
    assert parse(header(0, 28, version=0x2F)).payloads == ()


def test_every_type_round_trips_inside_sk():
    first, chain = write_chain(SAMPLES)
    assert first == SAMPLES[0].type
    assert read_chain(first, chain, protected=True) == SAMPLES
    assert write_chain(read_chain(first, chain, protected=True)) == (first, chain)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.type.name)
def test_only_what_ike_sa_init_needs_is_read_in_the_clear(sample):
    first, chain = write_chain([sample])
    if sample.type in CLEAR_TYPES:
        assert read_chain(first, chain, protected=False) == (sample,)
        assert parse(message(first, chain)).payloads == (sample,)
    else:
        with pytest.raises(InvalidSyntax, match=f"{sample.type.name} outside the encrypted payload"):
            read_chain(first, chain, protected=False)


@pytest.mark.parametrize("protected", [False, True])
def test_unknown_payloads_are_kept(protected: bool):
    chain = payload(b"abc", following=43) + payload(b"v")
    payloads = read_chain(99, chain, protected=protected)
    assert payloads == (UnknownPayload(99, False, b"abc"), VendorId(b"v"))
    assert payloads[0].type == 99
    assert write_chain(payloads) == (99, chain)


@pytest.mark.parametrize("protected", [False, True])
@pytest.mark.parametrize("kind", [1, 13, 32, 49, 54, 255])
def test_unknown_critical_payload(kind: int, protected: bool):
    chain = payload(b"v", following=kind) + payload(b"abc", flags=0x80)
    with pytest.raises(UnsupportedCriticalPayload) as caught:
        read_chain(43, chain, protected=protected)
    assert (caught.value.payload_type, caught.value.data) == (kind, bytes([kind]))


def test_critical_is_written():
    chain = write_chain([UnknownPayload(200, True, b"")])
    assert chain == (200, payload(b"", flags=0x80))


@pytest.mark.parametrize("flags", [0x80, 0x7F, 0xFF])
def test_critical_and_reserved_bits_of_known_payloads_are_ignored(flags: int):
    assert read_chain(43, payload(b"v", flags=flags), protected=False) == (VendorId(b"v"),)


def test_sk_is_located():
    body = payload(b"v", following=46) + payload(b"i" * 8 + b"cipher", following=35)
    parsed = parse(message(43, body))
    assert parsed.payloads == (VendorId(b"v"),)
    assert parsed.encrypted == EncryptedBody(35, 28 + 5 + 4, None)


def test_skf_is_located():
    parsed = parse(message(53, payload(b"\0\1\0\3" + b"i" * 8 + b"cipher", following=35)))
    assert parsed.encrypted == EncryptedBody(35, 28 + 8, (1, 3))


@pytest.mark.parametrize(
    ("number", "total", "first"),
    [(0, 0, 0), (0, 1, 35), (2, 1, 0), (1, 0, 35), (1, 256, 35), (1, 65535, 35), (2, 3, 35)],
)
def test_impossible_fragments(number: int, total: int, first: int):
    body = number.to_bytes(2, "big") + total.to_bytes(2, "big") + b"i" * 24
    with pytest.raises(InvalidSyntax, match="fragment"):
        parse(message(53, payload(body, following=first)))


@pytest.mark.parametrize("size", range(4))
def test_fragment_header_cut(size: int):
    with pytest.raises(InvalidSyntax):
        parse(message(53, payload(b"\0\1\0\1"[:size])))


@pytest.mark.parametrize("kind", [46, 53])
def test_encrypted_payload_must_be_last(kind: int):
    body = payload(b"\0\1\0\1" + b"x" * 24) + payload(b"v")
    with pytest.raises(InvalidSyntax, match="left over"):
        parse(message(kind, body))


@pytest.mark.parametrize("protected", [False, True])
@pytest.mark.parametrize("kind", [46, 53])
def test_no_encrypted_payload_inside_a_chain(kind: int, protected: bool):
    with pytest.raises(InvalidSyntax, match="where none can be"):
        read_chain(43, payload(b"v", following=kind) + payload(b"x" * 32), protected=protected)


def test_a_chain_that_ends_early():
    with pytest.raises(InvalidSyntax, match="6 octets left over"):
        read_chain(43, payload(b"v") + payload(b"vv"), protected=True)
    with pytest.raises(InvalidSyntax, match="left over"):
        read_chain(0, payload(b"v"), protected=True)


def test_a_chain_that_goes_on_after_the_end():
    with pytest.raises(InvalidSyntax):
        read_chain(43, payload(b"v", following=43), protected=True)
    with pytest.raises(InvalidSyntax):
        read_chain(43, b"", protected=True)


def test_an_empty_chain():
    assert read_chain(0, b"", protected=True) == ()
    assert write_chain(()) == (0, b"")


def test_error_names_the_payload():
    with pytest.raises(InvalidSyntax, match="payload NONCE: a nonce of 3 octets"):
        read_chain(40, payload(b"abc"), protected=False)


def test_cap_on_payloads():
    most = b"".join(payload(b"", following=43) for _ in range(caps.MAX_PAYLOADS - 1)) + payload(b"")
    assert len(read_chain(43, most, protected=True)) == caps.MAX_PAYLOADS
    with pytest.raises(InvalidSyntax, match="more than 64 payloads"):
        read_chain(43, payload(b"", following=43) + most, protected=True)


def test_cap_on_the_message():
    body = payload(b"\0" * 40000, following=43) + payload(b"\0" * 30000)
    with pytest.raises(InvalidSyntax, match="70036 octets"):
        parse(message(43, body))


@pytest.mark.parametrize(
    "sample",
    [
        Ke(70000, b""),
        Notify(NotifyType(70000)),
        Notify(NotifyType.REKEY_SA, b"", Protocol.ESP, b"s" * 256),
        VendorId(b"v" * (caps.MAX_BODY + 1)),
        Delete(Protocol.ESP, (b"spi!",) * 65536),
    ],
    ids=["group", "notify", "spi", "length", "count"],
)
def test_what_does_not_fit_is_our_fault(sample):
    with pytest.raises(LocalMisuse):
        write_chain([sample])


def test_longest_payload_and_message():
    cert = Cert(4, b"c" * (caps.MAX_BODY - 1))
    assert write_chain([cert])[1][:4] == bytes.fromhex("0000ffff")
    with pytest.raises(LocalMisuse, match="65563 octets"):
        write_message(SPI_I, SPI_R, 35, 0, 0, [cert])
