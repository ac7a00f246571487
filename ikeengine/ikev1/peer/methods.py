"""The authentication methods of IKEv1 and what a configuration means by them (RFC 2409 appendix A, XAUTH, hybrid).

One number names what both sides do. With XAUTH it also says which of them is asked for a password afterwards.
"""

from __future__ import annotations

from ikeengine.crypto.signature_schemes import V1_SCHEMES, SignatureScheme
from ikeengine.ikev1.wire.algorithms import AuthMethod
from ikeengine.model.connection import AuthKind, ConnectionConfig
from ikeengine.registry import HashId, PrfId

_M = AuthMethod

_SIGNATURES = (_M.RSA_SIGNATURES, _M.ECDSA_256, _M.ECDSA_384, _M.ECDSA_521)
_XAUTH_SIGNATURES = (_M.XAUTH_INIT_RSA, _M.XAUTH_RESP_RSA)
_HYBRID_SIGNER = {_M.HYBRID_INIT_RSA: False, _M.HYBRID_RESP_RSA: True}
"""Whether the initiator is the one who signs: the other one is the client."""
_ECDSA = {_M.ECDSA_256: "ikev1-ecdsa-256", _M.ECDSA_384: "ikev1-ecdsa-384", _M.ECDSA_521: "ikev1-ecdsa-521"}
_PRFS = {
    HashId.SHA2_256: PrfId.PRF_HMAC_SHA2_256,
    HashId.SHA2_384: PrfId.PRF_HMAC_SHA2_384,
    HashId.SHA2_512: PrfId.PRF_HMAC_SHA2_512,
}

_PSK, _PUBKEY, _XAUTH = AuthKind.PSK, AuthKind.PUBKEY, AuthKind.XAUTH


def signs(method: AuthMethod, *, initiator: bool) -> bool:
    """Whether this side proves its identity with a signature; else it does with a hash."""
    if method in _HYBRID_SIGNER:
        return _HYBRID_SIGNER[method] is initiator
    return method in _SIGNATURES or method in _XAUTH_SIGNATURES


def scheme_of(method: AuthMethod) -> SignatureScheme:
    """How whoever signs does so with a method: all that are not ECDSA are RSA."""
    return V1_SCHEMES[_ECDSA.get(method, "ikev1-rsa")]


def hash_prf_id(method: AuthMethod, negotiated: int) -> int:
    """The PRF of what is signed: that of the signature's own hash, if it has one, else the negotiated one."""
    return _PRFS.get(scheme_of(method).hash, negotiated)


def uses_psk(method: AuthMethod) -> bool:
    """Whether SKEYID comes from a pre-shared key."""
    return method in (_M.PRE_SHARED_KEY, _M.XAUTH_INIT_PRE_SHARED, _M.XAUTH_RESP_PRE_SHARED)


def offered(config: ConnectionConfig, *, initiator: bool) -> tuple[AuthMethod, ...]:
    """The methods that a connection stands for if we are this side; several only where the key decides which."""
    local = tuple(auth.auth for auth in config.local)
    remote = tuple(auth.auth for auth in config.remote)
    client_begins = (_XAUTH in local) is initiator
    if _XAUTH not in local + remote:
        return (_M.PRE_SHARED_KEY,) if local[0] is _PSK else _SIGNATURES
    if local[0] is _PSK:
        return (_M.XAUTH_INIT_PRE_SHARED if client_begins else _M.XAUTH_RESP_PRE_SHARED,)
    if _PUBKEY in local and _PUBKEY in remote:
        return (_M.XAUTH_INIT_RSA if client_begins else _M.XAUTH_RESP_RSA,)
    return (_M.HYBRID_INIT_RSA if client_begins else _M.HYBRID_RESP_RSA,)
