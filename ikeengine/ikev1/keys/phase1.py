"""SKEYID, SKEYID_d, SKEYID_a and SKEYID_e (RFC 2409 section 5), and the key that encrypts messages (appendix B).

The PRF is always the HMAC version of the negotiated hash (RFC 2409 section 4): no other was ever defined.
"""

from __future__ import annotations

from ikeengine.crypto.des_keys import is_weak
from ikeengine.crypto.keymat import encr_octets
from ikeengine.crypto.prf import hash_prf
from ikeengine.errors import LocalMisuse
from ikeengine.model.immutable import immutable
from ikeengine.model.proposal import Transform
from ikeengine.model.secret import Secret
from ikeengine.registry import EncrId


@immutable
class PhaseOneKeys:
    """What an ISAKMP SA keeps: to derive other keys, to authenticate messages and to encrypt them."""

    skeyid: Secret
    skeyid_d: Secret
    skeyid_a: Secret
    skeyid_e: Secret


def psk_skeyid(prf_id: int, psk: Secret, ni_b: bytes, nr_b: bytes) -> Secret:
    """SKEYID = prf(pre-shared-key, Ni_b | Nr_b)."""
    return Secret(hash_prf(prf_id).compute(psk.reveal(), ni_b + nr_b))


def signature_skeyid(prf_id: int, ni_b: bytes, nr_b: bytes, shared: bytes) -> Secret:
    """SKEYID = prf(Ni_b | Nr_b, g^xy), for every kind of signature."""
    return Secret(hash_prf(prf_id).compute(ni_b + nr_b, shared))


def phase1_keys(prf_id: int, skeyid: Secret, shared: bytes, cky_i: bytes, cky_r: bytes) -> PhaseOneKeys:
    """The keys of an ISAKMP SA from SKEYID, g^xy and the two cookies.

    SKEYID_d = prf(SKEYID,            g^xy | CKY-I | CKY-R | 0)
    SKEYID_a = prf(SKEYID, SKEYID_d | g^xy | CKY-I | CKY-R | 1)
    SKEYID_e = prf(SKEYID, SKEYID_a | g^xy | CKY-I | CKY-R | 2)
    """
    prf = hash_prf(prf_id).keyed(skeyid.reveal())
    seed = shared + cky_i + cky_r
    skeyid_d = prf(seed + b"\0")
    skeyid_a = prf(skeyid_d + seed + b"\x01")
    skeyid_e = prf(skeyid_a + seed + b"\x02")
    return PhaseOneKeys(skeyid, Secret(skeyid_d), Secret(skeyid_a), Secret(skeyid_e))


def cipher_key(prf_id: int, skeyid_e: Secret, encr: Transform) -> Secret:
    """The key of the cipher from SKEYID_e (RFC 2409 appendix B). LocalMisuse if there is no such cipher."""
    if encr.id == EncrId.DES_CBC:
        return _des_key(skeyid_e)
    return Secret(_expanded(prf_id, skeyid_e.reveal(), encr_octets(encr)))


def _expanded(prf_id: int, skeyid_e: bytes, length: int) -> bytes:
    """The first octets of SKEYID_e, or if it is too short of Ka = K1 | K2 | ..., K1 = prf(SKEYID_e, 0)."""
    if len(skeyid_e) >= length:
        return skeyid_e[:length]
    prf = hash_prf(prf_id).keyed(skeyid_e)
    block = prf(b"\0")
    stream = block
    while len(stream) < length:
        block = prf(block)
        stream += block
    return stream[:length]


def _des_key(skeyid_e: Secret) -> Secret:
    """The first eight octets that are neither a weak nor a semi-weak key."""
    octets = skeyid_e.reveal()
    for start in range(0, len(octets) - 7, 8):
        if not is_weak(octets[start : start + 8]):
            return Secret(octets[start : start + 8])
    raise LocalMisuse("SKEYID_e holds only weak keys of DES")
