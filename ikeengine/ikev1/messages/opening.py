"""Opening a message: rules, decryption, and the HASH payload. Nothing changes unless all of it is right.

So a bad packet in the middle of a good exchange is nothing but a drop.
"""

from __future__ import annotations

from collections.abc import Iterator

from ikeengine.errors import IntegrityFailed, InvalidSyntax
from ikeengine.ikev1.keys.hashes import check_hash, hash_1
from ikeengine.ikev1.messages.conversation import Conversation
from ikeengine.ikev1.messages.received import Received
from ikeengine.ikev1.peer import proof, signatures
from ikeengine.ikev1.sa import IkeSa, Keyring
from ikeengine.ikev1.wire import rules
from ikeengine.ikev1.wire.message import Chain, parse, read_chain
from ikeengine.ikev1.wire.numbers import PayloadType
from ikeengine.ikev1.wire.payloads import Hash
from ikeengine.ikev1.wire.rules import Step
from ikeengine.model.path import Path
from ikeengine.sa.context import Context
from ikeengine.wire.header import Header

PROOFS = (Step.MAIN_5, Step.MAIN_6, Step.AGGRESSIVE_2, Step.AGGRESSIVE_3)
"""The messages of phase 1 in which the peer proves its identity."""


def open_message(
    ctx: Context, sa: IkeSa, conversation: Conversation, step: Step, header: Header, data: bytes, path: Path
) -> Received:
    """Decode a message. Raises InvalidSyntax, IntegrityFailed if it was not made with our keys, or AuthFailed."""
    parsed = parse(data, header)
    if not parsed.is_encrypted:
        rules.check(step, parsed.chain.payloads, encrypted=False, proof=proof.payload_type(sa))
        if step is Step.AGGRESSIVE_3:
            check_proof(ctx, sa, sa.keyring, parsed.chain)
        return Received(
            step, parsed.chain, data, path, conversation, encrypted=False, has_commit_bit=parsed.has_commit_bit
        )
    if not sa.keyrings:
        raise IntegrityFailed("an encrypted message before there are keys")
    failure: IntegrityFailed | InvalidSyntax | None = None
    for keyring, iv in _keys_and_ivs(sa, conversation, header):
        try:
            chain, next_iv = _decrypt(ctx, sa, keyring, iv, conversation, step, header, parsed.ciphertext)
        except (IntegrityFailed, InvalidSyntax) as error:
            failure = error
            continue
        sa.keyrings = (keyring,)
        keyring.ivs.commit(conversation.message_id, next_iv)
        return Received(step, chain, data, path, conversation, encrypted=True, has_commit_bit=parsed.has_commit_bit)
    raise failure or AssertionError("there are keys")


def _keys_and_ivs(sa: IkeSa, conversation: Conversation, header: Header) -> Iterator[tuple[Keyring, bytes]]:
    """What a message may be encrypted with. A CONNECTED that is not a part of Quick Mode may have an IV of its own."""
    for keyring in sa.keyrings:
        yield keyring, keyring.ivs.next_iv(conversation.message_id)
        if header.exchange != conversation.type:
            yield keyring, keyring.ivs.first_iv(conversation.message_id)


def _decrypt(
    ctx: Context,
    sa: IkeSa,
    keyring: Keyring,
    iv: bytes,
    conversation: Conversation,
    step: Step,
    header: Header,
    ciphertext: bytes,
) -> tuple[Chain, bytes]:
    octets, next_iv = keyring.cipher.decrypt(iv, ciphertext)
    chain = read_chain(header.next_payload, octets, protected=True)
    rules.check(step, chain.payloads, encrypted=True, proof=proof.payload_type(sa))
    if step in PROOFS:
        sa.running_handshake().iv_of_proof = next_iv
        check_proof(ctx, sa, keyring, chain)
    else:
        _check_hash(sa, keyring, conversation, chain)
    return chain, next_iv


def check_proof(ctx: Context, sa: IkeSa, keyring: Keyring, chain: Chain) -> None:
    """The peer's proof of identity. Raises AuthFailed for a signature that is wrong or by the wrong key."""
    if proof.payload_type(sa) is PayloadType.SIG:
        sa.running_handshake().believed = signatures.check(ctx, sa, keyring, chain)
    else:
        proof.check_hash_of_phase_1(sa, keyring, chain)


def _check_hash(sa: IkeSa, keyring: Keyring, conversation: Conversation, chain: Chain) -> None:
    """RFC 2409 sections 5.5 and 5.7; the rules have seen to it that the HASH payload comes first."""
    received = chain.first(Hash)
    if received is None:
        raise IntegrityFailed("a message without HASH payload")
    rest = chain.after(received)
    if conversation.exchange is None:
        expected = hash_1(sa.prf_id, keyring.keys.skeyid_a, conversation.message_id, rest)
    else:
        expected = conversation.exchange.hash_of(sa, conversation.message_id, rest)
    check_hash(received.data, expected)
