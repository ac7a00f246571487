"""SKEYID and its children with a pre-shared key against NIST's CAVS vectors. There are none for SHA-224 in IKE."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator

from ikeengine.ikev1.keys.phase1 import phase1_keys, psk_skeyid
from ikeengine.model.secret import Secret
from ikeengine.registry import PrfId
from tests.engine.support.vectors import DATA, external

HASHES = {
    "SHA-1": PrfId.PRF_HMAC_SHA1,
    "SHA-256": PrfId.PRF_HMAC_SHA2_256,
    "SHA-384": PrfId.PRF_HMAC_SHA2_384,
    "SHA-512": PrfId.PRF_HMAC_SHA2_512,
}


def read_cases(lines: Iterable[str]) -> Iterator[tuple[PrfId, dict[str, bytes]]]:
    """The cases of a CAVS file; the last line of each is `SKEYID_e`."""
    prf_id = PrfId.PRF_HMAC_SHA1
    values: dict[str, bytes] = {}
    for line in lines:
        prf_id = HASHES.get(line.strip().strip("[]"), prf_id)
        if line.startswith(("[", "#", "COUNT")) or " = " not in line:
            continue
        name, value = line.strip().split(" = ")
        values[name] = bytes.fromhex(value)
        if name == "SKEYID_e":
            yield prf_id, values
            values = {}


def check(prf_id: PrfId, case: dict[str, bytes]) -> None:
    skeyid = psk_skeyid(prf_id, Secret(case["pre-shared-key"]), case["Ni"], case["Nr"])
    keys = phase1_keys(prf_id, skeyid, case["g^xy"], case["CKY_I"], case["CKY_R"])
    for name in ("SKEYID", "SKEYID_d", "SKEYID_a", "SKEYID_e"):
        assert getattr(keys, name.lower()).reveal() == case[name], name


def test_first_case_of_each_section_with_a_short_secret() -> None:
    cases = list(read_cases((DATA / "cavs-ikev1-psk.txt").read_text().splitlines()))
    assert len(cases) == 8
    for case in cases:
        check(*case)


def test_all_cases() -> None:
    with gzip.open(external("kdf", "ikev1_psk.fax.gz"), "rt") as lines:
        cases = list(read_cases(lines))
    assert len(cases) == 1700
    for case in cases:
        check(*case)
