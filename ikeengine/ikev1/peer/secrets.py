"""Which pre-shared keys may be the right ones, and the keys that follow from each (RFC 2409 sections 5 and 5.4).

In Main Mode the key is needed before the identity of the peer is known, so it is found by what is known: the identities
that the connections expect, and the addresses. Where several can be meant, all of them are tried on the first message
that is encrypted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ikeengine.errors import LocalMisuse
from ikeengine.ikev1.keys.encryption import MessageCipher
from ikeengine.ikev1.keys.ivs import IvState
from ikeengine.ikev1.keys.phase1 import cipher_key, phase1_keys, psk_skeyid, signature_skeyid
from ikeengine.ikev1.sa import IkeSa, Keyring
from ikeengine.model.connection import ConnectionConfig
from ikeengine.model.credentials import SharedKey
from ikeengine.model.identity import Identity
from ikeengine.model.secret import Secret
from ikeengine.negotiate.identities import address_identity, format_identity
from ikeengine.sa.context import Context

MAX_TRIED = 32
"""Pre-shared keys that are tried for one peer."""


def own_identity(sa: IkeSa, config: ConnectionConfig) -> Identity:
    """Who we are with a pre-shared key."""
    return config.local[0].id or address_identity(sa.path.local)


def find_by_address(ctx: Context, sa: IkeSa, connections: Sequence[ConnectionConfig]) -> tuple[SharedKey, ...]:
    """The pre-shared keys for a peer of whom only the address is known. Raises LocalMisuse if there is none."""
    found: dict[str, SharedKey] = {}
    for local, remote in _pairs(sa, connections):
        found.update((key.name, key) for key in ctx.credentials.find_psk(local, remote))
    if not found:
        here, there = address_identity(sa.path.local), address_identity(sa.path.remote)
        raise LocalMisuse(f"no pre-shared key for {format_identity(here)} and {format_identity(there)}")
    return tuple(found.values())[:MAX_TRIED]


def find_by_identity(ctx: Context, local: Identity, remote: Identity) -> tuple[SharedKey, ...]:
    """The pre-shared keys for a peer that has said who it is. Raises LocalMisuse if there is none."""
    found = ctx.credentials.find_psk(local, remote)
    if not found:
        raise LocalMisuse(f"no pre-shared key for {format_identity(local)} and {format_identity(remote)}")
    return found


def rivals_text(keys: Sequence[SharedKey]) -> str:
    """That several pre-shared keys fit, of which only the first can be used."""
    names = ", ".join(key.name for key in keys[:MAX_TRIED])
    return (
        f"{len(keys)} pre-shared keys fit these identities equally well ({names}), and Aggressive Mode can try only "
        f"the first one, {keys[0].name}: remove the others, or give each its own `id`"
    )


def _pairs(sa: IkeSa, connections: Sequence[ConnectionConfig]) -> Iterator[tuple[Identity, Identity]]:
    """Identities by which a key may be found, the most certain ones first."""
    there = address_identity(sa.path.remote)
    for config in connections:
        expected = config.remote[0].id.exact
        if expected is not None:
            yield own_identity(sa, config), expected
    for config in connections:
        yield own_identity(sa, config), there
    yield address_identity(sa.path.local), there


def psk_keyrings(sa: IkeSa, shared_keys: Sequence[SharedKey]) -> tuple[Keyring, ...]:
    """The keys that follow from each of these pre-shared keys."""
    nonces = _nonces(sa)
    return tuple(_keyring(sa, psk_skeyid(sa.prf_id, key.secret, *nonces), key.name) for key in shared_keys)


def signature_keyring(sa: IkeSa) -> Keyring:
    """The keys where both sides sign."""
    return _keyring(sa, signature_skeyid(sa.prf_id, *_nonces(sa), sa.running_handshake().shared))


def _nonces(sa: IkeSa) -> tuple[bytes, bytes]:
    handshake = sa.running_handshake()
    nonces = handshake.nonce_own, handshake.nonce_peer
    return nonces if sa.is_initiator else (nonces[1], nonces[0])


def _keyring(sa: IkeSa, skeyid: Secret, shared_key: str = "") -> Keyring:
    handshake, suite = sa.running_handshake(), sa.chosen_suite()
    keys = phase1_keys(sa.prf_id, skeyid, handshake.shared, sa.spi_i, sa.spi_r)
    cipher = MessageCipher(suite.encr, cipher_key(sa.prf_id, keys.skeyid_e, suite.encr))
    publics = handshake.g_own, handshake.g_peer
    g_xi, g_xr = publics if sa.is_initiator else (publics[1], publics[0])
    return Keyring(keys, cipher, IvState(sa.prf_id, cipher.block, g_xi, g_xr), shared_key)
