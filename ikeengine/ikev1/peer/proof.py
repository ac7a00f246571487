"""HASH_I and HASH_R: what both sides prove with, directly or under a signature (RFC 2409 section 5)."""

from __future__ import annotations

from ikeengine.errors import IntegrityFailed, InvalidSyntax
from ikeengine.ikev1.keys.hashes import check_hash, hash_i, hash_r
from ikeengine.ikev1.peer.methods import hash_prf_id, signs
from ikeengine.ikev1.sa import IkeSa, Keyring
from ikeengine.ikev1.wire.message import Chain
from ikeengine.ikev1.wire.numbers import PayloadType
from ikeengine.ikev1.wire.payloads import Hash, Id
from ikeengine.model.identity import Identity


def payload_type(sa: IkeSa) -> PayloadType:
    """The payload that the peer's proof is in."""
    return PayloadType.SIG if signs(sa.auth_method, initiator=not sa.is_initiator) else PayloadType.HASH


def own_hash(sa: IkeSa, keyring: Keyring) -> bytes:
    """What our own proof covers."""
    return _hash(sa, keyring, sa.running_handshake().id_own, initiator=sa.is_initiator)


def peer_hash(sa: IkeSa, keyring: Keyring, id_body: bytes) -> bytes:
    """What the proof of the peer must cover; `id_body` is its ID payload."""
    return _hash(sa, keyring, id_body, initiator=not sa.is_initiator)


def claimed(sa: IkeSa, chain: Chain) -> tuple[Identity, bytes]:
    """Who the peer says to be, with the body of that ID payload. Raises InvalidSyntax.

    In Aggressive Mode it has said so before the message with its proof.
    """
    payload = chain.first(Id)
    if payload is not None:
        return payload.identity, chain.body(payload)
    known = sa.running_handshake().id_peer
    if known is None:
        raise InvalidSyntax("a proof of identity without ID payload")
    return known


def check_hash_of_phase_1(sa: IkeSa, keyring: Keyring, chain: Chain) -> None:
    """Check the HASH payload of a peer that does not sign.

    Raises IntegrityFailed: the message was made with other keys, or with another pre-shared key.
    """
    received = chain.first(Hash)
    if received is None:
        raise IntegrityFailed("a proof of identity without HASH payload")
    check_hash(received.data, peer_hash(sa, keyring, claimed(sa, chain)[1]))


def _hash(sa: IkeSa, keyring: Keyring, id_body: bytes, *, initiator: bool) -> bytes:
    handshake = sa.running_handshake()
    g_xi, g_xr = handshake.g_own, handshake.g_peer
    if not sa.is_initiator:
        g_xi, g_xr = g_xr, g_xi
    compute = hash_i if initiator else hash_r
    prf_id = hash_prf_id(sa.auth_method, sa.prf_id) if signs(sa.auth_method, initiator=initiator) else sa.prf_id
    return compute(prf_id, keyring.keys.skeyid, g_xi, g_xr, sa.spi_i, sa.spi_r, handshake.sai_b, id_body)
