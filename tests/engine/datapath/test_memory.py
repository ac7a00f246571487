"""The recording datapath and the datapath that does nothing."""

from __future__ import annotations

import socket

import pytest

from ikeengine.datapath.base import Datapath
from ikeengine.datapath.memory import Call, MemoryDatapath
from ikeengine.datapath.none import NoDatapath
from ikeengine.errors import DatapathError
from ikeengine.model.commands import Acquire, SaExpired
from ikeengine.model.connection import Mode
from ikeengine.model.path import Path, packed
from ikeengine.model.proposal import Transform
from ikeengine.model.sa import Direction, IpsecSa, PolicyAction, PolicySet, SaId, UdpEncap, Usage
from ikeengine.model.secret import Secret
from ikeengine.model.selector import TrafficSelector
from ikeengine.registry import EncrId, Protocol, TransformType

SA = IpsecSa(
    Direction.OUT,
    Protocol.ESP,
    0x1234,
    "192.0.2.1",
    "192.0.2.2",
    Mode.TUNNEL,
    1,
    Transform(TransformType.ENCR, EncrId.AES_GCM_16, 128),
    Secret(bytes(20)),
)
HERE = TrafficSelector(packed("10.1.0.0"), packed("10.1.0.255"))
THERE = TrafficSelector(packed("10.2.0.0"), packed("10.2.0.255"))
TRAP = PolicySet(3, PolicyAction.TRAP, (HERE,), (THERE,), reqid=9)
PATH = Path("192.0.2.1", 4500, "192.0.2.2", 4500)


class Host:
    def __init__(self) -> None:
        self.events = []

    def event(self, event) -> None:
        self.events.append(event)


def test_it_remembers_sas_and_counters():
    datapath = MemoryDatapath()
    datapath.install_sa(SA)
    assert datapath.sas == {SA.id: SA}
    assert datapath.usage(SA.id) == Usage(0, 0, None)
    with pytest.raises(DatapathError, match="exists already"):
        datapath.install_sa(SA)
    datapath.delete_sa(SA.id)
    datapath.delete_sa(SA.id)
    assert datapath.usage(SA.id) is None
    assert [call.what for call in datapath.calls] == ["install_sa", "install_sa", "delete_sa", "delete_sa"]


def test_an_sa_moves_with_its_counters():
    datapath = MemoryDatapath()
    datapath.install_sa(SA)
    datapath.counters[SA.id] = Usage(100, 2, 1.0)
    datapath.update_sa(SA.id, "192.0.2.1", "192.0.2.9", UdpEncap(4500, 4500))
    moved = SaId(Protocol.ESP, "192.0.2.9", 0x1234)
    assert datapath.sas[moved].encap == UdpEncap(4500, 4500)
    assert datapath.usage(moved) == Usage(100, 2, 1.0)
    with pytest.raises(DatapathError, match="there is no SA 00001234"):
        datapath.update_sa(SA.id, "192.0.2.1", "192.0.2.9", None)


def test_a_call_can_be_made_to_fail():
    datapath = MemoryDatapath()
    datapath.fail = lambda call: "no buffer space" if call.what == "install_policies" else ""
    datapath.install_sa(SA)
    with pytest.raises(DatapathError, match="no buffer space"):
        datapath.install_policies(TRAP)
    assert datapath.policies.owners() == ()
    assert datapath.calls[-1] == Call("install_policies", TRAP)


def test_events_reach_the_host():
    datapath, host = MemoryDatapath(), Host()
    with pytest.raises(DatapathError, match="not started"):
        datapath.acquire(3, HERE, THERE)
    datapath.start(host)
    datapath.install_policies(TRAP)
    datapath.install_sa(SA)
    datapath.acquire(3, HERE, THERE)
    datapath.expire(SA.id, hard=False)
    assert SA.id in datapath.sas
    datapath.expire(SA.id, hard=True)
    assert datapath.sas == {}
    assert host.events == [Acquire(3, 9, HERE, THERE), SaExpired(SA.id, False), SaExpired(SA.id, True)]


def test_stop_forgets_everything():
    datapath = MemoryDatapath()
    datapath.start(Host())
    datapath.install_sa(SA)
    datapath.install_policies(TRAP)
    datapath.receive_esp(b"packet", PATH)
    datapath.delete_policies(99)
    datapath.stop()
    assert (datapath.sas, datapath.policies.owners()) == ({}, ())
    assert datapath.esp_packets == [(b"packet", PATH)]


@pytest.mark.parametrize("datapath", [NoDatapath(), MemoryDatapath()], ids=lambda d: d.name)
def test_every_call_of_the_contract_is_accepted(datapath: Datapath):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        datapath.start(Host())
        datapath.prepare_socket(sock, nat_t=True)
        datapath.install_sa(SA)
        datapath.update_sa(SA.id, "192.0.2.1", "192.0.2.2", None)
        datapath.install_policies(TRAP)
        datapath.receive_esp(b"", PATH)
        datapath.delete_policies(TRAP.owner)
        datapath.delete_sa(SA.id)
        assert datapath.usage(SA.id) is None
        datapath.stop()
