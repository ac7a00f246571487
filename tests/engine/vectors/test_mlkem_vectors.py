"""ML-KEM against the known answers of its reference implementation, as in cryptography_vectors."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import cryptography_vectors
import pytest

from ikeengine.crypto.kex_mlkem import ML_KEM
from ikeengine.crypto.rng import SeededRng
from ikeengine.crypto.selftest import is_usable
from ikeengine.errors import InvalidSyntax
from ikeengine.model.proposal import Transform
from ikeengine.negotiate.proposals import format_proposal, parse_esp, parse_ike
from ikeengine.registry import KeId, TransformType
from tests.engine.support.pair import traffic_flows
from tests.engine.support.site import psk_pair
from tests.lab.needs import give_up

DATA = Path(cryptography_vectors.__file__).parent / "asymmetric" / "MLKEM"
FILES = {KeId.ML_KEM_768: "kat_MLKEM_768.rsp", KeId.ML_KEM_1024: "kat_MLKEM_1024.rsp"}


@pytest.fixture(scope="module", autouse=True)
def _can_run() -> None:
    if not is_usable(Transform(TransformType.KE, KeId.ML_KEM_768)):
        give_up("the installed cryptography library has no ML-KEM")


class FixedRng:
    """Gives out one value."""

    def __init__(self, value: bytes) -> None:
        self.value = value

    def bytes(self, count: int) -> bytes:
        assert count == len(self.value)
        return self.value


def records(file: str) -> Iterator[dict[str, bytes]]:
    for block in (DATA / file).read_text().split("count = ")[1:]:
        lines = [line.split(" = ") for line in block.splitlines() if " = " in line]
        yield {name: bytes.fromhex(value) for name, value in lines}


@pytest.mark.parametrize("ke_id", FILES)
def test_known_answers(ke_id: KeId) -> None:
    """The encapsulation key of a seed, the secret in a ciphertext, and what a wrong ciphertext gives."""
    count = 0
    for record in islice(records(FILES[ke_id]), 20):
        ours = ML_KEM[ke_id].generate(FixedRng(record["d"] + record["z"]))
        assert ours.public == record["pk"]
        assert ours.shared(record["ct"]) == record["ss"]
        assert ours.shared(record["ct_n"]) == record["ss_n"]
        assert pickle.loads(pickle.dumps(ours)).shared(record["ct"]) == record["ss"]
        count += 1
    assert count == 20


@pytest.mark.parametrize("ke_id", FILES)
def test_both_sides(ke_id: KeId) -> None:
    method = ML_KEM[ke_id]
    ours = method.generate(SeededRng(1))
    ciphertext, shared = method.answer(SeededRng(2), ours.public)
    assert ours.shared(ciphertext) == shared
    assert len(shared) == 32


@pytest.mark.parametrize("ke_id", FILES)
def test_bad_values(ke_id: KeId) -> None:
    method = ML_KEM[ke_id]
    ours = method.generate(SeededRng(1))
    for public in (b"", ours.public[:-1], ours.public + b"\0", b"\xff" * len(ours.public)):
        with pytest.raises(InvalidSyntax):
            method.answer(SeededRng(2), public)
    for ciphertext in (b"", ours.public + b"\0", bytes(7)):
        with pytest.raises(InvalidSyntax):
            ours.shared(ciphertext)


@pytest.mark.parametrize("word", ["mlkem768", "mlkem1024"])
def test_tunnel(word: str) -> None:
    """Both in IKE_INTERMEDIATE, in fragments, and in IKE_FOLLOWUP_KE."""
    from ikeengine.model.commands import Rekey

    ike, esp = parse_ike(f"aes256gcm16-prfsha384-x25519-ke1_{word}"), parse_esp(f"aes256gcm16-x25519-ke1_{word}")
    assert format_proposal(ike) == f"aes256gcm16-prfsha384-x25519-ke1_{word}"
    net, left, right = psk_pair(proposals=(ike,), child_esp_proposals=(esp,))
    assert net.initiate(left).ok
    assert any(d.data[18] == 43 and d.data[16] == 53 for _, d in net.sent), "in fragments"
    for command in (Rekey(child="net"), Rekey(ike="left"), Rekey(child="net")):
        op = net.command(left, command)
        net.run(20)
        assert net.done(left, op).ok
    out = {sa.spi: sa.encr_key.reveal() for sa in left.sas.values() if sa.direction.name == "OUT"}
    assert out == {sa.spi: sa.encr_key.reveal() for sa in right.sas.values() if sa.direction.name == "IN"}
    assert traffic_flows(left, right)
