"""Numbers that SAs need: reqids, SPIs, operations, and commands that wait for several SAs."""

from __future__ import annotations

from ikeengine.auth.credentials import CredentialStore
from ikeengine.crypto.rng import SeededRng
from ikeengine.model.connection import EngineSettings
from ikeengine.model.failure import Alert, FailureRecord, Side
from ikeengine.outputs import CommandDone, Failed
from ikeengine.sa.context import FAILURES_KEPT, LAST_CONFIGURED_REQID, LOWEST_CHILD_SPI, Context


def context(rng: object | None = None) -> Context:
    return Context(EngineSettings(), rng or SeededRng(1), CredentialStore())  # type: ignore[arg-type]


def test_reqids_are_shared_and_released() -> None:
    ctx = context()
    first = ctx.take_reqid("a")
    assert first > LAST_CONFIGURED_REQID, "below are those that configurations choose"
    assert ctx.take_reqid("a") == ctx.share_reqid(first) == first
    second = ctx.take_reqid("b")
    assert second != first
    for _ in range(3):
        assert ctx.take_reqid("a") == first
    for _ in range(6):
        ctx.release_reqid(first)
    assert ctx.take_reqid("a") not in (first, second)
    assert ctx.take_reqid("c", configured=7) == 7
    ctx.release_reqid(7)
    ctx.release_reqid(0)


class Repeats:
    """Random numbers that are the worst at first."""

    def __init__(self, *values: int) -> None:
        self.values = list(values)

    def bytes(self, count: int) -> bytes:
        return self.values.pop(0).to_bytes(count, "big")


def test_spis_are_never_reserved_nor_in_use() -> None:
    ctx = context(Repeats(0, LOWEST_CHILD_SPI - 1, LOWEST_CHILD_SPI, LOWEST_CHILD_SPI, 0x1234))
    spi = ctx.new_child_spi()
    assert spi == LOWEST_CHILD_SPI
    ctx.table.add_child(spi, 1, None)  # type: ignore[arg-type]
    assert ctx.new_child_spi() == 0x1234
    ctx.table.remove_child(spi)
    ctx.table.remove_child(spi)
    assert not ctx.table.has_child(spi)
    assert ctx.table.of_child(1) is None
    ctx = context(Repeats(0, 5))
    assert ctx.new_ike_spi() == bytes(7) + b"\5"


def test_a_command_for_several_sas_is_done_when_all_are() -> None:
    ctx = context()
    op = ctx.new_op()
    ctx.expect(op, 3)
    ctx.answer((op,), ok=True)
    ctx.answer((op,), ok=False, reason="one failed")
    assert not ctx.outputs
    ctx.answer((op,), ok=True)
    assert ctx.outputs == [CommandDone(op, False, "one failed", 3)]
    assert not ctx._expected


def test_failures_outlive_and_are_bounded() -> None:
    ctx = context()
    for number in range(FAILURES_KEPT + 5):
        ctx.fail(FailureRecord(Alert.PEER_AUTH_FAILED, Side.LOCAL, "IKE_AUTH request", str(number), 1.0, "c"))
    assert [record.reason for record in ctx.failures["c"]] == [str(n) for n in range(5, FAILURES_KEPT + 5)]
    assert sum(isinstance(output, Failed) for output in ctx.outputs) == FAILURES_KEPT + 5
