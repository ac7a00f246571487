"""Who gets which address of the pools."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from ikeengine.config.vici import pool_from_vici
from ikeengine.model.pool import Lease, PoolConfig
from ikeengine.negotiate import leases
from ikeengine.negotiate.identities import parse_identity
from ikeengine.negotiate.leases import Claim, LeaseTable

ANY4, ANY6 = bytes(4), bytes(16)


def pool(name: str = "p", addrs: str = "10.3.0.0/29") -> PoolConfig:
    return pool_from_vici(name, {"addrs": addrs})


def claim(who: str, holder: int, peer: str = "192.0.2.1", limit: int = 0) -> Claim:
    return Claim(parse_identity(who), holder, peer, limit)


def octets(address: str) -> bytes:
    return ip_address(address).packed


class Table(LeaseTable):
    """With addresses as text."""

    def get(self, who: str, holder: int, wanted: str = "0.0.0.0", *names: str, **more) -> str:
        found = self.acquire(names or ("p",), claim(who, holder, **more), octets(wanted))
        return "" if found is None else str(ip_address(found[1]))

    def shown(self) -> list[tuple[str, str]]:
        return [(str(ip_address(lease.address)), "on" if lease.online else "off") for lease in self.leases()]


@pytest.fixture
def table() -> Table:
    made = Table()
    made.set_pool(pool())
    return made


def test_in_turn(table):
    assert [table.get(f"c{n}", n) for n in range(7)] == [*(f"10.3.0.{n}" for n in range(1, 7)), ""]


def test_who_comes_back_gets_the_same(table):
    table.get("alice", 1)
    table.get("bob", 2)
    table.release(2)
    table.get("carol", 3)
    assert table.get("bob", 4) == "10.3.0.2"


@pytest.mark.parametrize(
    ("who", "again"),
    [("moon.example.com", "MOON.example.com"), ("CN=moon", "asn1dn:#300f310d300b06035504030c046d6f6f6e")],
)
def test_who_writes_its_name_otherwise_gets_the_same_and_no_more(table, who, again):
    table.get(who, 1)
    assert table.get(again, 2, peer="192.0.2.9", limit=1) == ""
    table.release(1)
    assert table.get(again, 2) == "10.3.0.1"
    table.release(2)
    assert table.get(who, 3) == "10.3.0.1"
    table.set_pool(pool(addrs="10.4.0.0/29"))
    assert table.shown() == []


def test_the_oldest_offline_lease_is_given_away_first(table):
    for number in range(1, 7):
        table.get(f"c{number}", number)
    for number in (3, 1, 2):
        table.release(number)
    assert [table.get(f"new{n}", 10 + n) for n in range(4)] == ["10.3.0.3", "10.3.0.1", "10.3.0.2", ""]
    assert table.get("c3", 20) == "", "what was given away is not given back"


def test_a_wanted_address(table):
    assert table.get("alice", 1, "10.3.0.5") == "10.3.0.5"
    assert table.get("bob", 2, "10.3.0.5") == "10.3.0.1", "not the one of somebody else"
    assert table.get("carol", 3, "10.9.0.5") == "10.3.0.2", "not one of elsewhere"
    assert table.get("dave", 4, "10.3.0.0") == "10.3.0.3", "not the network itself"
    table.release(1)
    assert table.get("erin", 5, "10.3.0.5") == "10.3.0.4", "not while there are others: its owner may come back"


def test_an_address_is_shared_only_with_the_ike_sa_that_replaces_another(table):
    assert table.get("alice", 1) == "10.3.0.1"
    assert table.get("alice", 2) == "10.3.0.2", "another device of hers"
    assert table.get("alice", 3, "10.3.0.1", peer="192.0.2.9") == "10.3.0.3", "from elsewhere"
    assert table.get("alice", 4, "10.3.0.1") == "10.3.0.1", "authenticating again"
    assert table.release(1) == ()
    assert [lease.online for lease in table.release(4)] == [False]


def test_the_limit_of_an_identity(table):
    assert [table.get("mallory", 1, limit=2) for _ in range(3)] == ["10.3.0.1", "10.3.0.2", ""]
    assert table.get("mallory", 2, limit=2) == "", "with another IKE SA neither"
    table.release(1)
    assert table.get("mallory", 3, limit=2) in ("10.3.0.1", "10.3.0.2")


def test_several_pools(table):
    table.set_pool(pool("q", "10.4.0.0/30"))
    table.set_pool(pool("six", "fd00::/126"))
    assert table.get("alice", 1, "::", "p", "q", "six") == "fd00::1"
    first = [table.get(f"c{n}", n, "0.0.0.0", "q", "p") for n in range(2, 5)]
    assert first == ["10.4.0.1", "10.4.0.2", "10.3.0.1"]
    table.release(2)
    assert table.get("c2", 9, "0.0.0.0", "p", "q") == "10.4.0.1", "its own in the second pool"
    assert table.get("x", 8, "::", "p") == ""
    assert table.get("x", 8, "::", "nowhere") == ""


def test_rekeying_moves_the_leases(table):
    table.get("alice", 1)
    table.move(1, 2)
    assert table.release(1) == ()
    assert len(table.release(2)) == 1
    table.move(5, 6)


def test_a_pool_that_changes(table):
    for number in range(1, 4):
        table.get(f"c{number}", number)
    table.release(2)
    table.set_pool(pool("p", "10.3.0.2-10.3.0.9"))
    assert table.shown() == [("10.3.0.3", "on"), ("10.3.0.2", "off")]
    assert table.get("c2", 9) == "10.3.0.2"
    assert table.get("new", 10) == "10.3.0.4"
    assert table.release(1) == (), "its address is no longer ours to give"


def test_a_pool_that_goes_and_comes_back(table):
    table.get("alice", 1)
    table.remove_pool("p")
    assert table.pools() == {}
    assert table.get("bob", 2) == ""
    table.remove_pool("p")
    table.set_pool(pool())
    assert table.get("bob", 2) == "10.3.0.2", "alice still has the first"
    table.release(1)
    assert table.get("alice", 3) == "10.3.0.1"


def test_overlapping_pools(table):
    assert table.overlapping(pool("q", "10.3.0.6-10.3.1.1")) == "p"
    assert table.overlapping(pool("q", "10.3.0.7-10.3.1.1")) == ""
    assert table.overlapping(pool("p", "10.3.0.6-10.3.1.1")) == ""


def test_restored_leases_are_offline(table):
    alice, bob = parse_identity("alice"), parse_identity("bob")
    before = [
        Lease("p", octets("10.3.0.4"), alice, online=True),
        Lease("p", octets("10.9.0.1"), alice, online=True),
        Lease("later", octets("10.5.0.1"), bob, online=False),
    ]
    table.restore(before)
    assert [lease.address for lease in table.leases()] == [octets("10.3.0.4"), octets("10.5.0.1")]
    table.set_pool(pool("later", "10.5.0.0/30"))
    assert table.get("bob", 2, "0.0.0.0", "later") == "10.5.0.1"
    assert table.get("alice", 1) == "10.3.0.4"
    table.restore(before)
    assert table.get("carol", 3) == "10.3.0.1", "what is in use is not restored"


def test_memory_is_bounded(table, monkeypatch):
    monkeypatch.setattr(leases, "MAX_OFFLINE", 3)
    table.set_pool(pool("p", "10.0.0.0/8"))
    for number in range(1, 11):
        table.get(f"c{number}", number)
        table.release(number)
    assert [address for address, _state in table.shown()] == ["10.0.0.8", "10.0.0.9", "10.0.0.10"]
