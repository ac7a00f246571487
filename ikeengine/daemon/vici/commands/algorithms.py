"""get-algorithms."""

from __future__ import annotations

from collections.abc import Iterable

from ikeengine.crypto.encr import ENCR
from ikeengine.crypto.integ import INTEG
from ikeengine.crypto.kex import ADDITIONAL_KEX
from ikeengine.crypto.prf import PRF
from ikeengine.crypto.selftest import is_usable
from ikeengine.crypto.sign import HASHES
from ikeengine.daemon.vici.messages import Section, encr_name
from ikeengine.daemon.vici.request import Handler, Request
from ikeengine.model.proposal import Transform
from ikeengine.registry import HashId, IntegId, KeId, PrfId, TransformType

_PROVIDER = "cryptography"


async def get_algorithms(request: Request) -> Section:
    """All algorithms and who provides them."""
    return {
        "encryption": _names(encr_name(a.id) for a in ENCR.values() if not a.aead),
        "integrity": _names(IntegId(number).name for number in INTEG),
        "aead": _names(encr_name(a.id) for a in ENCR.values() if a.aead),
        "hasher": _names(f"HASH_{HashId(number).name}" for number in HASHES),
        "prf": _names(PrfId(number).name for number in PRF),
        "dh": _names(KeId(number).name for number in ADDITIONAL_KEX if is_usable(Transform(TransformType.KE, number))),
        "rng": {"RNG_STRONG": "os", "RNG_TRUE": "os"},
        "nonce-gen": {"NONCE_GEN": "os"},
    }


def _names(names: Iterable[str]) -> dict[str, str]:
    return dict.fromkeys(names, _PROVIDER)


COMMANDS: dict[str, Handler] = {"get-algorithms": get_algorithms}
