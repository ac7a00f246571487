"""ikev1.keys.phase1; the numbers for PSK are proven in vectors/test_kdf_v1_vectors.py."""

from __future__ import annotations

import hmac

import pytest

from ikeengine.crypto.des_keys import is_weak
from ikeengine.errors import LocalMisuse
from ikeengine.ikev1.keys.phase1 import cipher_key, phase1_keys, psk_skeyid, signature_skeyid
from ikeengine.model.proposal import Transform
from ikeengine.model.secret import Secret
from ikeengine.registry import EncrId, PrfId, TransformType

NI, NR, SHARED, CKY_I, CKY_R = b"i" * 20, b"r" * 16, b"s" * 128, b"initiatr", b"respondr"
WEAK = bytes.fromhex("0101010101010101")
SEMI_WEAK = bytes.fromhex("fe01fe01fe01fe01")


def encr(encr_id: EncrId, bits: int | None = None) -> Transform:
    return Transform(TransformType.ENCR, encr_id, bits)


def md5(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, "md5")


def test_skeyid_of_signatures_has_the_nonces_for_a_key() -> None:
    skeyid = signature_skeyid(PrfId.PRF_HMAC_MD5, NI, NR, SHARED)
    assert skeyid.reveal() == md5(NI + NR, SHARED)
    assert psk_skeyid(PrfId.PRF_HMAC_MD5, Secret(b"psk"), NI, NR).reveal() == md5(b"psk", NI + NR)


def test_keys_do_not_show_themselves() -> None:
    keys = phase1_keys(PrfId.PRF_HMAC_MD5, Secret(b"skeyid"), SHARED, CKY_I, CKY_R)
    assert keys.skeyid_d.reveal() == md5(b"skeyid", SHARED + CKY_I + CKY_R + b"\0")
    assert repr(keys).count("<secret>") == 4


@pytest.mark.parametrize("prf_id", [PrfId.PRF_AES128_XCBC, PrfId.PRF_AES128_CMAC, 99])
def test_there_are_only_hmacs(prf_id: int) -> None:
    with pytest.raises(LocalMisuse):
        psk_skeyid(prf_id, Secret(b"psk"), NI, NR)


@pytest.mark.parametrize(("bits", "octets"), [(128, 16), (192, 24), (256, 32)])
def test_a_long_skeyid_e_is_cut(bits: int, octets: int) -> None:
    skeyid_e = bytes(range(32))
    key = cipher_key(PrfId.PRF_HMAC_SHA2_256, Secret(skeyid_e), encr(EncrId.AES_CBC, bits))
    assert key.reveal() == skeyid_e[:octets]


@pytest.mark.parametrize(("transform", "octets"), [(encr(EncrId.TRIPLE_DES_CBC), 24), (encr(EncrId.AES_CBC, 256), 32)])
def test_a_short_skeyid_e_is_expanded(transform: Transform, octets: int) -> None:
    """RFC 2409 appendix B: Ka = K1 | K2 | K3, K1 = prf(SKEYID_e, 0), K2 = prf(SKEYID_e, K1)."""
    skeyid_e = bytes(range(16))
    k1 = md5(skeyid_e, b"\0")
    k2 = md5(skeyid_e, k1)
    k3 = md5(skeyid_e, k2)
    assert cipher_key(PrfId.PRF_HMAC_MD5, Secret(skeyid_e), transform).reveal() == (k1 + k2 + k3)[:octets]


def test_an_unknown_cipher_has_no_key() -> None:
    with pytest.raises(LocalMisuse, match="no encryption algorithm"):
        cipher_key(PrfId.PRF_HMAC_MD5, Secret(bytes(16)), encr(EncrId.CAMELLIA_CBC, 128))


@pytest.mark.parametrize(
    ("skeyid_e", "key"),
    [
        (b"good key" + WEAK, b"good key"),
        (WEAK + b"good key" + b"rest", b"good key"),
        (SEMI_WEAK + WEAK + b"good key" * 2, b"good key"),
    ],
)
def test_des_takes_the_first_octets_that_are_not_weak(skeyid_e: bytes, key: bytes) -> None:
    assert cipher_key(PrfId.PRF_HMAC_SHA1, Secret(skeyid_e), encr(EncrId.DES_CBC)).reveal() == key
    assert not is_weak(key)


def test_a_skeyid_e_with_only_weak_keys_of_des_is_refused() -> None:
    with pytest.raises(LocalMisuse, match="weak"):
        cipher_key(PrfId.PRF_HMAC_SHA1, Secret(WEAK + SEMI_WEAK + b"four"), encr(EncrId.DES_CBC))
