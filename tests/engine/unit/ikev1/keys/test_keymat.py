"""ikev1.keys.keymat against the formulas of RFC 2409 section 5.5, computed another way."""

from __future__ import annotations

import hmac

import pytest

from ikeengine.crypto import des_keys
from ikeengine.errors import LocalMisuse
from ikeengine.ikev1.keys import keymat
from ikeengine.ikev1.keys.keymat import QuickModeSeed, child_keys
from ikeengine.model.proposal import ChildSuite, Transform
from ikeengine.model.secret import Secret
from ikeengine.registry import EncrId, IntegId, PrfId, Protocol, TransformType

PRF = PrfId.PRF_HMAC_SHA1
SKEYID_D = Secret(b"SKEYID_d of an SA   ")
SPI_I, SPI_R = b"\1\1\1\1", b"\2\2\2\2"
SHA1 = Transform(TransformType.INTEG, IntegId.HMAC_SHA1_96)
AES = Transform(TransformType.ENCR, EncrId.AES_CBC, 256)
GCM = Transform(TransformType.ENCR, EncrId.AES_GCM_16, 128)
DES = Transform(TransformType.ENCR, EncrId.DES_CBC)


def stream(octets: bytes, length: int) -> bytes:
    block = whole = b""
    while len(whole) < length:
        block = hmac.digest(SKEYID_D.reveal(), block + octets, "sha1")
        whole += block
    return whole[:length]


@pytest.mark.parametrize("shared", [b"", b"g(qm)^xy"])
def test_esp_takes_the_key_of_the_cipher_first(shared: bytes) -> None:
    suite = ChildSuite(Protocol.ESP, AES, SHA1, None, esn=False)
    keys = child_keys(PRF, SKEYID_D, suite, QuickModeSeed(b"Ni", b"Nr", shared), SPI_I, SPI_R)
    to_responder = stream(shared + b"\3" + SPI_R + b"NiNr", 52)
    to_initiator = stream(shared + b"\3" + SPI_I + b"NiNr", 52)
    assert keys.encr_i.reveal() + keys.integ_i.reveal() == to_responder
    assert keys.encr_r.reveal() + keys.integ_r.reveal() == to_initiator
    assert (len(keys.encr_i), len(keys.integ_i)) == (32, 20)


def test_ah_has_only_a_key_for_integrity() -> None:
    suite = ChildSuite(Protocol.AH, None, SHA1, None, esn=False)
    keys = child_keys(PRF, SKEYID_D, suite, QuickModeSeed(b"Ni", b"Nr"), SPI_I, SPI_R)
    assert keys.integ_i.reveal() == stream(b"\2" + SPI_R + b"NiNr", 20)
    assert len(keys.encr_i) == len(keys.encr_r) == 0


def test_combined_modes_have_their_salt_behind_the_key() -> None:
    suite = ChildSuite(Protocol.ESP, GCM, None, None, esn=False)
    keys = child_keys(PRF, SKEYID_D, suite, QuickModeSeed(b"Ni", b"Nr"), SPI_I, SPI_R)
    assert keys.encr_i.reveal() == stream(b"\3" + SPI_R + b"NiNr", 20)
    assert len(keys.integ_i) == 0


def test_weak_keys_of_des_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    suite = ChildSuite(Protocol.ESP, DES, SHA1, None, esn=False)
    seed = QuickModeSeed(b"Ni", b"Nr")
    key = child_keys(PRF, SKEYID_D, suite, seed, SPI_I, SPI_R).encr_r.reveal()
    assert not des_keys.is_weak(key)
    monkeypatch.setattr(keymat, "is_weak", lambda other: other == key)
    with pytest.raises(LocalMisuse, match="weak key of DES"):
        child_keys(PRF, SKEYID_D, suite, seed, SPI_I, SPI_R)
