"""The shell around the core: order of outputs, answers, timers, failures of the datapath, and bugs survived."""

from __future__ import annotations

import asyncio
import time

import pytest

from ikeengine.datapath.memory import Call
from ikeengine.errors import DatapathError, LocalMisuse
from ikeengine.model.commands import Initiate, Shutdown
from ikeengine.model.path import Path
from ikeengine.model.sa import Direction, PolicyAction, PolicySet, Usage
from ikeengine.observe.log import LogSettings
from ikeengine.outputs import (
    AskConfirmation,
    AskPath,
    AskSignature,
    AskUsage,
    CommandDone,
    Counted,
    DeletePolicies,
    DeleteSa,
    Dropped,
    DropReason,
    InstallPolicies,
    InstallSa,
    LogLine,
    Transmit,
    UpdateSa,
)
from tests.engine.unit.daemon.fakes import NET_1, NET_2, PATH, LogCapture, Rig, connection, esp_sa

POLICIES = PolicySet(7, PolicyAction.PROTECT, (NET_1,), (NET_2,))


def run(body):
    async def main():
        rig = Rig()
        rig.service.start()
        await body(rig)

    asyncio.run(main())


async def eventually(condition):
    while not condition():
        await asyncio.sleep(0.001)


def test_outputs_are_carried_out_in_order():
    async def body(rig: Rig) -> None:
        order: list[str] = []
        inbound, outbound = esp_sa(1, Direction.IN), esp_sa(2)
        rig.datapath.fail = lambda call: order.append(call.what) or ""
        rig.sockets.send = lambda data, path, keepalive=False: order.append("send " + data.decode())
        rig.core.on_datagram = lambda data, path: rig.core.outbox.extend(
            [
                InstallSa(1, inbound),
                Transmit(b"reply", path),
                InstallSa(2, outbound),
                InstallPolicies(3, POLICIES),
                Transmit(b"\xfe".hex().encode(), path, keepalive=True),
                UpdateSa(4, outbound.id, "192.0.2.1", "192.0.2.9", None),
                DeletePolicies(7),
                DeleteSa(inbound.id),
            ]
        )
        rig.sockets.on_ike(b"request", PATH)
        assert order == [
            "install_sa",
            "send reply",
            "install_sa",
            "install_policies",
            "send fe",
            "update_sa",
            "delete_policies",
            "delete_sa",
        ]
        assert [sa.destination for sa in rig.datapath.sas] == ["192.0.2.9"]

    run(body)


def test_answers_of_an_output_come_after_what_was_queued_before():
    async def body(rig: Rig) -> None:
        rig.core.on_complete = lambda op, result: rig.core.outbox.append(Transmit(b"signed: " + result, PATH))
        rig.core.outbox += [AskSignature(5, b"key", "scheme", b"octets"), Transmit(b"first", PATH)]
        rig.service.pump()
        assert [data for data, _, _ in rig.sockets.sent] == [b"first"]
        await eventually(lambda: len(rig.sockets.sent) == 2)
        assert [data for data, _, _ in rig.sockets.sent] == [b"first", b"signed: signed octets"]

    run(body)


@pytest.mark.parametrize("key", [b"missing", b"broken"])
def test_a_signature_that_cannot_be_made_is_answered_too(key: bytes):
    async def body(rig: Rig) -> None:
        rig.core.outbox.append(AskSignature(5, key, "scheme", b"octets"))
        rig.service.pump()
        await eventually(lambda: rig.core.calls)
        kind, op, result = rig.core.calls[0]
        assert (kind, op) == ("complete", 5)
        assert isinstance(result, LocalMisuse)

    run(body)


def test_signing_does_not_hold_up_the_event_loop():
    async def body(rig: Rig) -> None:
        rig.core.on_complete = lambda op, result: rig.core.outbox.append(Transmit(b"signed", PATH))
        rig.core.outbox += [AskSignature(5, b"slow", "scheme", b"octets"), AskSignature(6, b"key", "scheme", b"octets")]
        rig.service.pump()
        await eventually(lambda: rig.core.calls)
        assert [op for _, op, _ in rig.core.calls] == [6], "another key is not delayed by the slow one"
        rig.sockets.on_ike(b"request", PATH)
        rig.signer.go_on.set()
        await eventually(lambda: len([call for call in rig.core.calls if call[0] == "complete"]) == 2)

    run(body)


def test_confirmation_comes_after_everything_before_it():
    async def body(rig: Rig) -> None:
        rig.datapath.fail = lambda call: "no" if call.what == "install_sa" else ""
        rig.core.outbox += [InstallSa(1, esp_sa(1)), Transmit(b"first", PATH), AskConfirmation(2)]
        rig.service.pump()
        assert [(kind, op) for kind, op, _ in rig.core.calls] == [("complete", 1), ("complete", 2)]
        assert rig.core.calls[1][2] is None
        assert len(rig.sockets.sent) == 1

    run(body)


@pytest.mark.parametrize("what", ["install_sa", "update_sa", "install_policies"])
def test_only_failures_of_the_datapath_are_reported_and_the_rest_goes_on(what: str):
    async def body(rig: Rig) -> None:
        rig.datapath.install_sa(esp_sa(9))
        rig.datapath.fail = lambda call: "no buffer space" if call.what == what else ""
        rig.core.outbox += [
            InstallSa(1, esp_sa(1)),
            UpdateSa(2, esp_sa(9).id, "192.0.2.1", "192.0.2.3", None),
            InstallPolicies(3, POLICIES),
            Transmit(b"after", PATH),
        ]
        rig.service.pump()
        ((kind, op, error),) = rig.core.calls
        assert (kind, op) == ("complete", {"install_sa": 1, "update_sa": 2, "install_policies": 3}[what])
        assert isinstance(error, DatapathError)
        assert len(rig.sockets.sent) == 1
        assert (7 in rig.service.policies) is (what != "install_policies")

    run(body)


def test_policies_are_remembered_until_deleted():
    async def body(rig: Rig) -> None:
        rig.core.outbox.append(InstallPolicies(3, POLICIES))
        rig.service.pump()
        assert rig.service.policies == {7: POLICIES}
        rig.core.outbox.append(DeletePolicies(7))
        rig.service.pump()
        assert rig.service.policies == {}

    run(body)


def test_usage_is_asked_of_the_datapath():
    async def body(rig: Rig) -> None:
        sa = esp_sa(4)
        rig.datapath.install_sa(sa)
        rig.datapath.counters[sa.id] = Usage(100, 2, 0.5)
        rig.core.outbox += [AskUsage(8, sa.id), AskUsage(9, esp_sa(5).id)]
        rig.service.pump()
        assert rig.core.calls == [("complete", 8, Usage(100, 2, 0.5)), ("complete", 9, None)]

    run(body)


def test_final_usage_is_kept_only_when_somebody_wants_it():
    async def body(rig: Rig) -> None:
        for wanted in (False, True):
            sa = esp_sa(4)
            rig.datapath.install_sa(sa)
            rig.datapath.counters[sa.id] = Usage(100, 2, 0.5)
            rig.service.keep_final_usage = wanted
            rig.core.outbox.append(DeleteSa(sa.id))
            rig.service.pump()
            assert rig.service.usage(sa.id) == (Usage(100, 2, 0.5) if wanted else None)

    run(body)


def test_timer_fires_once_per_deadline_and_follows_an_earlier_one():
    async def body(rig: Rig) -> None:
        now = rig.service.now()
        rig.core.deadline = now + 30
        rig.service.pump()
        rig.core.deadline = now + 0.02
        fired = asyncio.Event()
        rig.core.on_timer = fired.set
        rig.service.pump()
        await asyncio.wait_for(fired.wait(), 60)
        (call,) = rig.core.calls
        assert call[1] >= now + 0.02

    run(body)


def test_a_deadline_that_moved_back_does_not_call_the_core_early():
    async def body(rig: Rig) -> None:
        rig.core.deadline = rig.service.now() + 0.01
        rig.service.pump()
        rig.core.deadline = later = rig.service.now() + 0.06
        fired = asyncio.Event()
        rig.core.on_timer = fired.set
        await asyncio.wait_for(fired.wait(), 60)
        assert [call[1] >= later for call in rig.core.calls] == [True]

    run(body)


def test_deadline_in_the_past_is_served_at_once():
    async def body(rig: Rig) -> None:
        rig.core.deadline = rig.service.now() - 1
        rig.service.pump()
        await asyncio.sleep(0.01)
        assert len(rig.core.calls) == 1

    run(body)


def test_commands_end_with_their_own_answer():
    async def body(rig: Rig) -> None:
        rig.core.on_command = lambda op, command: None
        first, second = rig.service.execute(Initiate("a")), rig.service.execute(Initiate("b"))
        rig.core.outbox += [CommandDone(1002, ok=True), CommandDone(4711, ok=True), CommandDone(1001, ok=False)]
        rig.service.pump()
        assert (await first).ok is False
        assert (await second).ok is True

    run(body)


def test_giving_up_the_wait_is_harmless():
    async def body(rig: Rig) -> None:
        rig.core.on_command = lambda op, command: None
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(rig.service.execute(Initiate("a")), 0.01)
        rig.core.outbox.append(CommandDone(1001, ok=True))
        rig.service.pump()

    run(body)


def test_events_of_the_datapath_reach_the_core_even_in_the_middle_of_outputs():
    async def body(rig: Rig) -> None:
        sa = esp_sa(4)
        rig.datapath.install_sa(sa)

        def expire(call: Call) -> str:
            if call.what == "install_policies":
                rig.datapath.expire(sa.id, hard=False)
            return ""

        rig.datapath.fail = expire
        rig.core.on_command = lambda op, command: rig.core.outbox.append(Transmit(b"rekey", PATH))
        rig.core.outbox += [InstallPolicies(3, POLICIES), Transmit(b"before", PATH)]
        rig.service.pump()
        assert [data for data, _, _ in rig.sockets.sent] == [b"before", b"rekey"]

    run(body)


def test_a_bug_in_the_core_costs_one_datagram_and_one_log_line():
    async def main() -> None:
        capture = LogCapture()
        rig = Rig(log=capture.log)
        rig.service.start()

        def crash(data: bytes, path: Path) -> None:
            raise ZeroDivisionError("boom")

        rig.core.on_datagram = crash
        for _ in range(100):
            rig.sockets.on_ike(b"x", PATH)
        rig.core.on_datagram = lambda data, path: rig.core.outbox.append(Transmit(b"alive", path))
        rig.sockets.on_ike(b"y", PATH)
        assert rig.sockets.sent[-1][0] == b"alive"
        assert 1 <= sum("ZeroDivisionError" in line for line in capture.lines) <= 10

    asyncio.run(main())


def test_a_broken_output_does_not_lose_the_ones_after_it():
    async def body(rig: Rig) -> None:
        rig.core.outbox += ["not an output", Transmit(b"after", PATH)]
        rig.service.pump()
        assert rig.sockets.sent[0][0] == b"after"

    run(body)


def test_events_are_counted():
    async def body(rig: Rig) -> None:
        rig.core.outbox += [
            Counted("ike-init-in-req"),
            Counted("child-rekey", "gw"),
            Dropped(DropReason.INTEGRITY, PATH, ""),
            LogLine(1, "IKE", "hello"),
        ]
        rig.service.pump()
        counters = rig.observer.counters
        assert (
            counters.get()["ike-init-in-req"] == counters.get()["child-rekey"] == counters.get("gw")["child-rekey"] == 1
        )
        assert rig.observer.dropped[DropReason.INTEGRITY] == 1

    run(body)


def test_paths_for_literal_addresses_are_answered_at_once():
    async def body(rig: Rig) -> None:
        rig.core.outbox.append(AskPath(6, ("%any",), ("127.0.0.1",), 500, 500))
        rig.service.pump()
        assert rig.core.calls == [("complete", 6, Path("127.0.0.1", 500, "127.0.0.1", 500))]

    run(body)


def test_load_and_unload_carry_out_what_the_core_wants():
    async def body(rig: Rig) -> None:
        rig.core.outbox.append(Transmit(b"start", PATH))
        rig.service.load_connection(connection())
        rig.service.unload_connection("gw-gw")
        assert rig.core.calls == [("load", "gw-gw"), ("unload", "gw-gw")]
        assert len(rig.sockets.sent) == 1

    run(body)


@pytest.mark.parametrize("answers", [True, False])
def test_shut_down_waits_for_the_core_but_not_forever(answers: bool):
    async def body(rig: Rig) -> None:
        if not answers:
            rig.core.on_command = lambda op, command: None
        began = time.monotonic()
        await rig.service.shut_down(0.05)
        assert time.monotonic() - began < 60
        assert rig.core.calls == [("command", Shutdown())]
        assert rig.datapath.calls[-1] == Call("stop")

    run(body)


def test_a_datapath_that_does_not_start_stops_the_start():
    async def main() -> None:
        rig = Rig()
        rig.datapath.fail = lambda call: "no TUN device" if call.what == "start" else ""
        with pytest.raises(DatapathError):
            rig.service.start()

    asyncio.run(main())


def test_sockets_that_cannot_be_opened_stop_the_datapath_again():
    async def main() -> None:
        rig = Rig()

        def refuse(prepare: object, *, join_esp: bool) -> None:
            raise LocalMisuse("port in use")

        rig.sockets.open = refuse
        with pytest.raises(LocalMisuse):
            rig.service.start()
        assert [call.what for call in rig.datapath.calls] == ["start", "stop"]

    asyncio.run(main())


def test_datagrams_are_traced_only_at_the_level_for_it():
    async def main() -> None:
        capture = LogCapture(LogSettings(default=1))
        rig = Rig(log=capture.log)
        rig.service.start()
        header = bytes(18) + bytes([34]) + bytes(9)
        rig.core.on_datagram = lambda data, path: rig.core.outbox.append(Transmit(b"x", path))
        rig.sockets.on_ike(header, PATH)
        assert capture.lines == []
        capture.log.configure(LogSettings(default=1, levels={"net": 2}))
        rig.sockets.on_ike(header, PATH)
        assert [line.split(" ", 1)[1] for line in capture.lines] == [
            "[NET] received IKE_SA_INIT from 192.0.2.2[4500] at 192.0.2.1[4500], 28 bytes",
            "[NET] sending datagram to 192.0.2.2[4500] at 192.0.2.1[4500], 1 bytes",
        ]

    asyncio.run(main())
