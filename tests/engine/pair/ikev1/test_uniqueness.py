"""One ISAKMP SA per peer: with IKEv1 a second one from the same address takes the place of the first."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ikeengine.model.commands import Initiate, Rekey, Terminate
from ikeengine.model.connection import Unique
from ikeengine.model.credentials import SharedKey
from ikeengine.model.failure import Alert
from ikeengine.model.secret import Secret
from tests.engine.pair.ikev1.test_shared import _with_ikev1  # noqa: F401
from tests.engine.pair.test_keep_up import OUTAGE, assert_one, gaps, kept
from tests.engine.pair.test_uniqueness import ids, pair, twin
from tests.engine.support.pair import Host, Net, installed_pairs, traffic_flows
from tests.engine.support.roadwarrior1 import CAROL, gateway_config, login, road_warrior, warrior_config
from tests.engine.support.site import PSK, psk_pair


@pytest.mark.parametrize("unique", list(Unique))
def test_a_second_one_from_the_same_address_replaces_the_first(unique: Unique) -> None:
    """Whatever `unique` says: IKEv1 has no other way to rekey. The Child SAs stay."""
    net, first, right = pair(unique)
    assert net.initiate(first).ok
    (old,) = ids(right)
    net.watch = lambda: traffic_flows(first, right) or pytest.fail("a packet would be lost")
    net.run(60)
    assert net.initiate(first).ok
    net.run(100)
    assert len(right.ikes()) == len(first.ikes()) == 1
    assert old not in ids(right)
    assert len(list(installed_pairs(first, right))) == len(first.children()) == len(right.children())


@pytest.mark.parametrize("unique", [Unique.NO, Unique.NEVER])
def test_no_and_never_allow_duplicates_from_other_addresses(unique: Unique) -> None:
    net, first, right = pair(unique)
    assert net.initiate(first).ok
    net.run(60)
    for number in (11, 12):
        assert net.initiate(twin(net, f"192.0.2.{number}", unique=Unique.NEVER)).ok
        net.run(60)
    assert len(right.ikes()) == 3


def test_keep_refuses_the_new_one_from_another_address() -> None:
    """strongSwan takes one from the same address for a reauthentication, and so do we."""
    net, first, right = pair(Unique.KEEP)
    assert net.initiate(first).ok
    (old,) = ids(right)
    assert not net.initiate(twin(net, unique=Unique.NEVER)).ok
    net.run(60)
    assert ids(right) == [old]
    assert {record.alert for record in right.failures()} == {Alert.UNIQUE_KEEP}
    assert traffic_flows(first, right)


def test_keep_ends_surplus_ones_from_other_addresses() -> None:
    """Of duplicates from the time before `keep`, the oldest stays."""
    net, first, right = pair(Unique.NO)
    assert net.initiate(first).ok
    (oldest,) = ids(right)
    assert net.initiate(twin(net, unique=Unique.NEVER)).ok
    ctx = right.endpoint._ctx
    config = replace(ctx.connections["right"], unique=Unique.KEEP)
    ctx.connections["right"] = config
    for sa in ctx.table:
        sa.connection = config
    ctx.candidates.clear()
    assert not net.initiate(twin(net, "192.0.2.12", "third", unique=Unique.NEVER)).ok
    net.run(60)
    assert ids(right) == [oldest]


# --- users of XAUTH -----------------------------------------------------------------------------------------------


def second_place(net: Net, unique: Unique = Unique.NEVER) -> Host:
    """Carol again, somewhere else."""
    host = net.add("192.0.2.11", seed="second place")
    host.endpoint.credentials.add_shared(SharedKey("psk", PSK))
    login(host)
    host.endpoint.load_connection(warrior_config(unique=unique), net.now)
    net.pump(host)
    return host


@pytest.mark.parametrize(("unique", "survivors"), [("never", 2), ("no", 2), ("keep", 1), ("replace", 1)])
def test_a_user_logs_in_twice(unique: str, survivors: int) -> None:
    """`unique` counts users, not the hosts of a group."""
    net, client, server = road_warrior(gateway=gateway_config(unique=Unique(unique)))
    assert net.initiate(client).ok
    (old,) = ids(server)
    other = second_place(net)
    assert net.initiate(other).ok is (unique != "keep")
    net.run(60)
    assert len(server.ikes()) == survivors
    assert (old in ids(server)) is (unique != "replace")
    if unique == "keep":
        (record,) = server.failures()
        assert (record.alert, record.offered) == (Alert.UNIQUE_KEEP, (CAROL,))
        assert "refuses user 'carol'" in other.failures()[0].reason


def test_a_user_who_has_lost_everything_is_let_in_again() -> None:
    """INITIAL_CONTACT is stronger than `keep`."""
    net, client, server = road_warrior(gateway=gateway_config(unique=Unique.KEEP))
    assert net.initiate(client).ok
    assert net.initiate(second_place(net, Unique.NO)).ok
    net.run(20)
    assert len(server.ikes()) == 1


# --- both sides at the same time ------------------------------------------------------------------------------


@pytest.mark.parametrize("by", [0, 1])
def test_two_that_have_crossed_become_one_when_they_are_replaced(by: int) -> None:
    """Each keeps its Child SAs until then, because peers end them with their ISAKMP SA."""
    net, left, right = psk_pair()
    for host in (left, right):
        net.command(host, Initiate(child="net"))
    net.settle()
    assert len(left.ikes()) == len(right.ikes()) == 2
    net.watch = lambda: traffic_flows(left, right) or pytest.fail("a packet would be lost")
    host = (left, right)[by]
    net.command(host, Rekey(ike=host.ikes()[0].name))
    net.run(300)
    assert len(left.ikes()) == len(right.ikes()) == 1
    assert len(list(installed_pairs(left, right))) == len(left.children()) == len(right.children()) == 2


def test_a_wrong_secret_is_noticed_by_silence() -> None:
    """The responder cannot read what is encrypted with another secret, so it does not answer (RFC 2409 section 5.4)."""
    net, left, right = kept()
    right.endpoint.credentials.add_shared(SharedKey("psk", Secret(b"another secret")))
    net.run(OUTAGE)
    times = [record.at for record in left.failures()]
    assert len(times) > 15
    assert all(5 < gap < 300 for gap in gaps(times))
    right.endpoint.credentials.add_shared(SharedKey("psk", PSK))
    net.run(300)
    assert_one(left, right)


@pytest.mark.parametrize("wait", [0.0, 0.03, 0.1, 1.0, 20.0])
def test_the_same_child_from_both_sides(wait: float) -> None:
    """However far apart the two begin: in the end one is left, and no packet is lost on the way."""
    net, left, right = pair()
    assert net.initiate(left).ok
    net.command(left, Terminate(child="net"))
    net.settle()
    net.command(left, Initiate(child="net"))
    net.run(wait)
    net.command(right, Initiate(child="net"))
    net.settle()
    net.watch = lambda: traffic_flows(left, right) or pytest.fail("a packet would be lost")
    net.run(120)
    assert len(list(installed_pairs(left, right))) == len(left.children()) == len(right.children()) == 1
