"""KEYMAT, the keys of ESP and AH (RFC 2409 section 5.5)."""

from __future__ import annotations

from typing import NamedTuple

from ikeengine.crypto.des_keys import is_weak
from ikeengine.crypto.keymat import ChildKeyMaterial, child_octets, pieces
from ikeengine.crypto.prf import hash_prf
from ikeengine.errors import LocalMisuse
from ikeengine.model.proposal import ChildSuite
from ikeengine.model.secret import Secret
from ikeengine.registry import EncrId


class QuickModeSeed(NamedTuple):
    """What one Quick Mode gives to the keys of all its SAs. `shared` is g(qm)^xy, empty without PFS."""

    ni_b: bytes
    nr_b: bytes
    shared: bytes = b""


def child_keys(
    prf_id: int, skeyid_d: Secret, suite: ChildSuite, seed: QuickModeSeed, spi_i: bytes, spi_r: bytes
) -> ChildKeyMaterial:
    """The keys of one pair of SAs, from the SPIs that the initiator and the responder of Quick Mode chose.

    The SPI is that of the destination: traffic of the initiator is keyed with the responder's. Of each KEYMAT the
    cipher takes the first octets and the integrity algorithm the next. Raises LocalMisuse for a weak DES key, which
    RFC 2405 section 2.3 asks to refuse; it occurs once in 2^52 times.
    """
    sizes = child_octets(suite)
    encr_i, integ_i = pieces(keymat(prf_id, skeyid_d, suite.protocol, spi_r, seed, sum(sizes)), sizes)
    encr_r, integ_r = pieces(keymat(prf_id, skeyid_d, suite.protocol, spi_i, seed, sum(sizes)), sizes)
    if suite.encr is not None and suite.encr.id == EncrId.DES_CBC:
        _refuse_weak(encr_i, encr_r)
    return ChildKeyMaterial(encr_i, integ_i, encr_r, integ_r)


def keymat(prf_id: int, skeyid_d: Secret, protocol: int, spi: bytes, seed: QuickModeSeed, length: int) -> bytes:
    """KEYMAT = K1 | K2 | ..., K1 = prf(SKEYID_d, [ g(qm)^xy | ] protocol | SPI | Ni_b | Nr_b), `length` octets.

    Each further block is made of the one before it and the same octets again.
    """
    prf = hash_prf(prf_id).keyed(skeyid_d.reveal())
    octets = seed.shared + bytes([protocol]) + spi + seed.ni_b + seed.nr_b
    stream = block = b""
    while len(stream) < length:
        block = prf(block + octets)
        stream += block
    return stream[:length]


def _refuse_weak(*keys: Secret) -> None:
    if any(is_weak(key.reveal()) for key in keys):
        raise LocalMisuse("the key material gives a weak key of DES; another Quick Mode gives another one")
