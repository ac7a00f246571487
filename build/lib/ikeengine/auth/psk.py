"""Authentication with a pre-shared key (RFC 7296 section 2.15, method 2)."""

from __future__ import annotations

import hmac

from ikeengine.crypto.prf import PRF
from ikeengine.errors import AuthFailed
from ikeengine.model.failure import Alert
from ikeengine.model.secret import Secret

_KEY_PAD = b"Key Pad for IKEv2"


def psk_auth(prf_id: int, secret: Secret, octets: bytes) -> bytes:
    """The data of the AUTH payload: prf(prf(secret, "Key Pad for IKEv2"), octets)."""
    prf = PRF[prf_id]
    return prf.compute(prf.compute(secret.reveal(), _KEY_PAD), octets)


def verify_psk(prf_id: int, secret: Secret, octets: bytes, received: bytes) -> None:
    """Compare what a peer sent with what it must be, in constant time. Raises AuthFailed("peer-auth-failed")."""
    if not hmac.compare_digest(psk_auth(prf_id, secret, octets), received):
        raise AuthFailed(Alert.PEER_AUTH_FAILED.value, "the AUTH payload was not made with our pre-shared key")
