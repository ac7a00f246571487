"""ikev1.keys.encryption and ivs: messages of several exchanges, forged ones among them."""

from __future__ import annotations

import hashlib
from copy import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikeengine.errors import InvalidSyntax, LocalMisuse
from ikeengine.ikev1.keys.encryption import MessageCipher
from ikeengine.ikev1.keys.ivs import MAX_CHAINS, PHASE_1, IvState
from ikeengine.ikev1.keys.phase1 import cipher_key
from ikeengine.model.proposal import Transform
from ikeengine.model.secret import Secret
from ikeengine.registry import EncrId, PrfId, TransformType

PRF = PrfId.PRF_HMAC_SHA2_512
CIPHERS = [
    Transform(TransformType.ENCR, EncrId.DES_CBC),
    Transform(TransformType.ENCR, EncrId.TRIPLE_DES_CBC),
    *(Transform(TransformType.ENCR, EncrId.AES_CBC, bits) for bits in (128, 192, 256)),
]
each_cipher = pytest.mark.parametrize("encr", CIPHERS, ids=lambda encr: f"{EncrId(encr.id).name}-{encr.key_length}")


def make(encr: Transform) -> tuple[MessageCipher, IvState]:
    cipher = MessageCipher(encr, cipher_key(PRF, Secret(bytes(range(64))), encr))
    return cipher, IvState(PRF, cipher.block, b"g^xi", b"g^xr")


@each_cipher
@given(payloads=st.binary(min_size=1, max_size=100))
def test_a_message_comes_back_with_zeros_up_to_a_whole_block(encr: Transform, payloads: bytes) -> None:
    cipher, ivs = make(encr)
    iv = ivs.next_iv(PHASE_1)
    sent = cipher.encrypt(iv, payloads)
    received = cipher.decrypt(iv, sent.octets)
    assert received.octets == payloads.ljust(len(sent.octets), b"\0")
    assert len(sent.octets) - len(payloads) < cipher.block
    assert received.next_iv == sent.next_iv == sent.octets[-cipher.block :]


@each_cipher
@pytest.mark.parametrize("difference", [-1, 1])
def test_ciphertext_of_half_a_block_is_refused(encr: Transform, difference: int) -> None:
    cipher, ivs = make(encr)
    for length in (0, 3 * cipher.block + difference):
        with pytest.raises(InvalidSyntax, match="whole blocks"):
            cipher.decrypt(ivs.next_iv(PHASE_1), bytes(length))


@pytest.mark.parametrize(
    "encr",
    [
        Transform(TransformType.ENCR, EncrId.AES_GCM_16, 128),
        Transform(TransformType.ENCR, EncrId.AES_CTR, 128),
        Transform(TransformType.ENCR, EncrId.NULL),
        Transform(TransformType.ENCR, EncrId.AES_CBC),
    ],
)
def test_only_cbc_encrypts_messages(encr: Transform) -> None:
    with pytest.raises(LocalMisuse, match="cannot encrypt messages"):
        MessageCipher(encr, Secret(bytes(16)))


def test_first_ivs_are_those_of_rfc_2409_appendix_b() -> None:
    for block in (8, 16):
        ivs = IvState(PrfId.PRF_HMAC_MD5, block, b"g^xi", b"g^xr")
        assert ivs.next_iv(PHASE_1) == hashlib.md5(b"g^xig^xr").digest()[:block]
        last = bytes(range(block))
        ivs.commit(PHASE_1, last)
        assert ivs.next_iv(PHASE_1) == last
        assert ivs.next_iv(0x01020304) == hashlib.md5(last + b"\1\2\3\4").digest()[:block]


def test_exchanges_have_chains_of_their_own() -> None:
    _, ivs = make(CIPHERS[-1])
    first = {message_id: ivs.next_iv(message_id) for message_id in (1, 2, 3)}
    assert len(set(first.values())) == 3
    ivs.commit(2, b"last block of #2")
    assert {message_id: ivs.next_iv(message_id) for message_id in (1, 2, 3)} == {**first, 2: b"last block of #2"}
    ivs.forget(2)
    ivs.forget(3)
    assert ivs.next_iv(2) == first[2]


@given(st.lists(st.tuples(st.sampled_from([0, 1, 2, 77]), st.booleans(), st.binary(min_size=1, max_size=50))))
def test_both_sides_stay_together_whatever_is_forged_in_between(messages: list[tuple[int, bool, bytes]]) -> None:
    cipher, ours = make(CIPHERS[-1])
    theirs = ours.copy()
    for message_id, genuine, payloads in messages:
        if not genuine:
            cipher.decrypt(theirs.next_iv(message_id), bytes(payloads).ljust(64, b"x"))
            continue
        sent = cipher.encrypt(ours.next_iv(message_id), payloads)
        ours.commit(message_id, sent.next_iv)
        received = cipher.decrypt(theirs.next_iv(message_id), sent.octets)
        assert received.octets.startswith(payloads)
        theirs.commit(message_id, received.next_iv)


def test_chains_are_bounded_and_the_quiet_one_goes_first() -> None:
    _, ivs = make(CIPHERS[-1])
    for message_id in range(1, MAX_CHAINS + 1):
        ivs.commit(message_id, b"IV of %10d" % message_id)
    ivs.commit(1, b"newer IV of no 1")
    ivs.commit(1000, b"IV of number 1000")
    assert ivs.next_iv(1) == b"newer IV of no 1"
    assert ivs.next_iv(2) != b"IV of %10d" % 2
    assert ivs.next_iv(3) == b"IV of %10d" % 3


def test_copies_are_independent() -> None:
    _, ivs = make(CIPHERS[-1])
    before = ivs.next_iv(7)
    other = ivs.copy()
    other.commit(7, bytes(16))
    assert ivs.next_iv(7) == before
    assert copy(other).next_iv(7) == bytes(16)
