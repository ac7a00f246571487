"""crypto.des_keys: a weak key decrypts what it encrypts, a semi-weak one has a partner that does."""

from __future__ import annotations

import pytest

from ikeengine.crypto import des_keys
from ikeengine.crypto.encr import ENCR
from ikeengine.registry import EncrId

WEAK = [bytes.fromhex(key) for key in des_keys._WEAK_KEYS.split()]
SEMI_WEAK = [bytes.fromhex(key) for key in des_keys._SEMI_WEAK_KEYS.split()]


def encrypt(key: bytes, block: bytes) -> bytes:
    return ENCR[EncrId.DES_CBC, None].load(key).encrypt(bytes(8), block)  # type: ignore[call-arg]


@pytest.mark.parametrize("key", WEAK)
def test_weak_keys_undo_themselves(key: bytes) -> None:
    assert encrypt(key, encrypt(key, b"8 octets")) == b"8 octets"


@pytest.mark.parametrize("key", SEMI_WEAK)
def test_semi_weak_keys_undo_each_other(key: bytes) -> None:
    assert [other for other in SEMI_WEAK if encrypt(other, encrypt(key, b"8 octets")) == b"8 octets"] != []


@pytest.mark.parametrize("key", [*WEAK, *SEMI_WEAK])
def test_parity_does_not_matter(key: bytes) -> None:
    assert is_weak_however(key)


def is_weak_however(key: bytes) -> bool:
    return all(des_keys.is_weak(bytes(octet & 0xFE | parity for octet in key)) for parity in (0, 1))


@pytest.mark.parametrize("key", [b"8 octets", bytes(7) + b"\x02", bytes.fromhex("0123456789abcdef")])
def test_other_keys_are_not_weak(key: bytes) -> None:
    assert not des_keys.is_weak(key)
    assert encrypt(key, encrypt(key, b"8 octets")) != b"8 octets"
