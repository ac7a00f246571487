"""The HASH payloads: HASH_I and HASH_R of phase 1, HASH(1), HASH(2) and HASH(3) after it (RFC 2409 section 5).

What ends with `_b` is the body of a payload, without its generic header.
"""

from __future__ import annotations

from hmac import compare_digest

from ikeengine.crypto.prf import hash_prf
from ikeengine.errors import IntegrityFailed
from ikeengine.model.secret import Secret


def hash_i(
    prf_id: int, skeyid: Secret, g_xi: bytes, g_xr: bytes, cky_i: bytes, cky_r: bytes, sai_b: bytes, idii_b: bytes
) -> bytes:
    """HASH_I = prf(SKEYID, g^xi | g^xr | CKY-I | CKY-R | SAi_b | IDii_b).

    For a signature that brings its own hash algorithm, such as ECDSA (RFC 4754), `prf_id` is the HMAC of that one
    (section 5.1).
    """
    return _prf(prf_id, skeyid, g_xi, g_xr, cky_i, cky_r, sai_b, idii_b)


def hash_r(
    prf_id: int, skeyid: Secret, g_xi: bytes, g_xr: bytes, cky_i: bytes, cky_r: bytes, sai_b: bytes, idir_b: bytes
) -> bytes:
    """HASH_R = prf(SKEYID, g^xr | g^xi | CKY-R | CKY-I | SAi_b | IDir_b); the SA payload is the initiator's too."""
    return _prf(prf_id, skeyid, g_xr, g_xi, cky_r, cky_i, sai_b, idir_b)


def hash_1(prf_id: int, skeyid_a: Secret, message_id: int, rest: bytes) -> bytes:
    """HASH(1) = prf(SKEYID_a, M-ID | everything after the HASH payload, without padding).

    Also the hash of informational and transaction exchanges (section 5.7).
    """
    return _prf(prf_id, skeyid_a, _octets(message_id), rest)


def hash_2(prf_id: int, skeyid_a: Secret, message_id: int, ni_b: bytes, rest: bytes) -> bytes:
    """HASH(2) = prf(SKEYID_a, M-ID | Ni_b | everything after the HASH payload)."""
    return _prf(prf_id, skeyid_a, _octets(message_id), ni_b, rest)


def hash_3(prf_id: int, skeyid_a: Secret, message_id: int, ni_b: bytes, nr_b: bytes) -> bytes:
    """HASH(3) = prf(SKEYID_a, 0 | M-ID | Ni_b | Nr_b)."""
    return _prf(prf_id, skeyid_a, b"\0", _octets(message_id), ni_b, nr_b)


def check_hash(received: bytes, expected: bytes) -> None:
    """Raise IntegrityFailed unless a received hash is the expected one."""
    if not compare_digest(received, expected):
        raise IntegrityFailed("the HASH payload does not match")


def _prf(prf_id: int, key: Secret, *parts: bytes) -> bytes:
    return hash_prf(prf_id).compute(key.reveal(), b"".join(parts))


def _octets(message_id: int) -> bytes:
    return message_id.to_bytes(4, "big")
