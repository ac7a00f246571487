from __future__ import annotations

from itertools import count

import pytest

from ikeengine.errors import IntegrityFailed, InvalidSyntax, LocalMisuse, UnsupportedCriticalPayload
from ikeengine.registry import CertEncoding, ExchangeType, PayloadType
from ikeengine.wire import caps
from ikeengine.wire.message import parse, read_chain, write_chain
from ikeengine.wire.payloads import Cert, UnknownPayload, VendorId
from ikeengine.wire.sk import (
    Head,
    open_content,
    open_fragment,
    open_message,
    seal_content,
    seal_fragments,
    seal_message,
)
from tests.engine.support.wire import AUTH_PAYLOADS, SPI_I, SPI_R, ToyCipher, header, message, payload

HEAD = Head(SPI_I, SPI_R, ExchangeType.IKE_AUTH, 0x08, 1)
IV = b"iviviviv"


def seal(payloads, cipher: ToyCipher, iv: bytes = IV) -> bytes:
    return seal_message(*HEAD, payloads, cipher, iv)


@pytest.mark.parametrize("block", [1, 4, 8, 16])
@pytest.mark.parametrize("size", range(20))
def test_sealed_is_opened(block: int, size: int):
    cipher = ToyCipher(block)
    payloads = (VendorId(b"v" * size), *AUTH_PAYLOADS)
    octets = seal(payloads, cipher)
    parsed = parse(octets)
    assert parsed.header.next_payload == PayloadType.SK
    assert parsed.encrypted is not None
    assert parsed.encrypted.first_payload == PayloadType.VENDOR_ID
    sealed = len(octets) - parsed.encrypted.start - cipher.iv_length - cipher.icv_length
    assert sealed % block == 0
    assert open_message(octets, parsed, cipher) == payloads


def test_octets_of_a_sealed_message():
    cipher = ToyCipher(block=8)
    octets = seal([VendorId(b"ab")], cipher)
    plain = bytes.fromhex("000000066162") + b"\0\1"
    aad = header(46, 28 + 4 + 8 + 8 + 16, exchange=35, message_id=1) + bytes.fromhex("2b000024")
    assert octets == aad + IV + cipher.seal(aad, IV, plain)


def test_an_empty_message_is_sealed_and_opened():
    cipher = ToyCipher(block=16, iv_length=16)
    octets = seal((), cipher, b"i" * 16)
    assert len(octets) == 28 + 4 + 16 + 16 + 16
    assert open_message(octets, parse(octets), cipher) == ()


def test_every_bit_is_authenticated():
    cipher = ToyCipher()
    octets = seal([VendorId(b"ab")], cipher)
    for at in range(len(octets)):
        if at in {16, 17, 24, 25, 26, 27, 30, 31}:  # fields without which the message cannot even be read
            continue
        forged = octets[:at] + bytes((octets[at] ^ 1,)) + octets[at + 1 :]
        with pytest.raises(IntegrityFailed):
            open_message(forged, parse(forged), cipher)


def test_nothing_inside_is_read_before_the_integrity_check():
    good, bad = ToyCipher(), ToyCipher(key=b"other")
    octets = seal_content(HEAD, 46, b"garbage", bad, IV)
    with pytest.raises(IntegrityFailed):
        open_message(octets, parse(octets), good)
    with pytest.raises(InvalidSyntax):
        open_message(octets, parse(octets), bad)


@pytest.mark.parametrize("size", range(8 + 16 + 1))
def test_too_short_for_iv_and_icv_is_silent(size: int):
    cipher = ToyCipher()
    octets = message(46, payload(b"x" * size, following=43), exchange=35)
    with pytest.raises(IntegrityFailed, match="cannot be IV"):
        open_message(octets, parse(octets), cipher)
    assert cipher.opened == 0


def test_not_a_multiple_of_the_block_is_silent():
    cipher = ToyCipher(block=16)
    octets = message(46, payload(b"x" * (8 + 17 + 16), following=43), exchange=35)
    with pytest.raises(IntegrityFailed):
        open_message(octets, parse(octets), cipher)
    assert cipher.opened == 0


@pytest.mark.parametrize(("pad", "content"), [(0, b"\0\0\0\5v"), (255, b"\0\0\0\5v"), (3, b"\0\0\0\5v"), (2, b"")])
def test_any_padding_is_accepted(pad: int, content: bytes):
    cipher = ToyCipher()
    plain = content + b"P" * pad + bytes((pad,))
    octets = raw_sealed(plain, 43 if content else 0, cipher)
    assert len(open_message(octets, parse(octets), cipher)) == (1 if content else 0)


@pytest.mark.parametrize("plain", [b"\1", b"\xff", b"abc\4", b"a" * 254 + b"\xff"])
def test_padding_longer_than_the_content(plain: bytes):
    cipher = ToyCipher()
    octets = raw_sealed(plain, 43, cipher)
    with pytest.raises(InvalidSyntax, match="padding"):
        open_message(octets, parse(octets), cipher)


def raw_sealed(plain: bytes, first: int, cipher: ToyCipher) -> bytes:
    length = 4 + 8 + len(plain) + 16
    aad = header(46, 28 + length, exchange=35, message_id=1) + bytes((first, 0)) + length.to_bytes(2, "big")
    return aad + IV + cipher.seal(aad, IV, plain)


def test_unknown_critical_payload_inside():
    cipher = ToyCipher()
    octets = seal([UnknownPayload(99, True, b"")], cipher)
    with pytest.raises(UnsupportedCriticalPayload, match="99"):
        open_message(octets, parse(octets), cipher)


def test_sk_inside_sk():
    cipher = ToyCipher()
    octets = seal_content(HEAD, 46, payload(b"x" * 32), cipher, IV)
    with pytest.raises(InvalidSyntax, match="where none can be"):
        open_message(octets, parse(octets), cipher)


def test_fragments_carry_the_chain():
    cipher = ToyCipher(block=16)
    payloads = (*AUTH_PAYLOADS, Cert(CertEncoding.X509_SIGNATURE, bytes(range(256)) * 12))
    ivs = (number.to_bytes(8, "big") for number in count())
    messages = seal_fragments(*HEAD, payloads, cipher, lambda: next(ivs), 576)
    assert len(messages) > 5
    assert max(map(len, messages)) <= 576
    parsed = [parse(octets) for octets in messages]
    assert [p.encrypted.fragment for p in parsed] == [(n, len(messages)) for n in range(1, len(messages) + 1)]
    assert [p.encrypted.first_payload for p in parsed] == [35] + [0] * (len(messages) - 1)
    received = list(zip(messages, parsed, strict=True))
    assert len({octets[p.encrypted.start : p.encrypted.start + 8] for octets, p in received}) == len(messages)
    content = b"".join(open_fragment(octets, p, cipher) for octets, p in received)
    assert read_chain(35, content, protected=True) == payloads


def test_fragment_numbers_are_authenticated():
    cipher = ToyCipher()
    payloads = [Cert(CertEncoding.X509_SIGNATURE, b"c" * 2000)]
    octets = bytearray(seal_fragments(*HEAD, payloads, cipher, lambda: IV, 576)[1])
    octets[28 + 7] += 1
    forged = bytes(octets)
    with pytest.raises(IntegrityFailed):
        open_fragment(forged, parse(forged), cipher)


def test_what_fits_is_not_fragmented():
    cipher = ToyCipher(block=16)
    whole = seal(AUTH_PAYLOADS, cipher)
    assert seal_fragments(*HEAD, AUTH_PAYLOADS, cipher, lambda: IV, len(whole)) == (whole,)
    assert len(seal_fragments(*HEAD, AUTH_PAYLOADS, cipher, lambda: IV, len(whole) - 1)) == 2


@pytest.mark.parametrize("block", [1, 4, 8, 16])
@pytest.mark.parametrize("size", [90, 91, 100, 127, 576])
def test_no_fragment_is_longer_than_asked(block: int, size: int):
    cipher = ToyCipher(block)
    messages = seal_fragments(*HEAD, AUTH_PAYLOADS, cipher, lambda: IV, size)
    assert max(map(len, messages)) <= size
    content = b"".join(open_content(octets, parse(octets), cipher) for octets in messages)
    assert content == write_chain(AUTH_PAYLOADS)[1]


def test_too_many_fragments():
    payloads = [Cert(CertEncoding.X509_SIGNATURE, b"c" * 60000)]
    with pytest.raises(LocalMisuse, match="255 fragments"):
        seal_fragments(*HEAD, payloads, ToyCipher(), lambda: IV, 250)
    with pytest.raises(LocalMisuse):
        seal_fragments(*HEAD, payloads, ToyCipher(), lambda: IV, 60)


def test_too_long_for_a_message():
    with pytest.raises(LocalMisuse, match="a message of"):
        seal([VendorId(b"v" * caps.MAX_BODY)], ToyCipher())


def test_each_opener_wants_its_own_kind():
    cipher = ToyCipher()
    clear = message(43, payload(b"v"))
    whole = seal(AUTH_PAYLOADS, cipher)
    fragment = seal_fragments(*HEAD, AUTH_PAYLOADS, cipher, lambda: IV, 100)[0]
    for octets, opener in [
        (clear, open_message),
        (clear, open_fragment),
        (clear, open_content),
        (fragment, open_message),
        (whole, open_fragment),
    ]:
        with pytest.raises(LocalMisuse):
            opener(octets, parse(octets), cipher)
    assert cipher.opened == 0
