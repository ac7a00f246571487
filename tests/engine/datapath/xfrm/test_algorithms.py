"""Kernel names, key lengths and truncation of algorithms."""

from __future__ import annotations

import pytest

from ikeengine.datapath.netlink import read_attributes
from ikeengine.datapath.xfrm.algorithms import AEAD, AUTH, CIPHER, algorithm_attributes
from ikeengine.datapath.xfrm.constants import Xfrma
from ikeengine.errors import DatapathError
from ikeengine.model.proposal import Transform
from ikeengine.model.secret import EMPTY, Secret
from ikeengine.registry import EncrId, IntegId, Protocol, TransformType
from tests.engine.datapath.xfrm.samples import SHA256, cbc, sa


def name_of(attribute: bytes) -> bytes:
    return attribute[:64].rstrip(b"\0")


def number(attribute: bytes, offset: int) -> int:
    return int.from_bytes(attribute[offset : offset + 4], "little")


def test_cipher_and_integrity_are_two_attributes():
    attributes = read_attributes(algorithm_attributes(cbc()))
    assert set(attributes) == {Xfrma.ALG_CRYPT, Xfrma.ALG_AUTH_TRUNC}
    crypt, auth = attributes[Xfrma.ALG_CRYPT], attributes[Xfrma.ALG_AUTH_TRUNC]
    assert (name_of(crypt), number(crypt, 64), crypt[68:]) == (b"cbc(aes)", 128, b"E" * 16)
    assert (name_of(auth), number(auth, 64), number(auth, 68), auth[72:]) == (b"hmac(sha256)", 256, 128, b"I" * 32)


def test_a_combined_mode_key_includes_its_salt():
    (attribute,) = read_attributes(algorithm_attributes(sa())).items()
    kind, aead = attribute
    assert kind == Xfrma.ALG_AEAD
    assert (name_of(aead), number(aead, 64), number(aead, 68)) == (b"rfc4106(gcm(aes))", 160, 128)
    assert aead[72:] == bytes(range(20))


@pytest.mark.parametrize(
    ("integ", "name", "bits"),
    [
        (IntegId.HMAC_MD5_96, b"hmac(md5)", 96),
        (IntegId.HMAC_SHA1_96, b"hmac(sha1)", 96),
        (IntegId.AES_XCBC_96, b"xcbc(aes)", 96),
        (IntegId.AES_CMAC_96, b"cmac(aes)", 96),
        (IntegId.HMAC_SHA2_256_128, b"hmac(sha256)", 128),
        (IntegId.HMAC_SHA2_256_96, b"hmac(sha256)", 96),
        (IntegId.HMAC_SHA2_384_192, b"hmac(sha384)", 192),
        (IntegId.HMAC_SHA2_512_256, b"hmac(sha512)", 256),
    ],
)
def test_integrity_is_truncated_as_the_rfcs_say(integ: IntegId, name: bytes, bits: int):
    state = sa(protocol=Protocol.AH, encr=None, integ=Transform(TransformType.INTEG, integ), integ_key=Secret(b"k"))
    (auth,) = read_attributes(algorithm_attributes(state)).values()
    assert (name_of(auth), number(auth, 68)) == (name, bits)


@pytest.mark.parametrize(
    ("encr", "bits"),
    [(EncrId.AES_GCM_8, 64), (EncrId.AES_GCM_12, 96), (EncrId.AES_CCM_8, 64), (EncrId.AES_CCM_16, 128)],
)
def test_combined_modes_have_tags_of_their_own_length(encr: EncrId, bits: int):
    (aead,) = read_attributes(algorithm_attributes(sa(encr=Transform(TransformType.ENCR, encr, 128)))).values()
    assert number(aead, 68) == bits


def test_null_encryption_has_no_key():
    null = cbc(encr=Transform(TransformType.ENCR, EncrId.NULL), encr_key=EMPTY)
    crypt = read_attributes(algorithm_attributes(null))[Xfrma.ALG_CRYPT]
    assert (name_of(crypt), number(crypt, 64), len(crypt)) == (b"ecb(cipher_null)", 0, 68)


def test_every_name_fits():
    names = [*CIPHER.values(), *(aead.name for aead in AEAD.values()), *(auth.name for auth in AUTH.values())]
    assert max(map(len, names)) < 64


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (sa(encr=Transform(TransformType.ENCR, 77)), "no encryption algorithm UNKNOWN_77"),
        (cbc(integ=Transform(TransformType.INTEG, 99)), "no integrity algorithm UNKNOWN_99"),
        (cbc(integ=None), "needs an integrity algorithm"),
        (sa(encr=None), "needs an encryption algorithm"),
        (sa(protocol=Protocol.AH, encr=None, integ=None), "needs an integrity algorithm"),
        (sa(encr=Transform(TransformType.ENCR, 77), integ=SHA256), "no encryption algorithm UNKNOWN_77"),
    ],
)
def test_what_the_kernel_cannot_do_is_refused(state, message):
    with pytest.raises(DatapathError, match=message):
        algorithm_attributes(state)
