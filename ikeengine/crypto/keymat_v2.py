"""Keys of IKEv2: SKEYSEED, the SK_ keys and the keys of Child SAs (RFC 7296 sections 2.14, 2.17 and 2.18)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ikeengine.crypto.encr import ENCR
from ikeengine.crypto.integ import INTEG
from ikeengine.crypto.prf import PRF
from ikeengine.errors import LocalMisuse
from ikeengine.model.proposal import ChildSuite, IkeSuite, Transform
from ikeengine.model.secret import Secret


@dataclass(frozen=True, slots=True)
class IkeKeyMaterial:
    """The seven keys of an IKE SA. The `sk_a` keys are empty with combined-mode ciphers; `sk_e` keys include salts."""

    sk_d: Secret
    sk_ai: Secret
    sk_ar: Secret
    sk_ei: Secret
    sk_er: Secret
    sk_pi: Secret
    sk_pr: Secret


@dataclass(frozen=True, slots=True)
class ChildKeyMaterial:
    """The keys of a Child SA: `_i` for traffic from the initiator of its exchange to the responder, `_r` back."""

    encr_i: Secret
    integ_i: Secret
    encr_r: Secret
    integ_r: Secret


def ike_keys(suite: IkeSuite, ni: bytes, nr: bytes, shared: bytes, spi_i: bytes, spi_r: bytes) -> IkeKeyMaterial:
    """Keys of a first IKE SA: SKEYSEED = prf(Ni | Nr, g^ir) (RFC 7296 section 2.14)."""
    prf = PRF[suite.prf.id]
    skeyseed = prf.compute(prf.skeyseed_key(ni, nr), shared)
    return _expand(suite, skeyseed, ni + nr + spi_i + spi_r)


def rekeyed_ike_keys(
    suite: IkeSuite,
    old_prf_id: int,
    old_sk_d: Secret,
    ni: bytes,
    nr: bytes,
    shared: bytes,
    spi_i: bytes,
    spi_r: bytes,
    more: Sequence[Secret] = (),
) -> IkeKeyMaterial:
    """Keys of a rekeyed IKE SA: SKEYSEED = prf(SK_d (old), g^ir (new) | Ni | Nr), by the old PRF (section 2.18).

    `more` are the results of additional key exchanges: prf(SK_d (old), SK(0) | Ni | Nr | SK(1) | ... SK(n)), RFC 9370
    section 2.2.4.
    """
    skeyseed = PRF[old_prf_id].compute(old_sk_d.reveal(), shared + ni + nr + _joined(more))
    return _expand(suite, skeyseed, ni + nr + spi_i + spi_r)


def child_keys(
    prf_id: int,
    sk_d: Secret,
    suite: ChildSuite,
    ni: bytes,
    nr: bytes,
    shared: bytes = b"",
    more: Sequence[Secret] = (),
) -> ChildKeyMaterial:
    """KEYMAT = prf+(SK_d, [g^ir (new) |] Ni | Nr) (RFC 7296 section 2.17). `shared` is empty without PFS.

    `more` are the results of additional key exchanges, which follow as SK(1) | ... SK(n) (RFC 9370 section 2.2.4).
    """
    encr_octets = _encr_octets(suite.encr) if suite.encr else 0
    integ_octets = _integ_octets(suite.integ)
    sizes = (encr_octets, integ_octets, encr_octets, integ_octets)
    return ChildKeyMaterial(*_cut(prf_id, sk_d.reveal(), shared + ni + nr + _joined(more), sizes))


def _joined(secrets: Sequence[Secret]) -> bytes:
    return b"".join(secret.reveal() for secret in secrets)


def _expand(suite: IkeSuite, skeyseed: bytes, seed: bytes) -> IkeKeyMaterial:
    """{SK_d | SK_ai | SK_ar | SK_ei | SK_er | SK_pi | SK_pr} = prf+(SKEYSEED, Ni | Nr | SPIi | SPIr)."""
    p = PRF[suite.prf.id].key_octets
    a = _integ_octets(suite.integ)
    e = _encr_octets(suite.encr)
    return IkeKeyMaterial(*_cut(suite.prf.id, skeyseed, seed, (p, a, a, e, e, p, p)))


def _cut(prf_id: int, key: bytes, seed: bytes, sizes: tuple[int, ...]) -> list[Secret]:
    """prf+ in pieces."""
    stream = PRF[prf_id].plus(key, seed, sum(sizes))
    pieces = []
    start = 0
    for size in sizes:
        pieces.append(Secret(stream[start : start + size]))
        start += size
    return pieces


def _encr_octets(encr: Transform) -> int:
    algorithm = ENCR.get((encr.id, encr.key_length))
    if algorithm is None:
        raise LocalMisuse(f"there is no encryption algorithm {encr.id} with a key length of {encr.key_length}")
    return algorithm.key_octets


def _integ_octets(integ: Transform | None) -> int:
    return INTEG[integ.id].key_octets if integ else 0
