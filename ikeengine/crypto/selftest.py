"""Whether an algorithm works with the installed `cryptography`: a known answer is computed before it is first used.

A library built without an algorithm, such as one without the Brainpool curves, is no error: the algorithm is then
neither offered nor accepted. One that gives a wrong answer is treated the same.
"""

from __future__ import annotations

from functools import lru_cache

from cryptography.exceptions import UnsupportedAlgorithm

from ikeengine.crypto.encr import ENCR
from ikeengine.crypto.encr_aead import AeadAlgorithm
from ikeengine.crypto.integ import INTEG
from ikeengine.crypto.kex import ADDITIONAL_KEX
from ikeengine.crypto.prf import PRF
from ikeengine.model.proposal import Transform
from ikeengine.registry import TransformType

_MESSAGE = b"three blocks of AES, six blocks of 3DES, no more"

KNOWN_ANSWERS: dict[str, str] = {
    "aes128gcm16": "3dbf933f58e0aac6",
    "aes192gcm16": "4c8c6a99d65d4d23",
    "aes256gcm16": "81c51ef67fb2fba8",
    "aes128gcm12": "103b21ec3dbf933f",
    "aes192gcm12": "ef9dfdac4c8c6a99",
    "aes256gcm12": "72b79f3a81c51ef6",
    "aes128gcm8": "3e74f030103b21ec",
    "aes192gcm8": "8436852cef9dfdac",
    "aes256gcm8": "579a1f9272b79f3a",
    "aes128ccm16": "efd2e3c9fa50a81e",
    "aes192ccm16": "719f7a8500d47beb",
    "aes256ccm16": "64fa0659d1cc7528",
    "aes128ccm12": "29179d9f4bb3744f",
    "aes192ccm12": "c17281ab9066b45a",
    "aes256ccm12": "480d880347567f4f",
    "aes128ccm8": "1c33a142440c4f38",
    "aes192ccm8": "c3b053adfbc76f88",
    "aes256ccm8": "8522cc4ffdd1683f",
    "chacha20poly1305": "eb3937e470c41cef",
    "aes128": "c829c9211ced1b37",
    "aes192": "1ed8f224cdc78bc6",
    "aes256": "75b75f74953e5c70",
    "aes128ctr": "4ff77a58dda8817f",
    "aes192ctr": "c0dcf187b76e5de7",
    "aes256ctr": "c283e8b039ac258f",
    "3des": "55549efd05f80ca5",
    "des": "fae4581839d76a70",
    "null": "746872656520626c",
    "prfmd5": "257b3a6be7b539ee",
    "prfsha1": "f4fdf855f4ed2820",
    "prfaesxcbc": "a884a80627cb7f35",
    "prfsha256": "74ad488a5b7fd122",
    "prfsha384": "b6277d3a31b41ade",
    "prfsha512": "1e8087b8a88d73fe",
    "prfaescmac": "834f0379fb5e94a0",
    "md5": "257b3a6be7b539ee",
    "sha1": "f4fdf855f4ed2820",
    "aesxcbc": "a884a80627cb7f35",
    "aescmac": "834f0379fb5e94a0",
    "sha256": "74ad488a5b7fd122",
    "sha256_96": "74ad488a5b7fd122",
    "sha384": "b6277d3a31b41ade",
    "sha512": "1e8087b8a88d73fe",
    "ecp256": "5d2865562c5094ab",
    "ecp384": "4f2f5995f0a37c80",
    "ecp521": "006735893f5c8710",
    "ecp256bp": "415757120898b346",
    "ecp384bp": "3236ecde4c94d605",
    "ecp512bp": "4fa4296da3edf872",
    "modp768": "7227cceb21b5d677",
    "modp1024": "ff2f22817ed9fcb5",
    "modp1536": "3816e65afb39e677",
    "modp2048": "45a73ffb252077b3",
    "modp3072": "9d89e42e4e666096",
    "modp4096": "c3ff880e73398cb9",
    "modp6144": "e8bb936d489769b3",
    "modp8192": "86a1eea1e8a73fe9",
    "x25519": "8f40c5adb68f2562",
    "x448": "3c6fd1d02960e0d9",
    "mlkem768": "298aa10d423c8dda",
    "mlkem1024": "4b94c29450111191",
}
"""The first 8 octets of what each algorithm makes of a key that counts up from 0, by swanctl keyword."""


class _CountingRng:
    """Octets that count up from 0: a fixed key."""

    def bytes(self, count: int) -> bytes:
        return bytes(number & 0xFF for number in range(count))


@lru_cache(maxsize=256)
def is_usable(transform: Transform) -> bool:
    """Whether we implement the algorithm of a transform and the library computes it rightly."""
    try:
        keyword, answer = _compute(transform)
    except (KeyError, UnsupportedAlgorithm, ValueError):
        return False
    return KNOWN_ANSWERS.get(keyword) == answer[:8].hex()


def _compute(transform: Transform) -> tuple[str, bytes]:
    """The keyword and the answer of an algorithm. KeyError if we have none such."""
    if transform.type == TransformType.ENCR:
        return _encrypt(transform.id, transform.key_length)
    rng = _CountingRng()
    if transform.type == TransformType.PRF:
        prf = PRF[transform.id]
        return prf.keyword, prf.compute(rng.bytes(prf.key_octets), _MESSAGE)
    if transform.type == TransformType.INTEG:
        integ = INTEG[transform.id]
        return integ.keyword, integ.compute(rng.bytes(integ.key_octets), _MESSAGE)
    method = ADDITIONAL_KEX[transform.id]
    return method.keyword, method.generate(rng).public


def _encrypt(encr_id: int, key_length: int | None) -> tuple[str, bytes]:
    algorithm = ENCR[encr_id, key_length]
    rng = _CountingRng()
    iv = rng.bytes(algorithm.iv_length)
    if isinstance(algorithm, AeadAlgorithm):
        aead = algorithm.load(rng.bytes(algorithm.cipher_key_octets))
        sealed = aead.encrypt(rng.bytes(algorithm.salt_octets) + iv, _MESSAGE, iv)
        return algorithm.keyword, sealed[-8:]
    return algorithm.keyword, algorithm.load(rng.bytes(algorithm.key_octets)).encrypt(iv, _MESSAGE)
