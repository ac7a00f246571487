"""Our states in the kernel: installing, moving, counting and removing them, and every way in which that can fail."""

from __future__ import annotations

import errno
import struct
import time

import pytest

from ikeengine.datapath.netlink import NetlinkError, attribute
from ikeengine.datapath.xfrm import sad
from ikeengine.datapath.xfrm.constants import Xfrma
from ikeengine.datapath.xfrm.journal import Journal
from ikeengine.datapath.xfrm.sad import SecurityAssociations
from ikeengine.datapath.xfrm.state import write_state
from ikeengine.errors import DatapathError
from ikeengine.model.sa import Direction, Limits, SaId, UdpEncap
from ikeengine.model.secret import Secret
from ikeengine.registry import Protocol
from tests.engine.datapath.xfrm.fake_kernel import (
    FakeEvents,
    FakeKernel,
    FakeSocket,
    fails_at,
    set_counters,
    silent_at,
)
from tests.engine.datapath.xfrm.samples import cbc, sa

NEW_LEFT = "192.0.2.101"


@pytest.fixture
def kernel() -> FakeKernel:
    return FakeKernel()


@pytest.fixture
def journal() -> Journal:
    return Journal(None)


@pytest.fixture
def database(kernel: FakeKernel, journal: Journal) -> SecurityAssociations:
    return SecurityAssociations(FakeSocket(kernel), journal, listen=lambda: FakeEvents(kernel, (3,)))


def entries(journal: Journal) -> list[str]:
    return list(journal._entries)


def test_install_and_delete(database: SecurityAssociations, kernel: FakeKernel, journal: Journal):
    state = cbc(0xC0FFEE01)
    database.install(state)
    assert kernel.state(state.id).reqid == 1
    assert state.id in database
    assert database.ids() == (state.id,)
    assert entries(journal) == ["sa ESP c0ffee01 192.0.2.1 192.0.2.2 1"]
    database.delete(state.id)
    assert (kernel.states, entries(journal), database.ids()) == ({}, [], ())


def test_deleting_what_is_gone_or_foreign_is_fine(database: SecurityAssociations, kernel: FakeKernel):
    database.install(sa())
    kernel.states.clear()
    database.delete(sa().id)
    kernel.states[sa().id] = write_state(sa(reqid=77))
    database.delete(sa().id)
    assert kernel.state(sa().id).reqid == 77


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (errno.ENOSYS, "the kernel lacks the algorithm"),
        (errno.EPROTONOSUPPORT, "the kernel lacks the protocol"),
        (errno.EPERM, "no CAP_NET_ADMIN"),
        (errno.ENOBUFS, "ENOBUFS"),
    ],
)
def test_a_refused_state_leaves_nothing(
    database: SecurityAssociations, kernel: FakeKernel, journal: Journal, code: int, message: str
):
    kernel.before = fails_at(0, code)
    with pytest.raises(DatapathError, match=rf"cannot install ESP SA 00001000 192.0.2.1 -> 192.0.2.2: .*{message}"):
        database.install(sa())
    assert (kernel.states, entries(journal), database.ids()) == ({}, [], ())


def test_a_foreign_state_of_the_same_name(database: SecurityAssociations, kernel: FakeKernel, journal: Journal):
    kernel.states[sa().id] = write_state(sa(reqid=77))
    with pytest.raises(DatapathError, match="another program has an SA of that name"):
        database.install(sa())
    assert kernel.state(sa().id).reqid == 77
    assert entries(journal) == []


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_lost_answer_leaves_nothing(database: SecurityAssociations, kernel: FakeKernel, journal: Journal, when: str):
    """`before`: the kernel has done nothing; `after`: it has added the state, but nobody knows."""
    setattr(kernel, when, silent_at(0))
    with pytest.raises(DatapathError, match="does not answer"):
        database.install(sa())
    assert (kernel.states, entries(journal), database.ids()) == ({}, [], ())


def test_a_lost_answer_about_a_foreign_state(database: SecurityAssociations, kernel: FakeKernel):
    """The keys tell that the state of this name is not the one that we have tried to add."""
    kernel.states[sa().id] = write_state(sa(encr_key=Secret(b"F" * 20)))
    kernel.before = silent_at(0)
    with pytest.raises(DatapathError):
        database.install(sa())
    assert sa().id in kernel.states


def test_a_clean_up_that_fails_too_is_logged(database: SecurityAssociations, kernel: FakeKernel, caplog):
    kernel.after = silent_at(0)
    kernel.before = fails_at(1)
    with pytest.raises(DatapathError):
        database.install(sa())
    assert "ESP SA 00001000 192.0.2.1 -> 192.0.2.2 may be left behind" in caplog.text


def test_a_state_that_cannot_be_removed_stays_in_the_journal(
    database: SecurityAssociations, kernel: FakeKernel, journal: Journal, caplog
):
    database.install(sa())
    kernel.before = fails_at(1, errno.EPERM)
    database.delete(sa().id)
    assert entries(journal) != []
    assert "cannot remove ESP SA 00001000" in caplog.text


def test_delete_all(database: SecurityAssociations, kernel: FakeKernel):
    foreign = sa(0x9999)
    kernel.states[foreign.id] = write_state(foreign)
    for spi in (1000, 2000, 3000):
        database.install(sa(spi))
    database.delete_all()
    assert list(kernel.states) == [foreign.id]


@pytest.mark.parametrize("esn", [False, True])
def test_a_moved_state_keeps_what_it_has_been_through(
    database: SecurityAssociations, kernel: FakeKernel, journal: Journal, esn: bool
):
    database.install(sa(esn=esn, replay_window=32))
    set_counters(kernel, sa().id, octets=500, packets=5)
    replay = attribute(Xfrma.REPLAY_VAL, struct.pack("=3I", 5, 0, 0))
    if esn:
        replay = attribute(Xfrma.REPLAY_ESN_VAL, struct.pack("=7I", 1, 5, 0, 0, 0, 1, 0))
    kernel.states[sa().id] += replay
    database.update(sa().id, NEW_LEFT, "192.0.2.9", UdpEncap(4500, 4500))
    moved = SaId(Protocol.ESP, "192.0.2.9", 0x1000)
    assert list(kernel.states) == [moved]
    state = kernel.state(moved)
    assert (state.source, state.reqid) == (NEW_LEFT, 1)
    assert state.attributes[Xfrma.LTIME_VAL] == struct.pack("=4Q", 500, 5, 1700000000, 1700000001)
    kind = Xfrma.REPLAY_ESN_VAL if esn else Xfrma.REPLAY_VAL
    assert attribute(kind, state.attributes[kind]) == replay
    assert state.attributes[Xfrma.ENCAP][2:6] == struct.pack(">HH", 4500, 4500)
    assert entries(journal) == ["sa ESP 00001000 192.0.2.101 192.0.2.9 1"]
    assert kernel.listeners == []
    database.delete(moved)
    assert entries(journal) == []


def test_a_state_moves_back_if_it_cannot_move_on(database: SecurityAssociations, kernel: FakeKernel):
    database.install(sa())
    kernel.before = fails_at(2)
    with pytest.raises(DatapathError, match="cannot install"):
        database.update(sa().id, NEW_LEFT, "192.0.2.2", None)
    assert kernel.state(sa().id).source == "192.0.2.1"
    assert sa().id in database


def test_a_state_that_cannot_even_move_back_is_lost(database: SecurityAssociations, kernel: FakeKernel, caplog):
    database.install(sa())

    def refuse_all(number: int) -> None:
        if number >= 2:
            raise NetlinkError(errno.ENOMEM)

    kernel.before = refuse_all
    with pytest.raises(DatapathError):
        database.update(sa().id, NEW_LEFT, "192.0.2.2", None)
    assert "is lost" in caplog.text
    assert database.ids() == ()


def test_a_state_that_cannot_be_taken_out_stays(database: SecurityAssociations, kernel: FakeKernel):
    database.install(sa())
    kernel.before = fails_at(1, errno.EPERM)
    with pytest.raises(DatapathError, match="cannot move ESP SA 00001000"):
        database.update(sa().id, NEW_LEFT, "192.0.2.2", None)
    assert kernel.state(sa().id).source == "192.0.2.1"
    assert sa().id in database


def test_an_unknown_state_cannot_move(database: SecurityAssociations):
    with pytest.raises(DatapathError, match=r"there is no SA 00001000 to 192\.0\.2\.2"):
        database.update(sa().id, NEW_LEFT, "192.0.2.2", None)


def test_a_state_whose_sequence_number_is_not_reported_must_not_come_back(kernel: FakeKernel, journal: Journal):
    deaf = SecurityAssociations(FakeSocket(kernel), journal, listen=lambda: FakeEvents(kernel, ()))
    deaf.install(sa())
    with pytest.raises(DatapathError, match="did not report its sequence number"):
        deaf.update(sa().id, NEW_LEFT, "192.0.2.2", None)
    assert (kernel.states, deaf.ids()) == ({}, ())


def test_the_last_words_of_other_states_are_not_heard(kernel: FakeKernel, journal: Journal):
    other = sa(0x9999)

    class Chatty(FakeEvents):
        def __enter__(self) -> Chatty:
            super().__enter__()
            self.kernel.states[other.id] = write_state(other)
            FakeSocket(self.kernel)._delsa(sad.write_state_id(other.id))
            return self

    database = SecurityAssociations(FakeSocket(kernel), journal, listen=lambda: Chatty(kernel, (3,)))
    database.install(sa())
    database.update(sa().id, NEW_LEFT, "192.0.2.2", None)
    assert kernel.state(sa().id).source == NEW_LEFT


def test_usage_of_a_modern_kernel(database: SecurityAssociations, kernel: FakeKernel):
    database.install(sa(direction=Direction.IN))
    set_counters(kernel, sa().id, octets=500, packets=5, used=int(time.time()) - 30, stats=(2, 3, 4))
    usage = database.usage(sa().id)
    assert usage is not None
    assert (usage.bytes, usage.packets, usage.replay_drops, usage.integrity_failures) == (500, 5, 5, 4)
    assert usage.last_use is not None
    assert 30 <= usage.last_use < 600


def test_usage_of_an_unused_or_unknown_state(database: SecurityAssociations, kernel: FakeKernel):
    database.install(sa())
    usage = database.usage(sa().id)
    assert usage is not None
    assert (usage.packets, usage.last_use) == (0, None)
    kernel.states.clear()
    assert database.usage(sa().id) is None
    assert database.usage(sa(0x9999).id) is None


def test_usage_of_an_older_kernel_asks_the_policies(kernel: FakeKernel, journal: Journal):
    asked = []

    def policy_last_use(reqid: int, direction: Direction) -> int:
        asked.append((reqid, direction))
        return int(time.time()) - 20

    database = SecurityAssociations(FakeSocket(kernel), journal, policy_last_use=policy_last_use)
    database.install(sa(reqid=7))
    set_counters(kernel, sa().id, packets=1)
    first = database.usage(sa().id)
    set_counters(kernel, sa().id, packets=2)
    busy = database.usage(sa().id)
    idle = database.usage(sa().id)
    assert first is not None
    assert busy is not None
    assert idle is not None
    assert asked == [(7, Direction.OUT)] * 2
    assert first.last_use is not None
    assert 20 <= first.last_use < 600
    assert busy.last_use is not None
    assert busy.last_use < 2  # more packets, although the policy has not been asked since
    assert idle.last_use is not None
    assert idle.last_use < 2


def test_a_kernel_error_is_not_an_unknown_state(database: SecurityAssociations, monkeypatch):
    database.install(sa())

    def refuse(*args: object) -> None:
        raise NetlinkError(errno.EPERM)

    monkeypatch.setattr(FakeSocket, "get", refuse)
    with pytest.raises(NetlinkError, match="EPERM"):
        database.usage(sa().id)


def test_limits_are_found_without_the_kernels_reports(database: SecurityAssociations, kernel: FakeKernel):
    database.install(sa(1000, limits=Limits(soft_bytes=100)))
    database.install(sa(2000, limits=Limits(soft_packets=10)))
    database.install(sa(3000, limits=Limits(soft_bytes=100, soft_packets=10)))
    database.install(sa(4000))
    set_counters(kernel, sa(1000).id, octets=100)
    set_counters(kernel, sa(2000).id, packets=11)
    set_counters(kernel, sa(3000).id, octets=99, packets=9)
    del kernel.states[sa(4000).id]
    assert database.limits_reached() == [(sa(1000).id, False), (sa(2000).id, False), (sa(4000).id, True)]


def test_stale_states_are_removed_if_they_are_still_the_same(database: SecurityAssociations, kernel: FakeKernel):
    for spi, reqid in ((0x1000, 1), (0x2000, 77)):
        kernel.states[sa(spi).id] = write_state(sa(spi, reqid=reqid))
    for entry in (
        "sa ESP 00001000 192.0.2.1 192.0.2.2 1",
        "sa ESP 00002000 192.0.2.1 192.0.2.2 1",
        "sa ESP 00003000 192.0.2.1 192.0.2.2 1",
        "sa ESP 0000",
        "sa IPCOMP 00001000 192.0.2.1 192.0.2.2 1",
    ):
        database.delete_stale(entry)
    assert list(kernel.states) == [sa(0x2000).id]
