# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Proposals in the words of swanctl.conf: is the text right, and is it strong enough? Private to the collection.

The words are those of ikeengine. They are written down again because plugins cannot import the engine; a test compares
both.
"""

from __future__ import annotations

import difflib
import re
import typing as t

_AES = (128, 192, 256)
AEAD = {f"aes{bits}{mode}{tag}" for bits in _AES for mode in ("gcm", "ccm") for tag in ("", 8, 12, 16, 64, 96, 128)}
AEAD.add("chacha20poly1305")
ESP_ONLY = {"null"}
CIPHERS = {"aes", "des", "3des", *(f"aes{bits}{mode}" for bits in _AES for mode in ("", "ctr")), *ESP_ONLY}
_HASHES = ("sha256", "sha384", "sha512")
INTEGRITY = {"md5", "sha", "sha1", *_HASHES, "sha2_256", "sha2_384", "sha2_512", "aesxcbc", "aescmac"}
PRFS = {"prfmd5", "prfsha1", *("prf" + name for name in _HASHES), "prfaesxcbc", "prfaescmac"}
_MODP = (768, 1024, 1536, 2048, 3072, 4096, 6144, 8192)
_CURVES = {"ecp256", "ecp384", "ecp521", "ecp256bp", "ecp384bp", "ecp512bp", "x25519", "curve25519", "x448", "curve448"}
KEY_EXCHANGES = {*_CURVES, *(f"modp{bits}" for bits in _MODP)}
ONLY_ADDITIONAL = {"mlkem768", "mlkem1024"}
NO_KEY_EXCHANGE = {"none", "modpnone"}
SEQUENCE_NUMBERS = {"esn", "noesn"}

WORDS = AEAD | CIPHERS | INTEGRITY | PRFS | KEY_EXCHANGES | NO_KEY_EXCHANGE | SEQUENCE_NUMBERS
_ADDITIONAL = re.compile(r"ke[1-7]_(.+)")
_WEAK = re.compile(r"(3?des|null|(prf)?(md5|sha1)|sha|modp(768|1024|1536))$")


def problems(kind: str, text: t.Any, allow_weak: bool = False) -> t.List[str]:
    """What is wrong with a proposal for C(ike) or C(esp), each in a sentence."""
    if not isinstance(text, str) or not text:
        return [f"{text!r} is not a proposal, such as {SAMPLES[kind]}"]
    if text == "default":
        return []
    words = text.strip().lower().split("-")
    found = [_unknown(word) for word in words if not _is_word(word)]
    if not found:
        found = list(_ike(words) if kind == "ike" else _esp(words)) + list(_any(words))
    if not allow_weak:
        found += [f"{word} is weak; take another one, or say allow_weak: true for the mesh" for word in weak(text)]
    return [f"proposal {text}: {problem}" for problem in found]


GROUP_NUMBERS = {
    **{"modp768": 1, "modp1024": 2, "modp1536": 5, "modp2048": 14, "modp3072": 15, "modp4096": 16, "modp6144": 17, "modp8192": 18},
    **{"ecp256": 19, "ecp384": 20, "ecp521": 21, "ecp256bp": 28, "ecp384bp": 29, "ecp512bp": 30},
    **{"x25519": 31, "curve25519": 31, "x448": 32, "curve448": 32, "mlkem768": 36, "mlkem1024": 37},
}
"""IANA numbers of the key exchanges, which many appliances call Diffie-Hellman groups."""

SAMPLES = {"ike": "aes256gcm16-prfsha384-x25519", "esp": "aes256gcm16-x25519"}


def weak(text: str) -> t.List[str]:
    """The words of a proposal that are broken or too short: DES, 3DES, NULL, MD5, SHA-1, MODP groups below 2048 bits."""
    words = [_plain(word) for word in text.lower().split("-")]
    return [word for word in words if _WEAK.match(word)]


def of_ikev2(kind: str, text: str) -> str:
    """Why IKEv1 cannot carry a proposal; empty if it can."""
    words = [] if text == "default" else text.lower().split("-")
    for word in words:
        if kind == "ike" and word in AEAD:
            return f"IKEv1 messages cannot be protected with {word}, a combined-mode cipher (AEAD)"
        if _ADDITIONAL.fullmatch(word):
            return f"IKEv1 has no additional key exchanges such as {word}"
    return ""


def _plain(word: str) -> str:
    additional = _ADDITIONAL.fullmatch(word)
    return additional[1] if additional else word


def _is_word(word: str) -> bool:
    if _ADDITIONAL.fullmatch(word):
        return _plain(word) in KEY_EXCHANGES | ONLY_ADDITIONAL | NO_KEY_EXCHANGE
    return word in WORDS


def _unknown(word: str) -> str:
    if word in ONLY_ADDITIONAL:
        return f"{word} comes only after another key exchange; write ke1_{word}"
    close = difflib.get_close_matches(word, WORDS, n=1)
    return f"{word!r} is no algorithm that ikeengine has" + (f"; did you mean {close[0]}?" if close else "")


def _ike(words: t.Sequence[str]) -> t.Iterator[str]:
    if not AEAD.union(CIPHERS).intersection(words):
        yield "there is no cipher, such as aes256gcm16"
    if not KEY_EXCHANGES.intersection(words):
        yield "there is no key exchange, such as x25519"
    if AEAD.intersection(words) and not PRFS.union(INTEGRITY).intersection(words):
        yield "there is no PRF, such as prfsha384"
    if AEAD.intersection(words) and PRFS.intersection(words) and INTEGRITY.intersection(words):
        yield "a combined-mode cipher (AEAD) takes no integrity algorithm"
    for word in words:
        if word in ESP_ONLY | SEQUENCE_NUMBERS:
            yield f"{word} is for ESP only"


def _esp(words: t.Sequence[str]) -> t.Iterator[str]:
    if not AEAD.union(CIPHERS).intersection(words):
        yield "there is no cipher, such as aes256gcm16"
    if AEAD.intersection(words) and INTEGRITY.intersection(words):
        yield "a combined-mode cipher (AEAD) takes no integrity algorithm"
    for word in words:
        if word in PRFS:
            yield f"{word} is for IKE only"


def _any(words: t.Sequence[str]) -> t.Iterator[str]:
    if AEAD.intersection(words) and CIPHERS.intersection(words):
        yield "combined-mode (AEAD) and other ciphers need proposals of their own"
    if CIPHERS.intersection(words) and not INTEGRITY.intersection(words):
        yield "there is no integrity algorithm, such as sha256"
    additional = [word for word in words if _ADDITIONAL.fullmatch(word) and _plain(word) not in NO_KEY_EXCHANGE]
    first = KEY_EXCHANGES.intersection(words)
    if additional and not first:
        yield f"{additional[0]} adds to a key exchange, but there is none, such as x25519"
    for word in additional:
        if first == {_plain(word)}:
            yield f"{word} repeats a key exchange; each must be another one"
