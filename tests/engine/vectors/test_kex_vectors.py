"""Key exchange methods against the vectors of their RFCs."""

from __future__ import annotations

from ikeengine.crypto.kex import KEX, KeyExchange
from ikeengine.crypto.kex_ecp import EcpMethod
from ikeengine.crypto.kex_modp import ModpMethod
from tests.engine.vectors.records import Record, each


class FixedRng:
    """Gives out one value, padded on the left to whatever length is asked for."""

    def __init__(self, value: bytes) -> None:
        self.value = value

    def bytes(self, count: int) -> bytes:
        return self.value.rjust(count, b"\0")


def exchange(record: Record, side: str) -> KeyExchange:
    method = KEX[record.number("group")]
    private = record[f"private_{side}"]
    if isinstance(method, EcpMethod):
        # Random numbers are reduced and increased by one, so that 0 cannot happen.
        private = (int.from_bytes(private, "big") - 1).to_bytes(len(private), "big")
    return method.generate(FixedRng(private))


def check(record: Record) -> None:
    initiator, responder = exchange(record, "i"), exchange(record, "r")
    assert initiator.public == record["public_i"]
    assert responder.public == record["public_r"]
    assert initiator.shared(responder.public) == record["shared"]
    assert responder.shared(initiator.public) == record["shared"]


@each("rfc5903.txt")
def test_ecp(record: Record) -> None:
    check(record)


@each("rfc6932.txt")
def test_brainpool(record: Record) -> None:
    check(record)


@each("rfc8031.txt")
def test_montgomery_curves(record: Record) -> None:
    check(record)


@each("rfc3526.txt")
def test_modp_primes(record: Record) -> None:
    method = KEX[record.number("group")]
    assert isinstance(method, ModpMethod)
    assert method.prime == int.from_bytes(record["prime"], "big")
    assert method.public_length == len(record["prime"])
