"""crypto.cbc: the long-lived contexts give the same as a fresh one for each message."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from ikeengine.crypto.cbc import Cbc
from ikeengine.errors import LocalMisuse

KEY = bytes(range(16))
messages = st.lists(
    st.tuples(
        st.binary(min_size=16, max_size=16),
        st.integers(1, 4).flatmap(lambda n: st.binary(min_size=16 * n, max_size=16 * n)),
    ),
    min_size=1,
    max_size=6,
)


def fresh(iv: bytes, data: bytes) -> bytes:
    encryptor = Cipher(algorithms.AES(KEY), modes.CBC(iv)).encryptor()
    return encryptor.update(data) + encryptor.finalize()


@given(messages)
def test_every_message_is_independent_of_those_before(sequence: list[tuple[bytes, bytes]]) -> None:
    cipher = Cbc(algorithms.AES(KEY))
    for iv, data in sequence:
        ciphertext = cipher.encrypt(iv, data)
        assert ciphertext == fresh(iv, data)
        assert cipher.decrypt(iv, ciphertext) == data


@pytest.mark.parametrize(("iv", "data"), [(15, 16), (17, 16), (0, 16), (16, 15), (16, 17), (16, 0)])
def test_partial_blocks_are_refused_and_do_no_harm(iv: int, data: int) -> None:
    cipher = Cbc(algorithms.AES(KEY))
    with pytest.raises(LocalMisuse):
        cipher.encrypt(bytes(iv), bytes(data))
    assert cipher.encrypt(bytes(16), bytes(32)) == fresh(bytes(16), bytes(32))


@pytest.mark.parametrize(("iv", "data"), [(15, 16), (17, 16), (0, 16), (16, 15), (16, 17)])
def test_partial_blocks_are_not_decrypted(iv: int, data: int) -> None:
    cipher = Cbc(algorithms.AES(KEY))
    with pytest.raises(LocalMisuse):
        cipher.decrypt(bytes(iv), bytes(data))
    assert cipher.decrypt(bytes(16), fresh(bytes(16), bytes(32))) == bytes(32)
