"""crypto.cipher: every suite seals, opens, and notices every change."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikeengine.crypto.cipher import PacketCipher, packet_cipher
from ikeengine.crypto.encr import ENCR
from ikeengine.crypto.integ import INTEG
from ikeengine.crypto.rng import SeededRng
from ikeengine.errors import IntegrityFailed, LocalMisuse
from ikeengine.model.proposal import Transform
from ikeengine.registry import EncrId, IntegId, TransformType

SHA256 = Transform(TransformType.INTEG, IntegId.HMAC_SHA2_256_128)
CBC = (EncrId.AES_CBC, EncrId.TRIPLE_DES_CBC, EncrId.DES_CBC)
AAD = b"SPI and sequence number"


def encr(encr_id: int, key_length: int | None) -> Transform:
    return Transform(TransformType.ENCR, encr_id, key_length)


def make(transform: Transform, integ: Transform = SHA256) -> PacketCipher:
    algorithm = ENCR[transform.id, transform.key_length]
    rng = SeededRng(transform.id)
    key = rng.bytes(algorithm.key_octets)
    if algorithm.aead:
        return packet_cipher(transform, key)
    return packet_cipher(transform, key, integ, rng.bytes(INTEG[integ.id].key_octets))


ALL = [encr(*key) for key in ENCR]
each_cipher = pytest.mark.parametrize("transform", ALL, ids=lambda t: ENCR[t.id, t.key_length].keyword)
each_classic = pytest.mark.parametrize(
    "transform", [t for t in ALL if not ENCR[t.id, t.key_length].aead], ids=lambda t: ENCR[t.id, t.key_length].keyword
)
each_aead = pytest.mark.parametrize(
    "transform", [t for t in ALL if ENCR[t.id, t.key_length].aead], ids=lambda t: ENCR[t.id, t.key_length].keyword
)


@each_cipher
@given(blocks=st.integers(1, 20), counter=st.integers(0, 2**64 - 1), aad=st.binary(max_size=40))
def test_opens_what_it_sealed(transform: Transform, blocks: int, counter: int, aad: bytes) -> None:
    cipher = make(transform)
    iv = cipher.next_iv(counter, SeededRng(counter))
    plaintext = SeededRng("text").bytes(blocks * cipher.block)
    sealed = cipher.seal(aad, iv, plaintext)
    assert len(iv) == cipher.iv_length
    assert len(sealed) == len(plaintext) + cipher.icv_length
    assert cipher.open(aad, iv, sealed) == plaintext


@each_cipher
def test_any_changed_bit_is_noticed(transform: Transform) -> None:
    cipher = make(transform)
    iv = cipher.next_iv(1, SeededRng(1))
    sealed = cipher.seal(AAD, iv, bytes(48))
    packet = AAD + iv + sealed
    for position in range(len(packet)):
        changed = bytearray(packet)
        changed[position] ^= 1 << position % 8
        aad, rest = bytes(changed[: len(AAD)]), bytes(changed[len(AAD) :])
        with pytest.raises(IntegrityFailed):
            cipher.open(aad, rest[: cipher.iv_length], rest[cipher.iv_length :])


@each_cipher
def test_packets_of_any_length_fail_cleanly(transform: Transform) -> None:
    cipher = make(transform)
    for length in range(70):
        for iv_length in (0, 7, 8, 9, 12, 16, 17):
            with pytest.raises(IntegrityFailed):
                cipher.open(AAD, bytes(iv_length), bytes(length))


@each_cipher
def test_key_material_of_another_length_is_refused(transform: Transform) -> None:
    length = ENCR[transform.id, transform.key_length].key_octets
    for wrong in (length - 1, length + 1):
        with pytest.raises(LocalMisuse, match="key material"):
            packet_cipher(transform, bytes(max(wrong, 1)), SHA256, bytes(32))


@each_classic
def test_trailer_is_authenticated_but_not_sent(transform: Transform) -> None:
    cipher = make(transform)
    iv = cipher.next_iv(1, SeededRng(1))
    sealed = cipher.seal(AAD, iv, bytes(48), b"\0\0\0\1")
    assert len(sealed) == 48 + cipher.icv_length
    assert cipher.open(AAD, iv, sealed, b"\0\0\0\1") == bytes(48)
    for trailer in (b"", b"\0\0\0\2"):
        with pytest.raises(IntegrityFailed):
            cipher.open(AAD, iv, sealed, trailer)


@each_aead
def test_combined_modes_take_no_trailer(transform: Transform) -> None:
    cipher = make(transform)
    with pytest.raises(LocalMisuse):
        cipher.seal(AAD, bytes(8), b"text", b"\0\0\0\1")
    with pytest.raises(LocalMisuse):
        cipher.open(AAD, bytes(8), bytes(64), b"\0\0\0\1")


@each_classic
@pytest.mark.parametrize("integ_id", INTEG)
def test_the_icv_covers_header_iv_ciphertext_and_trailer(transform: Transform, integ_id: int) -> None:
    integ = INTEG[integ_id]
    key, integ_key = bytes(ENCR[transform.id, transform.key_length].key_octets), bytes(range(integ.key_octets))
    if transform.id == EncrId.TRIPLE_DES_CBC:
        key = bytes(range(24))
    cipher = packet_cipher(transform, key, Transform(TransformType.INTEG, integ_id), integ_key)
    iv = SeededRng(1).bytes(cipher.iv_length)
    sealed = cipher.seal(AAD, iv, bytes(48), b"high")
    ciphertext, icv = sealed[:48], sealed[48:]
    assert icv == integ.compute(integ_key, AAD + iv + ciphertext + b"high")


@pytest.mark.parametrize("transform", [t for t in ALL if t.id in CBC])
def test_cbc_takes_its_iv_from_the_rng(transform: Transform) -> None:
    cipher = make(transform)
    assert cipher.next_iv(7, SeededRng("iv")) == SeededRng("iv").bytes(cipher.iv_length)
    assert cipher.next_iv(7, SeededRng("iv")) != cipher.next_iv(7, SeededRng("other"))


@pytest.mark.parametrize("transform", [t for t in ALL if t.id not in CBC])
def test_other_ciphers_count(transform: Transform) -> None:
    cipher = make(transform)
    assert cipher.next_iv(0x0102, SeededRng(1)) == (b"" if transform.id == EncrId.NULL else bytes(6) + b"\1\2")


def test_null_leaves_the_text_readable() -> None:
    assert make(encr(EncrId.NULL, None)).seal(AAD, b"", b"text").startswith(b"text")


@pytest.mark.parametrize(
    "transform",
    [encr(EncrId.AES_CBC, None), encr(EncrId.AES_CBC, 129), encr(EncrId.CHACHA20_POLY1305, 256), encr(99, 128)],
)
def test_unknown_transforms_are_refused(transform: Transform) -> None:
    with pytest.raises(LocalMisuse, match="no encryption algorithm"):
        packet_cipher(transform, bytes(32), SHA256, bytes(32))


@pytest.mark.parametrize("integ", [None, Transform(TransformType.INTEG, 0), Transform(TransformType.INTEG, 3)])
def test_classic_ciphers_do_not_go_without_integrity(integ: Transform | None) -> None:
    with pytest.raises(LocalMisuse, match="integrity"):
        packet_cipher(encr(EncrId.AES_CBC, 128), bytes(16), integ, bytes(16))
