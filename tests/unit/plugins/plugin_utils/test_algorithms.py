# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.keymesh.ike.plugins.plugin_utils._algorithms import fits


@pytest.mark.parametrize(
    ("suite", "proposals"),
    [
        ("AES_GCM_16-256/PRF_HMAC_SHA2_384/CURVE_25519", ["aes256gcm16-prfsha384-x25519"]),
        ("AES_GCM_16-256/PRF_HMAC_SHA2_384/ECP_384", ["aes256gcm16-prfsha384-x25519", "aes256gcm16-prfsha384-ecp384"]),
        ("AES_GCM_16-256", ["aes256gcm16-x25519"]),
        ("AES_GCM_16-128/CURVE_25519", ["aes128gcm128-x25519-noesn"]),
        ("AES_CBC-256/HMAC_SHA2_256_128/PRF_HMAC_SHA2_256/MODP_2048", ["aes256-sha256-modp2048"]),
        ("AES_CBC-128/HMAC_SHA1_96/PRF_HMAC_SHA1/MODP_1024", ["aes-sha-modp1024"]),
        ("CHACHA20_POLY1305-256/PRF_HMAC_SHA2_256/CURVE_448", ["chacha20poly1305-prfsha256-x448"]),
        ("AES_GCM_16-256/PRF_HMAC_SHA2_512/CURVE_25519/ML_KEM_768", ["aes256gcm16-prfsha512-x25519-ke1_mlkem768"]),
        ("3DES_CBC/HMAC_SHA1_96/ECP_256_BP", ["3des-sha1-ecp256bp"]),
        ("SOMETHING_NEW", ["default"]),
        (None, ["aes256gcm16"]),
    ],
)
def test_what_a_proposal_allows(suite: t.Optional[str], proposals: t.List[str]) -> None:
    assert fits(suite, proposals)


@pytest.mark.parametrize(
    ("suite", "proposals"),
    [
        ("AES_GCM_16-128/PRF_HMAC_SHA2_384/CURVE_25519", ["aes256gcm16-prfsha384-x25519"]),
        ("AES_GCM_16-256/PRF_HMAC_SHA2_384/ECP_384", ["aes256gcm16-prfsha384-x25519"]),
        ("AES_CBC-256/HMAC_SHA1_96", ["aes256-sha256"]),
        # Each algorithm is in some proposal, but they are not in one.
        ("AES_CBC-256/HMAC_SHA2_512_256", ["aes256-sha256", "aes128-sha512"]),
        ("AES_GCM_16-256/PRF_HMAC_SHA2_512/CURVE_25519", ["aes256gcm16-prfsha512-ke1_mlkem768-ecp384"]),
    ],
)
def test_what_it_does_not(suite: str, proposals: t.List[str]) -> None:
    assert not fits(suite, proposals)
