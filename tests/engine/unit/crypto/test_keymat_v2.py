"""crypto.keymat_v2; the numbers are proven in vectors/test_kdf_vectors.py."""

from __future__ import annotations

import pytest

from ikeengine.crypto.encr import ENCR
from ikeengine.crypto.integ import INTEG
from ikeengine.crypto.keymat_v2 import child_keys, ike_keys, rekeyed_ike_keys
from ikeengine.crypto.prf import PRF
from ikeengine.errors import LocalMisuse
from ikeengine.model.proposal import ChildSuite, IkeSuite, Transform
from ikeengine.model.secret import Secret
from ikeengine.registry import EncrId, IntegId, KeId, PrfId, Protocol, TransformType

NI, NR, SHARED = b"i" * 32, b"r" * 32, b"s" * 32
SPI_I, SPI_R = b"initiatr", b"respondr"
GCM = Transform(TransformType.ENCR, EncrId.AES_GCM_16, 256)
CBC = Transform(TransformType.ENCR, EncrId.AES_CBC, 128)
SHA1 = Transform(TransformType.INTEG, IntegId.HMAC_SHA1_96)
KE = Transform(TransformType.KE, KeId.CURVE_25519)


def suite(encr: Transform, integ: Transform | None, prf_id: int = PrfId.PRF_HMAC_SHA2_256) -> IkeSuite:
    return IkeSuite(encr, Transform(TransformType.PRF, prf_id), integ, KE)


@pytest.mark.parametrize("prf_id", PRF)
def test_seven_keys_of_an_ike_sa_all_differ(prf_id: int) -> None:
    keys = ike_keys(suite(CBC, SHA1, prf_id), NI, NR, SHARED, SPI_I, SPI_R)
    prf = PRF[prf_id].key_octets
    values = [getattr(keys, name).reveal() for name in keys.__slots__]
    assert [len(value) for value in values] == [prf, 20, 20, 16, 16, prf, prf]
    assert len(set(values)) == 7


def test_combined_modes_have_salts_and_no_integrity_keys() -> None:
    keys = ike_keys(suite(GCM, None), NI, NR, SHARED, SPI_I, SPI_R)
    assert len(keys.sk_ai) == len(keys.sk_ar) == 0
    assert len(keys.sk_ei) == len(keys.sk_er) == 36


def test_every_input_matters() -> None:
    inputs = (NI, NR, SHARED, SPI_I, SPI_R)
    plain = ike_keys(suite(GCM, None), *inputs)
    for index in range(len(inputs)):
        changed = [value + b"x" if number == index else value for number, value in enumerate(inputs)]
        assert ike_keys(suite(GCM, None), *changed).sk_ei != plain.sk_ei


def test_fixed_key_prf_uses_whole_nonces_beyond_skeyseed() -> None:
    """RFC 7296 section 2.14: "but all the bits are used for input to the prf+ function"."""
    xcbc = suite(CBC, SHA1, PrfId.PRF_AES128_XCBC)
    prf = PRF[PrfId.PRF_AES128_XCBC]
    skeyseed = prf.compute(NI[:8] + NR[:8], SHARED)
    keys = ike_keys(xcbc, NI, NR, SHARED, SPI_I, SPI_R)
    assert keys.sk_d.reveal() == prf.plus(skeyseed, NI + NR + SPI_I + SPI_R, 16)


def test_rekeying_takes_skeyseed_from_the_old_prf() -> None:
    new = suite(GCM, None, PrfId.PRF_HMAC_SHA2_512)
    old_sk_d = Secret(b"d" * 32)
    keys = rekeyed_ike_keys(new, PrfId.PRF_HMAC_SHA2_256, old_sk_d, NI, NR, SHARED, SPI_I, SPI_R)
    skeyseed = PRF[PrfId.PRF_HMAC_SHA2_256].compute(old_sk_d.reveal(), SHARED + NI + NR)
    stream = PRF[PrfId.PRF_HMAC_SHA2_512].plus(skeyseed, NI + NR + SPI_I + SPI_R, 64)
    assert keys.sk_d.reveal() == stream


def child(encr: Transform | None, integ: Transform | None, protocol: Protocol = Protocol.ESP) -> ChildSuite:
    return ChildSuite(protocol, encr, integ, None, esn=False)


@pytest.mark.parametrize("key", ENCR)
@pytest.mark.parametrize("integ_id", INTEG)
def test_child_keys_are_encryption_then_integrity_of_each_direction(key: tuple[EncrId, int], integ_id: int) -> None:
    encr = Transform(TransformType.ENCR, *key)
    integ = None if ENCR[key].aead else Transform(TransformType.INTEG, integ_id)
    keys = child_keys(PrfId.PRF_HMAC_SHA2_256, Secret(b"d" * 32), child(encr, integ), NI, NR)
    e, a = ENCR[key].key_octets, INTEG[integ_id].key_octets if integ else 0
    stream = PRF[PrfId.PRF_HMAC_SHA2_256].plus(b"d" * 32, NI + NR, 2 * (e + a))
    pieces = (keys.encr_i, keys.integ_i, keys.encr_r, keys.integ_r)
    assert [len(piece) for piece in pieces] == [e, a, e, a]
    assert b"".join(piece.reveal() for piece in pieces) == stream


def test_ah_has_no_encryption_keys() -> None:
    keys = child_keys(PrfId.PRF_HMAC_SHA1, Secret(b"d" * 20), child(None, SHA1, Protocol.AH), NI, NR)
    assert len(keys.encr_i) == len(keys.encr_r) == 0
    assert keys.integ_i != keys.integ_r


def test_pfs_puts_the_new_secret_in_front_of_the_nonces() -> None:
    keys = child_keys(PrfId.PRF_HMAC_SHA2_256, Secret(b"d" * 32), child(GCM, None), NI, NR, SHARED)
    assert keys.encr_i.reveal() == PRF[PrfId.PRF_HMAC_SHA2_256].plus(b"d" * 32, SHARED + NI + NR, 36)


def test_no_key_shows_in_text() -> None:
    keys = ike_keys(suite(GCM, None), NI, NR, SHARED, SPI_I, SPI_R)
    assert keys.sk_d.reveal().hex() not in repr(keys)
    assert repr(keys).count("<secret>") == 7


def test_unknown_ciphers_are_refused() -> None:
    with pytest.raises(LocalMisuse, match="no encryption algorithm"):
        ike_keys(suite(Transform(TransformType.ENCR, EncrId.AES_CBC), SHA1), NI, NR, SHARED, SPI_I, SPI_R)
