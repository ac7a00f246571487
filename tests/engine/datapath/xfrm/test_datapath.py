"""The kernel datapath as a whole, in front of a kernel that can fail, fall silent, or outlive the engine."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ikeengine.datapath.base import Datapath
from ikeengine.datapath.netlink import Message
from ikeengine.datapath.xfrm import XfrmDatapath
from ikeengine.datapath.xfrm import datapath as module
from ikeengine.datapath.xfrm.constants import XfrmMsg
from ikeengine.datapath.xfrm.policy import policy_keys, write_policy
from ikeengine.datapath.xfrm.state import write_state, write_state_id
from ikeengine.errors import DatapathError
from ikeengine.model.commands import Acquire, NatMappingChanged, SaExpired
from ikeengine.model.path import Path as IkePath
from ikeengine.model.sa import Direction, Limits, PolicyAction, SaId
from ikeengine.registry import Protocol
from tests.engine.datapath.xfrm.fake_kernel import (
    FakeEvents,
    FakeKernel,
    FakeRoutes,
    Host,
    Killed,
    fails_at,
    killed_at,
    silent_at,
    use,
)
from tests.engine.datapath.xfrm.samples import LEFT, RIGHT, protect, sa, ts
from tests.engine.datapath.xfrm.test_events import acquire_message, expire_message

IN_SA = sa(0x2000, direction=Direction.IN, source=RIGHT, destination=LEFT)
FOREIGN_SA = sa(0x9999, reqid=77)
FOREIGN_POLICIES = protect(0, network="10.9.0.0/16", reqid=77)


@pytest.fixture
def kernel(monkeypatch) -> FakeKernel:
    """With something in it that is not ours."""
    kernel = FakeKernel()
    use(monkeypatch, kernel)
    FakeRoutes(kernel).install(monkeypatch)
    kernel.states[FOREIGN_SA.id] = write_state(FOREIGN_SA)
    for key in policy_keys(FOREIGN_POLICIES):
        kernel.policies[key] = write_policy(key, FOREIGN_POLICIES)
    return kernel


def contents(kernel: FakeKernel) -> tuple:
    return set(kernel.states), set(kernel.policies), set(kernel.routes), set(kernel.rules)


def started(**options) -> tuple[XfrmDatapath, Host]:
    datapath, host = XfrmDatapath(**options), Host()
    datapath.start(host)
    return datapath, host


def hear(kernel: FakeKernel, host: Host, kind: XfrmMsg, body: bytes) -> None:
    (listener,) = kernel.listeners
    listener.heard.append(Message(kind, body))
    host.loop.readers[77]()


def attempt(step: Callable[[], None]) -> None:
    """What the core does with a DatapathError: nothing, here."""
    try:
        step()
    except DatapathError:
        return


def life(datapath: Datapath) -> None:
    """A Child SA from its trap to its end, by way of rekeying and MOBIKE, each step whatever came of the last."""
    moved_out = replace(sa(0x3000), source="192.0.2.101")
    moved_in = replace(IN_SA, spi=0x4000)
    steps: list[Callable[[], None]] = [
        lambda: datapath.install_policies(protect(1, action=PolicyAction.TRAP)),
        lambda: datapath.install_sa(IN_SA),
        lambda: datapath.install_sa(sa()),
        lambda: datapath.install_policies(protect(2)),
        lambda: datapath.install_sa(moved_in),
        lambda: datapath.install_sa(sa(0x3000)),
        lambda: datapath.install_policies(protect(3, remote_ts=(ts("10.2.0.0/16"), ts("10.3.0.0/16")))),
        lambda: datapath.delete_policies(2),
        lambda: datapath.delete_sa(sa().id),
        lambda: datapath.delete_sa(IN_SA.id),
        lambda: datapath.update_sa(sa(0x3000).id, "192.0.2.101", RIGHT, None),
        lambda: datapath.update_sa(moved_in.id, RIGHT, "192.0.2.101", None),
        lambda: datapath.install_policies(protect(3, local="192.0.2.101")),
        lambda: datapath.delete_policies(3),
        lambda: datapath.delete_sa(moved_out.id),
    ]
    for step in steps:
        attempt(step)


def changes_of_a_life(monkeypatch, tmp_path: Path) -> int:
    kernel = FakeKernel()
    use(monkeypatch, kernel)
    FakeRoutes(kernel).install(monkeypatch)
    datapath, _ = started(journal=tmp_path / "count")
    life(datapath)
    datapath.stop()
    assert contents(kernel) == (set(), set(), set(), set())
    return len(kernel.changes)


def test_stop_removes_ours_and_nothing_else(kernel: FakeKernel, tmp_path: Path):
    before = contents(kernel)
    datapath, host = started(journal=tmp_path / "journal")
    life(datapath)
    assert contents(kernel) != before
    datapath.stop()
    assert contents(kernel) == before
    assert host.loop.readers == {}
    assert kernel.listeners == []
    assert not (tmp_path / "journal").exists()
    datapath.stop()


MOST_CHANGES = 50


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("number", range(MOST_CHANGES))
def test_killed_at_any_change_the_next_run_cleans_up(kernel: FakeKernel, tmp_path: Path, when: str, number: int):
    """Just before the kernel does what it is asked to do, and just after."""
    before = contents(kernel)
    datapath, _ = started(journal=tmp_path / "journal")
    setattr(kernel, when, killed_at(number + len(kernel.changes)))
    try:
        life(datapath)
        datapath.stop()
    except Killed:
        os.close(datapath._journal._file)
    kernel.before = kernel.after = lambda number: None
    kernel.listeners.clear()
    successor, _ = started(journal=tmp_path / "journal")
    assert contents(kernel) == before
    life(successor)
    successor.stop()
    assert contents(kernel) == before


def test_there_are_not_more_changes_than_are_tried(monkeypatch, tmp_path: Path):
    assert changes_of_a_life(monkeypatch, tmp_path) <= MOST_CHANGES


@pytest.mark.parametrize("fault", ["refused", "unanswered", "done but unanswered"])
@pytest.mark.parametrize("number", range(MOST_CHANGES))
def test_whatever_fails_stop_leaves_nothing(kernel: FakeKernel, tmp_path: Path, fault: str, number: int):
    """Only a failure of stop itself may leave something, and then the next run removes it."""
    before = contents(kernel)
    datapath, _ = started(journal=tmp_path / "journal")
    position = number + len(kernel.changes)
    if fault == "refused":
        kernel.before = fails_at(position)
    elif fault == "unanswered":
        kernel.before = silent_at(position)
    else:
        kernel.after = silent_at(position)
    life(datapath)
    datapath.stop()
    kernel.before = kernel.after = lambda number: None
    started(journal=tmp_path / "journal")
    assert contents(kernel) == before


@pytest.mark.parametrize("number", range(4))
def test_each_of_the_four_installs_rolls_back(kernel: FakeKernel, tmp_path: Path, number: int):
    """In, out, policies: the one that fails leaves nothing, and those before it can be taken back."""
    before = contents(kernel)
    datapath, _ = started(journal=tmp_path / "journal", install_routes=False)
    kernel.before = fails_at(number + len(kernel.changes))

    def install() -> None:
        datapath.install_sa(IN_SA)
        datapath.install_sa(sa())
        datapath.install_policies(protect())

    with pytest.raises(DatapathError):
        install()
    datapath.delete_policies(1)
    datapath.delete_sa(sa().id)
    datapath.delete_sa(IN_SA.id)
    assert contents(kernel) == before


def test_a_predecessors_entry_that_cannot_be_removed_is_tried_again(kernel: FakeKernel, tmp_path: Path, caplog):
    before = contents(kernel)
    datapath, _ = started(journal=tmp_path / "journal")
    datapath.install_sa(sa())
    os.close(datapath._journal._file)
    kernel.listeners.clear()
    kernel.before = fails_at(len(kernel.changes) + 2)  # after the two of the ESP check
    second, _ = started(journal=tmp_path / "journal")
    assert "cannot remove what an earlier run has left behind, sa ESP 00001000" in caplog.text
    second.stop()
    started(journal=tmp_path / "journal")
    assert contents(kernel) == before


def test_without_esp_in_the_kernel_it_does_not_start(kernel: FakeKernel, tmp_path: Path):
    kernel.has_esp = False
    datapath = XfrmDatapath(journal=tmp_path / "journal")
    with pytest.raises(DatapathError, match=r"no usable ESP \(EPROTONOSUPPORT: Requested type not found\)"):
        datapath.start(Host())
    assert kernel.closed == 2
    assert kernel.listeners == []
    assert not (tmp_path / "journal").exists()
    datapath.stop()


def test_before_the_start_nothing_works():
    datapath = XfrmDatapath()
    for call in (lambda: datapath.install_sa(sa()), lambda: datapath.usage(sa().id)):
        with pytest.raises(DatapathError, match="not started"):
            call()


def test_routes_can_be_left_to_others(kernel: FakeKernel):
    datapath, _ = started(install_routes=False)
    datapath.install_policies(protect())
    assert kernel.routes == set()


def test_an_acquire_names_the_owner(kernel: FakeKernel):
    datapath, host = started()
    policies = protect(7, action=PolicyAction.TRAP, reqid=9)
    datapath.install_policies(policies)
    hear(kernel, host, XfrmMsg.ACQUIRE, acquire_message(policies))
    assert host.events == [Acquire(7, 9, ts("10.1.0.1/32", 6, 40000, 40000), ts("10.2.0.1/32", 6, 80, 80))]


def test_a_foreign_acquire_is_ignored(kernel: FakeKernel):
    _, host = started()
    hear(kernel, host, XfrmMsg.ACQUIRE, acquire_message(FOREIGN_POLICIES))
    assert host.events == []


@pytest.mark.parametrize("hard", [False, True])
def test_an_expiry_of_ours_is_reported(kernel: FakeKernel, hard: bool):
    datapath, host = started()
    datapath.install_sa(sa())
    hear(kernel, host, XfrmMsg.EXPIRE, expire_message(sa(), hard=hard))
    hear(kernel, host, XfrmMsg.EXPIRE, expire_message(FOREIGN_SA, hard=hard))
    assert host.events == [SaExpired(sa().id, hard)]


def test_a_moved_nat_mapping_is_reported_for_our_sas(kernel: FakeKernel):
    datapath, host = started()
    datapath.install_sa(sa())
    for name in (sa().id, FOREIGN_SA.id):
        body = write_state_id(name)
        addresses = bytes([192, 0, 2, 1]).ljust(16, b"\0") + bytes([192, 0, 2, 9]).ljust(16, b"\0")
        hear(kernel, host, XfrmMsg.MAPPING, body + bytes(4) + addresses + b"\x11\x94\xee\x48")
    assert host.events == [NatMappingChanged(sa().id, "192.0.2.9", 61000)]


def test_other_messages_are_ignored(kernel: FakeKernel):
    _, host = started()
    hear(kernel, host, XfrmMsg.DELSA, b"")
    assert host.events == []


def test_after_an_overrun_all_sas_are_checked(kernel: FakeKernel, caplog):
    datapath, host = started()
    datapath.install_sa(sa(0x1000, limits=Limits(soft_bytes=1)))
    datapath.install_sa(sa(0x2000))
    datapath.install_sa(sa(0x3000))
    del kernel.states[sa(0x2000).id]
    (listener,) = kernel.listeners
    assert isinstance(listener, FakeEvents)
    listener.overrun = True
    host.loop.readers[77]()
    assert host.events == [SaExpired(SaId(Protocol.ESP, RIGHT, 0x2000), hard=True)]
    assert "more events than could be read" in caplog.text


def test_usage_is_that_of_the_kernel(kernel: FakeKernel, monkeypatch):
    datapath, _ = started()
    datapath.install_sa(sa())
    usage = datapath.usage(sa().id)
    assert usage is not None
    assert usage.packets == 0
    assert datapath.usage(FOREIGN_SA.id) is None


def test_the_first_look_at_the_network_comes_before_the_start(kernel: FakeKernel):
    XfrmDatapath().network_changed()


def test_esp_packets_are_the_kernels_business(kernel: FakeKernel):
    datapath, host = started()
    datapath.receive_esp(b"packet", IkePath(LEFT, 4500, RIGHT, 4500))
    assert host.events == []


def test_sockets_are_prepared(monkeypatch):
    calls = []
    monkeypatch.setattr(module, "exempt_from_policies", lambda sock: calls.append("exempt"))
    monkeypatch.setattr(module, "decapsulate_esp", lambda sock: calls.append("decapsulate"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        XfrmDatapath().prepare_socket(sock, nat_t=False)
        XfrmDatapath().prepare_socket(sock, nat_t=True)
    assert calls == ["exempt", "exempt", "decapsulate"]
