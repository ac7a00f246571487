# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the algorithms of an SA, in the names of VICI, are what a proposal in swanctl's words allows. Private to the collection."""

from __future__ import annotations

import re
import typing as t

_ICV_OCTETS = {"64": "8", "96": "12", "128": "16", "8": "8", "12": "12", "16": "16"}
_HASHES = {
    "md5": ("HMAC_MD5_96", "PRF_HMAC_MD5"),
    "sha1": ("HMAC_SHA1_96", "PRF_HMAC_SHA1"),
    "sha": ("HMAC_SHA1_96", "PRF_HMAC_SHA1"),
    "sha256": ("HMAC_SHA2_256_128", "PRF_HMAC_SHA2_256"),
    "sha2_256": ("HMAC_SHA2_256_128", "PRF_HMAC_SHA2_256"),
    "sha384": ("HMAC_SHA2_384_192", "PRF_HMAC_SHA2_384"),
    "sha2_384": ("HMAC_SHA2_384_192", "PRF_HMAC_SHA2_384"),
    "sha512": ("HMAC_SHA2_512_256", "PRF_HMAC_SHA2_512"),
    "sha2_512": ("HMAC_SHA2_512_256", "PRF_HMAC_SHA2_512"),
    "aesxcbc": ("AES_XCBC_96", "PRF_AES128_XCBC"),
    "aescmac": ("AES_CMAC_96", "PRF_AES128_CMAC"),
}
_PLAIN = {
    "x25519": "CURVE_25519",
    "curve25519": "CURVE_25519",
    "x448": "CURVE_448",
    "curve448": "CURVE_448",
    "des": "DES_CBC",
    "3des": "3DES_CBC",
    "null": "NULL",
    "noesn": "",
    "esn": "",
    "chacha20poly1305": "CHACHA20_POLY1305",
}
_AEAD = re.compile(r"(aes|camellia)(128|192|256)?(gcm|ccm)(\d+)$")
_CIPHER = re.compile(r"(aes|camellia)(128|192|256)?(ctr)?$")
_GROUP = re.compile(r"(modp|ecp)(\d+)(bp)?$")
_ML_KEM = re.compile(r"(?:ke\d_)?mlkem(512|768|1024)$")
_SIZE = re.compile(r"^(CHACHA20_POLY1305)-256$")


def fits(suite: t.Optional[str], proposals: t.Iterable[str]) -> bool:
    """Whether an SA with this suite may come from one of the proposals. Words that are not known never speak against it.

    A Child SA may have no key exchange of its own, and the PRF follows from the integrity algorithm if none is named.
    """
    if not suite:
        return True
    used = {_SIZE.sub(r"\1", name) for name in suite.split("/")}
    return any(known is None or used <= known for known in map(_allowed, proposals))


def _allowed(proposal: str) -> t.Optional[t.Set[str]]:
    """The names of what a proposal holds; None if a word of it is not known."""
    found: t.Set[str] = set()
    for word in proposal.split("-"):
        names = _names(word.strip().lower())
        if names is None:
            return None
        found |= names
    return found


def _names(word: str) -> t.Optional[t.Set[str]]:
    if word in _PLAIN:
        return {_PLAIN[word]}
    if word in _HASHES:
        return set(_HASHES[word])
    if word.startswith("prf") and word[3:] in _HASHES:
        return {_HASHES[word[3:]][1]}
    aead = _AEAD.match(word)
    if aead and aead[4] in _ICV_OCTETS:
        return {f"{aead[1].upper()}_{aead[3].upper()}_{_ICV_OCTETS[aead[4]]}-{aead[2] or '128'}"}
    cipher = _CIPHER.match(word)
    if cipher:
        return {f"{cipher[1].upper()}_{'CTR' if cipher[3] else 'CBC'}-{cipher[2] or '128'}"}
    group = _GROUP.match(word)
    if group:
        return {f"{group[1].upper()}_{group[2]}{'_BP' if group[3] else ''}"}
    kem = _ML_KEM.match(re.sub(r"^ke\d_", "", word))
    return {f"ML_KEM_{kem[1]}"} if kem else None
