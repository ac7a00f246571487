"""Every algorithm that we have a name for, with and without extended sequence numbers, against the real kernel."""

from __future__ import annotations

import pytest

from ikeengine.registry import EncrId, IntegId, Protocol
from tests.engine.kernel.inside.gateways import LEFT_INSIDE, RIGHT_INSIDE, Pair, Suite, transfer

ALL_SUITES = {
    "aes128-sha1": Suite(EncrId.AES_CBC, 16, 128, IntegId.HMAC_SHA1_96, 20),
    "aes192-sha256": Suite(EncrId.AES_CBC, 24, 192, IntegId.HMAC_SHA2_256_128, 32),
    "aes256-sha384": Suite(EncrId.AES_CBC, 32, 256, IntegId.HMAC_SHA2_384_192, 48),
    "aes256-sha512": Suite(EncrId.AES_CBC, 32, 256, IntegId.HMAC_SHA2_512_256, 64),
    "aes128-md5": Suite(EncrId.AES_CBC, 16, 128, IntegId.HMAC_MD5_96, 16),
    "aes128-aesxcbc": Suite(EncrId.AES_CBC, 16, 128, IntegId.AES_XCBC_96, 16),
    "aes128-aescmac": Suite(EncrId.AES_CBC, 16, 128, IntegId.AES_CMAC_96, 16),
    "aes128ctr-sha256": Suite(EncrId.AES_CTR, 20, 128, IntegId.HMAC_SHA2_256_128, 32),
    "aes256ctr-sha512": Suite(EncrId.AES_CTR, 36, 256, IntegId.HMAC_SHA2_512_256, 64),
    "3des-sha1": Suite(EncrId.TRIPLE_DES_CBC, 24, None, IntegId.HMAC_SHA1_96, 20),
    "des-md5": Suite(EncrId.DES_CBC, 8, None, IntegId.HMAC_MD5_96, 16),
    "camellia256-sha256": Suite(EncrId.CAMELLIA_CBC, 32, 256, IntegId.HMAC_SHA2_256_128, 32),
    "null-sha256": Suite(EncrId.NULL, 0, None, IntegId.HMAC_SHA2_256_128, 32),
    "aes128gcm8": Suite(EncrId.AES_GCM_8, 20, 128),
    "aes192gcm12": Suite(EncrId.AES_GCM_12, 28, 192),
    "aes256gcm16": Suite(EncrId.AES_GCM_16, 36, 256),
    "aes128ccm8": Suite(EncrId.AES_CCM_8, 19, 128),
    "aes192ccm12": Suite(EncrId.AES_CCM_12, 27, 192),
    "aes256ccm16": Suite(EncrId.AES_CCM_16, 35, 256),
    "chacha20poly1305": Suite(EncrId.CHACHA20_POLY1305, 36, None),
    "aes128gmac": Suite(EncrId.NULL_AUTH_AES_GMAC, 20, 128),
    "ah-sha1": Suite(None, 0, None, IntegId.HMAC_SHA1_96, 20, Protocol.AH),
    "ah-sha512": Suite(None, 0, None, IntegId.HMAC_SHA2_512_256, 64, Protocol.AH),
    "ah-aesxcbc": Suite(None, 0, None, IntegId.AES_XCBC_96, 16, Protocol.AH),
}


SHOWN = {
    "aes192-sha256": ("auth-trunc hmac(sha256) 0x", " 128"),
    "aes256-sha384": ("auth-trunc hmac(sha384) 0x", " 192"),
    "aes256-sha512": ("auth-trunc hmac(sha512) 0x", " 256"),
    "aes128-sha1": ("auth-trunc hmac(sha1) 0x", " 96"),
    "aes128-aesxcbc": ("auth-trunc xcbc(aes) 0x", " 96"),
    "aes128-aescmac": ("auth-trunc cmac(aes) 0x", " 96"),
    "aes192gcm12": ("aead rfc4106(gcm(aes)) 0x", " 96"),
    "aes128ccm8": ("aead rfc4309(ccm(aes)) 0x", " 64"),
    "chacha20poly1305": ("aead rfc7539esp(chacha20,poly1305) 0x", " 128"),
    "null-sha256": ("enc ecb(cipher_null)", ""),
    "3des-sha1": ("enc cbc(des3_ede) 0x", ""),
}
"""How `ip xfrm state` shows an algorithm: the start and the end of a line."""


@pytest.mark.parametrize("name", ALL_SUITES)
@pytest.mark.parametrize("esn", [False, True], ids=["noesn", "esn"])
def test_every_algorithm(pair: Pair, name: str, esn: bool):
    pair.connect(ALL_SUITES[name], esn=esn)
    assert pair.left.ns.ping(RIGHT_INSIDE, "-I", LEFT_INSIDE, count=2)
    assert transfer(pair.left.ns, pair.right.ns, RIGHT_INSIDE, size=51_200) == 51_200
    start, end = SHOWN.get(name, ("proto", ""))
    lines = [line.strip() for line in pair.left.xfrm("state").splitlines()]
    assert [line for line in lines if line.startswith(start) and line.endswith(end)] != []
