"""ECDSA signatures as r followed by s, in IKEv1 and in methods 9 to 11 of IKEv2 (RFC 4754 section 7)."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from ikeengine.errors import AuthFailed
from ikeengine.model.failure import Alert
from ikeengine.registry import AuthMethod

RAW_OCTETS = {AuthMethod.ECDSA_256: 32, AuthMethod.ECDSA_384: 48, AuthMethod.ECDSA_521: 66}
"""Length of r and of s."""


def raw_signature(method: AuthMethod, signature: bytes) -> bytes:
    """An ECDSA-Sig-Value as r||s."""
    octets = RAW_OCTETS[method]
    r, s = decode_dss_signature(signature)
    return r.to_bytes(octets, "big") + s.to_bytes(octets, "big")


def der_signature(method: AuthMethod, signature: bytes) -> bytes:
    """The ECDSA-Sig-Value of a raw r||s. Raises AuthFailed for a wrong length or a zero."""
    octets = RAW_OCTETS[method]
    r, s = int.from_bytes(signature[:octets], "big"), int.from_bytes(signature[octets:], "big")
    if len(signature) != 2 * octets or r == 0 or s == 0:
        detail = f"an ECDSA signature of method {method} is {2 * octets} octets, and neither half is zero"
        raise AuthFailed(Alert.PEER_AUTH_FAILED.value, detail)
    return encode_dss_signature(r, s)
