"""The key schedule of IKEv2 against NIST's CAVS vectors: SKEYSEED, SK_ keys, Child SAs and rekeying."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator

from ikeengine.crypto.keymat_v2 import ChildKeyMaterial, IkeKeyMaterial, child_keys, ike_keys, rekeyed_ike_keys
from ikeengine.crypto.prf import PRF
from ikeengine.model.proposal import ChildSuite, IkeSuite, Transform
from ikeengine.model.secret import Secret
from ikeengine.registry import EncrId, IntegId, KeId, PrfId, Protocol, TransformType
from tests.engine.support.vectors import DATA, external

ALGORITHMS = {
    "SHA-1": (PrfId.PRF_HMAC_SHA1, IntegId.HMAC_SHA1_96),
    "SHA-256": (PrfId.PRF_HMAC_SHA2_256, IntegId.HMAC_SHA2_256_128),
    "SHA-384": (PrfId.PRF_HMAC_SHA2_384, IntegId.HMAC_SHA2_384_192),
    "SHA-512": (PrfId.PRF_HMAC_SHA2_512, IntegId.HMAC_SHA2_512_256),
}
ENCR = Transform(TransformType.ENCR, EncrId.AES_CBC, 256)


class Case:
    """One COUNT of a CAVS file."""

    def __init__(self, hash_name: str) -> None:
        self.prf_id, self.integ_id = ALGORITHMS[hash_name]
        self.values: dict[str, bytes] = {}

    def __getitem__(self, name: str) -> bytes:
        return self.values[name]


def read_cases(lines: Iterable[str]) -> Iterator[Case]:
    """The cases of a CAVS file; the last line of each is `SKEYSEED(Rekey)`."""
    hash_name = ""
    case: Case | None = None
    for line in lines:
        header = line.strip().strip("[]")
        if header in ALGORITHMS:
            hash_name = header
        elif line.startswith("COUNT"):
            case = Case(hash_name)
        elif case and " = " in line and not line.startswith("["):
            name, value = line.strip().split(" = ")
            case.values[name] = bytes.fromhex(value)
            if name == "SKEYSEED(Rekey)":
                yield case


def joined(keys: IkeKeyMaterial | ChildKeyMaterial) -> bytes:
    """All keys in the order of derivation."""
    return b"".join(getattr(keys, name).reveal() for name in keys.__slots__)


def check(case: Case) -> None:
    prf = PRF[case.prf_id]
    nonces = case["Ni"] + case["Nr"]
    spis = case["SPIi"] + case["SPIr"]
    integ = Transform(TransformType.INTEG, case.integ_id)
    suite = IkeSuite(ENCR, Transform(TransformType.PRF, case.prf_id), integ, Transform(TransformType.KE, KeId.NONE))
    child = ChildSuite(Protocol.ESP, ENCR, integ, None, esn=False)

    assert prf.compute(prf.skeyseed_key(case["Ni"], case["Nr"]), case["g^ir"]) == case["SKEYSEED"]
    dkm = case["DKM"]
    assert prf.plus(case["SKEYSEED"], nonces + spis, len(dkm)) == dkm
    keys = ike_keys(suite, case["Ni"], case["Nr"], case["g^ir"], case["SPIi"], case["SPIr"])
    assert_same_start(joined(keys), dkm)

    sk_d = Secret(dkm[: prf.key_octets])
    assert prf.plus(sk_d.reveal(), nonces, len(case["DKM(Child SA)"])) == case["DKM(Child SA)"]
    without_pfs = child_keys(case.prf_id, sk_d, child, case["Ni"], case["Nr"])
    assert_same_start(joined(without_pfs), case["DKM(Child SA)"])
    with_pfs = child_keys(case.prf_id, sk_d, child, case["Ni"], case["Nr"], case["g^ir (new)"])
    assert_same_start(joined(with_pfs), case["DKM(Child SA D-H)"])

    rekeyed = rekeyed_ike_keys(
        suite, case.prf_id, sk_d, case["Ni"], case["Nr"], case["g^ir (new)"], case["SPIi"], case["SPIr"]
    )
    stream = joined(rekeyed)
    assert stream == prf.plus(case["SKEYSEED(Rekey)"], nonces + spis, len(stream))


def assert_same_start(ours: bytes, expected: bytes) -> None:
    """NIST derives a fixed amount of key material, a suite what it needs: one is the start of the other."""
    length = min(len(ours), len(expected))
    assert length >= 104
    assert ours[:length] == expected[:length]


def test_first_case_of_each_section() -> None:
    cases = list(read_cases((DATA / "cavs-ikev2.txt").read_text().splitlines()))
    assert len(cases) == 9
    for case in cases:
        check(case)


def test_all_cases() -> None:
    with gzip.open(external("kdf", "ikev2.fax.gz"), "rt") as lines:
        cases = list(read_cases(lines))
    assert len(cases) == 900
    for case in cases:
        check(case)
