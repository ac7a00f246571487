# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Are the algorithms of an SA those of a proposal? Private to the collection. Pure functions.

A daemon tells `AES_GCM_16-256/PRF_HMAC_SHA2_384/CURVE_25519`, an inventory `aes256gcm16-prfsha384-x25519`.
"""

from __future__ import annotations

import re
import typing as t

_RULES: t.Tuple[t.Tuple[str, str], ...] = (
    (r"AES_(GCM|CCM)_(\d+)-(\d+)", r"aes\3\1\2"),
    (r"AES_CBC-(\d+)", r"aes\1"),
    (r"AES_CTR-(\d+)", r"aes\1ctr"),
    (r"CHACHA20_POLY1305(-256)?", "chacha20poly1305"),
    (r"3DES_CBC", "3des"),
    (r"DES_CBC", "des"),
    (r"NULL", "null"),
    (r"HMAC_SHA2_(\d+)_\d+", r"sha\1"),
    (r"HMAC_SHA1_\d+", "sha1"),
    (r"HMAC_MD5_\d+", "md5"),
    (r"AES_XCBC_96", "aesxcbc"),
    (r"AES_CMAC_96", "aescmac"),
    (r"PRF_HMAC_SHA2_(\d+)", r"prfsha\1"),
    (r"PRF_HMAC_SHA1", "prfsha1"),
    (r"PRF_HMAC_MD5", "prfmd5"),
    (r"PRF_AES128_(XCBC|CMAC)", r"prfaes\1"),
    (r"CURVE_(25519|448)", r"x\1"),
    (r"ECP_(\d+)_BP", r"ecp\1bp"),
    (r"(ECP|MODP)_(\d+)", r"\1\2"),
    (r"ML_?KEM_(\d+)", r"mlkem\1"),
)
_SYNONYMS: t.Tuple[t.Tuple[str, str], ...] = (
    (r"ke[1-7]_(.+)", r"\1"),
    (r"curve(25519|448)", r"x\1"),
    (r"sha2_(\d+)", r"sha\1"),
    (r"sha", "sha1"),
    (r"aes", "aes128"),
    (r"(aes\d+[gc]cm)(128|)", r"\g<1>16"),
    (r"(aes\d+[gc]cm)96", r"\g<1>12"),
    (r"(aes\d+[gc]cm)64", r"\g<1>8"),
)


def follows(suite: t.Optional[str], proposals: t.Sequence[str]) -> bool:
    """Whether a suite can have come from one of the proposals. What the rules do not know counts as right."""
    if not suite or "default" in proposals:
        return True
    words = [_word(name, _RULES) for name in suite.split("/")]
    return any(_fits(words, proposal) for proposal in proposals)


def _fits(words: t.Sequence[t.Optional[str]], proposal: str) -> bool:
    offered = {_word(word, _SYNONYMS) or word for word in proposal.lower().split("-")}
    # Without a PRF of its own, the proposal takes the one of its integrity algorithm.
    offered |= {"prf" + word for word in offered if not any(one.startswith("prf") for one in offered)}
    return all(word is None or word in offered for word in words)


def _word(name: str, rules: t.Sequence[t.Tuple[str, str]]) -> t.Optional[str]:
    for pattern, word in rules:
        match = re.fullmatch(pattern, name)
        if match:
            return match.expand(word).lower()
    return None
