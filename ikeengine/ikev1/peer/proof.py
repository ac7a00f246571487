"""HASH_I and HASH_R: what both sides prove with, directly or under a signature (RFC 2409 section 5)."""

from __future__ import annotations

from ikeengine.errors import IntegrityFailed, InvalidSyntax
from ikeengine.ikev1.keys.hashes import check_hash, hash_i, hash_r
from ikeengine.ikev1.peer.methods import signs
from ikeengine.ikev1.sa import IkeSa, Keyring
from ikeengine.ikev1.wire.message import Chain
from ikeengine.ikev1.wire.numbers import PayloadType
from ikeengine.ikev1.wire.payloads import Hash, Id


def payload_type(sa: IkeSa) -> PayloadType:
    """The payload that the peer's proof is in."""
    return PayloadType.SIG if signs(sa.auth_method, initiator=not sa.is_initiator) else PayloadType.HASH


def own_hash(sa: IkeSa, keyring: Keyring) -> bytes:
    """What our own proof covers."""
    return _hash(sa, keyring, sa.running_handshake().id_own, initiator=sa.is_initiator)


def peer_hash(sa: IkeSa, keyring: Keyring, id_body: bytes) -> bytes:
    """What the proof of the peer must cover; `id_body` is its ID payload."""
    return _hash(sa, keyring, id_body, initiator=not sa.is_initiator)


def check_hash_of_phase_1(sa: IkeSa, keyring: Keyring, chain: Chain) -> None:
    """Check a HASH payload of phase 1. A signature is checked later, with the peer's certificate.

    Raises IntegrityFailed: the message was made with other keys, or with another pre-shared key.
    """
    if payload_type(sa) is PayloadType.SIG:
        return
    received, identity = chain.first(Hash), chain.first(Id)
    if received is None:
        raise IntegrityFailed("a proof of identity without HASH payload")
    if identity is None:
        raise InvalidSyntax("a proof of identity without ID payload")
    check_hash(received.data, peer_hash(sa, keyring, chain.body(identity)))


def _hash(sa: IkeSa, keyring: Keyring, id_body: bytes, *, initiator: bool) -> bytes:
    handshake = sa.running_handshake()
    g_xi, g_xr = handshake.g_own, handshake.g_peer
    if not sa.is_initiator:
        g_xi, g_xr = g_xr, g_xi
    compute = hash_i if initiator else hash_r
    return compute(sa.prf_id, keyring.keys.skeyid, g_xi, g_xr, sa.spi_i, sa.spi_r, handshake.sai_b, id_body)
