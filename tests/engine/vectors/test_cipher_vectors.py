"""Ciphers against the vectors of their RFCs and of NIST."""

from __future__ import annotations

import pytest

from ikeengine.crypto.cipher import packet_cipher
from ikeengine.crypto.encr import ENCR
from ikeengine.crypto.encr_aead import AeadAlgorithm
from ikeengine.crypto.encr_classic import ClassicAlgorithm
from ikeengine.errors import IntegrityFailed
from ikeengine.model.proposal import Transform
from ikeengine.registry import EncrId, TransformType
from tests.engine.vectors.records import Record, each

GCM = {16: EncrId.AES_GCM_16, 12: EncrId.AES_GCM_12, 8: EncrId.AES_GCM_8}
CCM = {16: EncrId.AES_CCM_16, 12: EncrId.AES_CCM_12, 8: EncrId.AES_CCM_8}


def classic(encr_id: EncrId, key_length: int | None) -> ClassicAlgorithm:
    algorithm = ENCR[encr_id, key_length]
    assert isinstance(algorithm, ClassicAlgorithm)
    return algorithm


@each("rfc3602.txt")
def test_aes_cbc(record: Record) -> None:
    cipher = classic(EncrId.AES_CBC, 128).load(record["key"])
    assert cipher.encrypt(record["iv"], record["plaintext"]) == record["ciphertext"]
    assert cipher.decrypt(record["iv"], record["ciphertext"]) == record["plaintext"]


@each("rfc3686.txt")
def test_aes_ctr(record: Record) -> None:
    cipher = classic(EncrId.AES_CTR, len(record["key"]) * 8).load(record["key"] + record["nonce"])
    assert cipher.encrypt(record["iv"], record["plaintext"]) == record["ciphertext"]
    assert cipher.decrypt(record["iv"], record["ciphertext"]) == record["plaintext"]


@each("nist-3des.txt")
def test_triple_des_cbc(record: Record) -> None:
    cipher = classic(EncrId.TRIPLE_DES_CBC, None).load(record["key"])
    assert cipher.encrypt(record["iv"], record["plaintext"]) == record["ciphertext"]
    assert cipher.decrypt(record["iv"], record["ciphertext"]) == record["plaintext"]


@each("fips81-des.txt")
def test_des_cbc(record: Record) -> None:
    cipher = classic(EncrId.DES_CBC, None).load(record["key"])
    assert cipher.encrypt(record["iv"], record["plaintext"]) == record["ciphertext"]
    assert cipher.decrypt(record["iv"], record["ciphertext"]) == record["plaintext"]


@each("rfc7634.txt")
def test_chacha20_poly1305(record: Record) -> None:
    cipher = packet_cipher(Transform(TransformType.ENCR, EncrId.CHACHA20_POLY1305), record["key"])
    sealed = record["ciphertext"] + record["tag"]
    assert cipher.seal(record["aad"], record["iv"], record["plaintext"]) == sealed
    assert cipher.open(record["aad"], record["iv"], sealed) == record["plaintext"]


@each("nist-gcm.txt")
def test_aes_gcm(record: Record) -> None:
    """The nonce of NIST is our salt and IV."""
    key, nonce, tag = record["key"], record["iv"], record["tag"]
    transform = Transform(TransformType.ENCR, GCM[len(tag)], len(key) * 8)
    cipher = packet_cipher(transform, key + nonce[:4])
    sealed = record["ciphertext"] + tag
    if "fails" in record:
        with pytest.raises(IntegrityFailed):
            cipher.open(record["aad"], nonce[4:], sealed)
    else:
        assert cipher.open(record["aad"], nonce[4:], sealed) == record["plaintext"]
        assert cipher.seal(record["aad"], nonce[4:], record["plaintext"]) == sealed


@each("nist-ccm.txt")
def test_aes_ccm(record: Record) -> None:
    """NIST has nonces of our length (11 octets) for the longest tag only, so the cipher itself is tested."""
    algorithm = ENCR[CCM[record.number("icv_octets")], len(record["key"]) * 8]
    assert isinstance(algorithm, AeadAlgorithm)
    aead = algorithm.load(record["key"])
    assert aead.encrypt(record["nonce"], record["plaintext"], record["aad"]) == record["sealed"]
    assert aead.decrypt(record["nonce"], record["sealed"], record["aad"]) == record["plaintext"]


@each("nist-ccm.txt")
def test_aes_ccm_nonce_is_salt_and_iv(record: Record) -> None:
    key, nonce = record["key"], record["nonce"]
    if len(nonce) == 11:
        cipher = packet_cipher(Transform(TransformType.ENCR, EncrId.AES_CCM_16, len(key) * 8), key + nonce[:3])
        assert cipher.seal(record["aad"], nonce[3:], record["plaintext"]) == record["sealed"]
        assert cipher.open(record["aad"], nonce[3:], record["sealed"]) == record["plaintext"]
