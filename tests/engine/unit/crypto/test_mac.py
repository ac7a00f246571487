"""crypto.mac."""

from __future__ import annotations

import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikeengine.crypto import mac

HASHES = ("sha1", "sha256", "sha384", "sha512")


@pytest.mark.parametrize("name", HASHES)
@given(key=st.binary(max_size=200), data=st.binary(max_size=300))
def test_hmac_is_that_of_the_standard_library(name: str, key: bytes, data: bytes) -> None:
    expected = hmac.digest(key, data, name)
    assert mac.hmac(name, key)(data) == expected
    assert mac.hmac_once(name, key, data) == expected


@pytest.mark.parametrize("maker", [mac.aes_cmac, mac.aes_xcbc, lambda key: mac.hmac("sha256", key)])
def test_keyed_function_keeps_nothing_from_call_to_call(maker: object) -> None:
    keyed = maker(bytes(16))  # type: ignore[operator]
    first = keyed(b"one message")
    keyed(b"another message that is longer than one block of any cipher")
    keyed(b"")
    assert keyed(b"one message") == first
    assert len(first) in (16, 32)


@given(st.binary(max_size=70), st.binary(max_size=70))
def test_xcbc_tells_messages_apart(one: bytes, other: bytes) -> None:
    keyed = mac.aes_xcbc(b"k" * 16)
    assert (keyed(one) == keyed(other)) == (one == other)
