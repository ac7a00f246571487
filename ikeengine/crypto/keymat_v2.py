"""Keys of IKEv2: SKEYSEED, the SK_ keys and the keys of Child SAs (RFC 7296 sections 2.14, 2.17 and 2.18)."""

from __future__ import annotations

from collections.abc import Sequence

from ikeengine.crypto.keymat import ChildKeyMaterial, child_octets, encr_octets, integ_octets, pieces
from ikeengine.crypto.prf import PRF
from ikeengine.model.immutable import immutable
from ikeengine.model.proposal import ChildSuite, IkeSuite
from ikeengine.model.secret import Secret

__all__ = ["ChildKeyMaterial", "IkeKeyMaterial", "child_keys", "ike_keys", "rekeyed_ike_keys"]


@immutable
class IkeKeyMaterial:
    """The seven keys of an IKE SA. The `sk_a` keys are empty with combined-mode ciphers; `sk_e` keys include salts."""

    sk_d: Secret
    sk_ai: Secret
    sk_ar: Secret
    sk_ei: Secret
    sk_er: Secret
    sk_pi: Secret
    sk_pr: Secret


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
    sizes = child_octets(suite) * 2
    return ChildKeyMaterial(*_cut(prf_id, sk_d.reveal(), shared + ni + nr + _joined(more), sizes))


def _joined(secrets: Sequence[Secret]) -> bytes:
    return b"".join(secret.reveal() for secret in secrets)


def _expand(suite: IkeSuite, skeyseed: bytes, seed: bytes) -> IkeKeyMaterial:
    """{SK_d | SK_ai | SK_ar | SK_ei | SK_er | SK_pi | SK_pr} = prf+(SKEYSEED, Ni | Nr | SPIi | SPIr)."""
    p = PRF[suite.prf.id].key_octets
    a = integ_octets(suite.integ)
    e = encr_octets(suite.encr)
    return IkeKeyMaterial(*_cut(suite.prf.id, skeyseed, seed, (p, a, a, e, e, p, p)))


def _cut(prf_id: int, key: bytes, seed: bytes, sizes: tuple[int, ...]) -> list[Secret]:
    """prf+ in pieces."""
    return pieces(PRF[prf_id].plus(key, seed, sum(sizes)), sizes)
