# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.hashes import SHA1, SHA256

from ansible_collections.keymesh.ike.plugins.plugin_utils._psk_derive import (
    WeakSecret,
    derived_psk,
    hkdf,
    mesh_secret,
)
from ansible_collections.keymesh.ike.tests.unit.plugins.plugin_utils.psk_samples import SECRET


def octets(first: int, last: int) -> bytes:
    return bytes(range(first, last + 1))


# RFC 5869, appendix A.
VECTORS = [
    (
        SHA256(),
        b"\x0b" * 22,
        octets(0, 0x0C),
        octets(0xF0, 0xF9),
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
    ),
    (
        SHA256(),
        octets(0, 0x4F),
        octets(0x60, 0xAF),
        octets(0xB0, 0xFF),
        "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09da3275600c2f09b8"
        "367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87",
    ),
    (
        SHA256(),
        b"\x0b" * 22,
        b"",
        b"",
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
    ),
    (
        SHA1(),
        b"\x0b" * 11,
        octets(0, 0x0C),
        octets(0xF0, 0xF9),
        "085a01ea1b10f36933068b56efa5ad81a4f14b822f5b091568a9cdd4f155fda2c22e422478d305f3f896",
    ),
]


@pytest.mark.parametrize("algorithm, secret, salt, info, okm", VECTORS)
def test_the_vectors_of_rfc_5869(algorithm: object, secret: bytes, salt: bytes, info: bytes, okm: str) -> None:
    assert hkdf(secret, salt, info, len(okm) // 2, algorithm).hex() == okm


def test_a_key_is_what_the_documentation_says() -> None:
    info = b"\x00\x012" + b"\x00\x0fgw1.example.com" + b"\x00\x0fgw2.example.com"
    key = derived_psk(SECRET, "backbone", "2", ["gw2.example.com", "gw1.example.com"])
    assert key == "0x" + hkdf(mesh_secret(SECRET), b"backbone", info, 32).hex()


def test_everything_counts() -> None:
    ids = ["a.example.com", "b.example.com"]
    keys = [
        derived_psk(SECRET, "m", "1", ids),
        derived_psk(SECRET, "m", "2", ids),
        derived_psk(SECRET, "n", "1", ids),
        derived_psk(SECRET, "m", "1", ["a.example.com", "c.example.com"]),
        derived_psk("a passphrase that is long and has many letters", "m", "1", ids),
    ]
    assert len(set(keys)) == len(keys)
    assert derived_psk(SECRET, "m", "1", ids[::-1]) == keys[0]


def test_parts_cannot_be_shifted() -> None:
    assert derived_psk(SECRET, "m", "1", ["ab", "c"]) != derived_psk(SECRET, "m", "1", ["a", "bc"])
    assert derived_psk(SECRET, "m", "1", ["2a", "b"]) != derived_psk(SECRET, "m", "12", ["a", "b"])


@pytest.mark.parametrize("identities", [[], ["a"], ["a", "b", "c"], ["a", ""]])
def test_a_key_is_for_two(identities: list) -> None:
    with pytest.raises(ValueError, match="two identities"):
        derived_psk(SECRET, "m", "1", identities)


@pytest.mark.parametrize(
    "text, complaint",
    [
        ("", "too short"),
        ("thirty-one characters are little", None),
        ("thirty characters are too few!", "too short"),
        ("abababababababababababababababababababab", "repeats itself"),
        ("0x00112233445566778899aabbccddee", "too short"),
        ("0x00112233445566778899aabbccddeeff", None),
        ("0x" + "00" * 32, "repeats itself"),
        ("0xnonsense", "not hexadecimal"),
        ("0s!!!!", "not Base64"),
        ("0sMDEyMzQ1Njc4OWFiY2RlZg==", None),
    ],
)
def test_the_strength_of_the_secret(text: str, complaint: str) -> None:
    if complaint is None:
        assert mesh_secret(text)
        return
    with pytest.raises(WeakSecret, match=complaint) as caught:
        mesh_secret(text)
    assert not text or text not in str(caught.value)
