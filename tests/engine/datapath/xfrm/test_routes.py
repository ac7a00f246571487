"""Which tunnels need a route of their own, and that none of them is left behind."""

from __future__ import annotations

import errno

import pytest

from ikeengine.datapath.netlink import NetlinkError
from ikeengine.datapath.rtnetlink import Network, Route
from ikeengine.datapath.xfrm.constants import XfrmDir
from ikeengine.datapath.xfrm.journal import Journal
from ikeengine.datapath.xfrm.policy import policy_keys
from ikeengine.datapath.xfrm.routes import TunnelRoutes
from ikeengine.model.connection import Mode
from ikeengine.model.path import packed
from ikeengine.model.sa import PolicyAction, PolicySet
from tests.engine.datapath.xfrm.fake_kernel import FakeKernel, FakeRoutes, FakeSocket, fails_at
from tests.engine.datapath.xfrm.samples import protect, ts

REMOTE = Network(packed("10.2.0.0"), 16)
THROUGH_ROUTER = Route(REMOTE, 2, FakeRoutes.GATEWAY, packed("10.1.0.1"))


class Bench:
    def __init__(self, monkeypatch, **more) -> None:
        self.kernel, self.journal = FakeKernel(), Journal(None)
        FakeRoutes(self.kernel, **more).install(monkeypatch)
        self.routes = TunnelRoutes(FakeSocket(self.kernel), self.journal)

    def change(self, policies: PolicySet, *, gone: bool = False) -> None:
        for key in policy_keys(policies):
            self.routes.policy_changed(key, None if gone else policies)

    def entries(self) -> list[str]:
        return list(self.journal._entries)


def test_a_gateway_with_an_address_inside_gets_a_route_and_a_rule(monkeypatch):
    bench = Bench(monkeypatch)
    bench.change(protect())
    assert bench.kernel.routes == {THROUGH_ROUTER}
    assert len(bench.kernel.rules) == 1
    bench.change(protect(), gone=True)
    assert bench.kernel.routes == set()
    assert len(bench.kernel.rules) == 1
    bench.routes.delete_all()
    assert (bench.kernel.rules, bench.entries()) == (set(), [])


def test_a_gateway_without_an_address_inside_needs_none(monkeypatch):
    bench = Bench(monkeypatch, inside="")
    bench.change(protect())
    assert (bench.kernel.routes, bench.kernel.rules) == (set(), set())


def test_without_any_route_to_the_remote_network_there_is_one(monkeypatch):
    bench = Bench(monkeypatch, inside="", default_route=False)
    bench.change(protect())
    assert bench.kernel.routes == {Route(REMOTE, 2, FakeRoutes.GATEWAY, b"")}


def test_the_outer_address_is_preferred_if_it_lies_inside(monkeypatch):
    bench = Bench(monkeypatch, default_route=False)
    bench.change(protect(local_ts=(ts("0.0.0.0/0"),)))
    assert bench.kernel.routes == {Route(REMOTE, 2, FakeRoutes.GATEWAY, FakeRoutes.OUTER)}


def test_a_host_that_chooses_the_right_address_by_itself_needs_none(monkeypatch):
    bench = Bench(monkeypatch)
    bench.change(protect(local_ts=(ts("192.0.2.1/32"),)))
    assert bench.kernel.routes == set()


def test_an_ipv6_network_behind_an_ipv4_tunnel_has_no_gateway(monkeypatch):
    bench = Bench(monkeypatch, inside="fd00:1::1")
    bench.change(protect(local_ts=(ts("fd00:1::/64"),), remote_ts=(ts("fd00:2::/64"),)))
    assert bench.kernel.routes == {Route(Network(packed("fd00:2::"), 64), 2, b"", packed("fd00:1::1"))}


@pytest.mark.parametrize(
    "policies",
    [
        protect(mode=Mode.TRANSPORT),
        protect(action=PolicyAction.DROP),
        protect(action=PolicyAction.PASS, network="0.0.0.0/0"),
        protect(action=PolicyAction.PASS, remote_ts=(ts("10.2.0.0/16", 6, 22, 22),)),
    ],
)
def test_only_tunnels_have_routes(monkeypatch, policies: PolicySet):
    bench = Bench(monkeypatch)
    bench.change(policies)
    assert bench.kernel.routes == set()


def test_a_remote_network_around_the_local_one_leaves_the_local_one_alone(monkeypatch):
    bench = Bench(monkeypatch)
    everything = protect(network="0.0.0.0/0")
    bench.change(everything)
    default = Route(Network(bytes(4), 0), 2, FakeRoutes.GATEWAY, packed("10.1.0.1"))
    assert bench.kernel.routes == {default, Route(Network(packed("10.1.0.0"), 16))}
    assert bench.kernel.changes == ["add route 10.1.0.0/16", "add rule", "add route 0.0.0.0/0"]
    bench.change(everything, gone=True)
    assert bench.kernel.routes == set()


def test_a_pass_shunt_leads_back_to_the_hosts_own_routes(monkeypatch):
    bench = Bench(monkeypatch)
    shunt = protect(2, network="10.2.7.0/24", action=PolicyAction.PASS)
    bench.change(shunt)
    assert bench.kernel.routes == {Route(Network(packed("10.2.7.0"), 24))}
    assert bench.kernel.rules == set()
    bench.change(protect())
    assert len(bench.kernel.routes) == 2
    bench.change(shunt, gone=True)
    assert bench.kernel.routes == {THROUGH_ROUTER}


def test_the_younger_wish_for_a_network_counts(monkeypatch):
    bench = Bench(monkeypatch)
    shunt = protect(2, action=PolicyAction.PASS, local_ts=(ts("10.1.0.0/24"),))
    bench.change(protect())
    bench.change(shunt)
    assert bench.kernel.routes == {Route(REMOTE)}
    bench.change(shunt, gone=True)
    assert bench.kernel.routes == {THROUGH_ROUTER}


def test_a_trap_has_a_route_too(monkeypatch):
    bench = Bench(monkeypatch)
    bench.change(protect(action=PolicyAction.TRAP, local=""))
    assert bench.kernel.routes == {THROUGH_ROUTER}


def test_two_policies_share_a_route(monkeypatch):
    bench = Bench(monkeypatch)
    other = protect(2, local_ts=(ts("10.1.0.0/24"),))
    bench.change(protect())
    bench.change(other)
    assert bench.kernel.changes == ["add rule", "add route 10.2.0.0/16"]
    bench.change(protect(), gone=True)
    assert bench.kernel.routes == {THROUGH_ROUTER}
    bench.change(other, gone=True)
    assert bench.kernel.routes == set()


def test_a_route_that_changes_is_replaced_without_a_gap(monkeypatch):
    bench = Bench(monkeypatch)
    bench.change(protect())
    monkeypatch.setattr(FakeRoutes, "GATEWAY", packed("192.0.2.253"))
    bench.change(protect(remote="192.0.2.9"))
    assert bench.kernel.changes[2:] == ["replace route 10.2.0.0/16"]
    assert {route.gateway for route in bench.kernel.routes} == {packed("192.0.2.253")}
    bench.routes.delete_all()
    assert (bench.kernel.routes, bench.entries()) == (set(), [])


def test_routes_that_the_kernel_has_dropped_come_back(monkeypatch):
    """With the last address of an interface go all its routes."""
    bench = Bench(monkeypatch)
    bench.change(protect())
    bench.kernel.routes.clear()
    bench.routes.refresh()
    assert bench.kernel.routes == {THROUGH_ROUTER}
    entries = bench.entries()
    bench.routes.refresh()
    assert (bench.kernel.routes, bench.entries()) == ({THROUGH_ROUTER}, entries)
    bench.change(protect(), gone=True)
    bench.routes.refresh()
    assert bench.kernel.routes == set()
    bench.routes.delete_all()
    assert bench.entries() == []


def test_a_foreign_rule_is_used_and_left_alone(monkeypatch):
    bench = Bench(monkeypatch)
    bench.kernel.before = fails_at(0, errno.EEXIST)
    bench.change(protect())
    assert bench.kernel.routes == {THROUGH_ROUTER}
    bench.routes.delete_all()
    assert "delete rule" not in bench.kernel.changes


def test_a_foreign_route_is_left_alone(monkeypatch, caplog):
    bench = Bench(monkeypatch)
    foreign = Route(REMOTE, 9, b"", b"")
    bench.kernel.routes.add(foreign)
    bench.change(protect())
    assert "no route to 10.2.0.0/16 for the policy out src 10.1.0.0/16 dst 10.2.0.0/16: EEXIST" in caplog.text
    bench.change(protect(), gone=True)
    bench.routes.delete_all()
    assert bench.kernel.routes == {foreign}


@pytest.mark.parametrize("step", [0, 1])
def test_a_refused_route_is_logged_and_not_in_the_journal(monkeypatch, caplog, step: int):
    bench = Bench(monkeypatch)
    bench.kernel.before = fails_at(step, errno.EPERM)
    bench.change(protect())
    assert "no route to 10.2.0.0/16 for the policy out src 10.1.0.0/16 dst 10.2.0.0/16: EPERM" in caplog.text
    assert [entry for entry in bench.entries() if entry.startswith("route")] == []


def test_what_somebody_else_removed_is_no_problem(monkeypatch, caplog):
    bench = Bench(monkeypatch)
    bench.change(protect())
    bench.kernel.routes.clear()
    bench.kernel.rules.clear()
    bench.routes.delete_all()
    assert caplog.text == ""


def test_what_cannot_be_removed_is_logged(monkeypatch, caplog):
    bench = Bench(monkeypatch)
    bench.change(protect())
    bench.kernel.before = fails_at(2, errno.EPERM)
    bench.routes.delete_all()
    assert "the route to 10.2.0.0/16 may be left behind" in caplog.text


def test_a_rule_that_cannot_be_removed_is_logged(monkeypatch, caplog):
    bench = Bench(monkeypatch)
    bench.change(protect())
    bench.kernel.before = fails_at(3, errno.EPERM)
    bench.routes.delete_all()
    assert "the rule for table 220 may be left behind" in caplog.text


def test_no_way_to_the_peer_means_no_route(monkeypatch, caplog):
    bench = Bench(monkeypatch, default_route=False)
    bench.change(protect(remote="203.0.113.1"))
    assert "ENETUNREACH" in caplog.text
    assert bench.kernel.routes == set()


def test_stale_routes_and_rules_are_removed(monkeypatch):
    bench = Bench(monkeypatch)
    bench.change(protect())
    stale = bench.entries()
    successor = TunnelRoutes(FakeSocket(bench.kernel), Journal(None))
    for entry in (*stale, *stale, "route 1", "route x y z", "rule ipx"):
        successor.delete_stale(entry)
    assert (bench.kernel.routes, bench.kernel.rules) == (set(), set())


def test_a_stale_route_that_cannot_be_removed_is_an_error(monkeypatch):
    bench = Bench(monkeypatch)
    bench.change(protect())
    (entry,) = [entry for entry in bench.entries() if entry.startswith("route")]
    bench.kernel.before = fails_at(2, errno.EPERM)
    with pytest.raises(NetlinkError, match="EPERM"):
        bench.routes.delete_stale(entry)


def test_inbound_policies_have_no_routes(monkeypatch):
    bench = Bench(monkeypatch)
    key = next(key for key in policy_keys(protect()) if key.direction is XfrmDir.FWD)
    bench.routes.policy_changed(key, protect())
    assert bench.kernel.changes == []
