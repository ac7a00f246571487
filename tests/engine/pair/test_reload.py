"""Reloads while tunnels are up or coming: what did not change is not touched, what did is replaced without a gap."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ikeengine.model.commands import Initiate, Rekey, Terminate
from ikeengine.model.connection import Action, AuthKind, ChildConfig, ConnectionConfig
from ikeengine.model.sa import PolicyAction
from ikeengine.negotiate.proposals import parse_esp
from ikeengine.negotiate.selectors import format_selector, parse_selector
from ikeengine.outputs import DeletePolicies, InstallPolicies
from ikeengine.sa.children import renewal
from tests.engine.support.certs import by_certificate, cert_pair, demands_certificate, gateway, hold, root, trust, use
from tests.engine.support.pair import Host, Net, installed_pairs, traffic_flows
from tests.engine.support.site import psk_pair

WIDER = (parse_selector("10.1.0.0/16"),)


def config_of(host: Host) -> ConnectionConfig:
    ((_, config),) = host.endpoint.connections.items()
    return config


def change(net: Net, host: Host, children: dict[str, ChildConfig] | None = None, **changes: object) -> None:
    """Load the connection of a host again, with other options of the child `net` or with other children."""
    config = config_of(host)
    if children is None:
        children = {"net": replace(config.children["net"], **changes)}
        changes = {}
    host.endpoint.load_connection(replace(config, children=children, **changes), net.now)
    net.pump(host)


def up(**changes: object) -> tuple[Net, Host, Host]:
    net, left, right = psk_pair(**changes)
    assert net.initiate(left).ok
    net.settle()
    return net, left, right


def never_interrupted(net: Net, left: Host, right: Host) -> list[bool]:
    """What `net` sees at each step from now on: whether packets would arrive both ways."""
    seen: list[bool] = []
    net.watch = lambda: seen.append(traffic_flows(left, right))
    return seen


@pytest.mark.parametrize("start_action", [Action.NONE, Action.START, Action.TRAP], ids=lambda action: action.value)
def test_a_changed_child_is_replaced_before_it_is_deleted(start_action: Action) -> None:
    """Both sides are reconfigured, one after the other: strongSwan#2324 without a gap."""
    net, left, right = up(left={"child_start_action": start_action})
    ike, old = left.ikes()[0], left.children()[0].spi_in
    seen = never_interrupted(net, left, right)
    change(net, right, remote_ts=WIDER)
    change(net, left, local_ts=WIDER)
    net.settle()
    net.run(20)
    assert seen
    assert all(seen), "no packet would have been lost"
    ((mine, _theirs),) = installed_pairs(left, right)
    assert mine.spi_in != old
    assert [format_selector(ts) for ts in mine.local_ts] == ["10.1.0.0/16"]
    assert [found.spi_i for found in left.ikes()] == [ike.spi_i]
    assert len(left.sas) == len(right.sas) == 2


def test_the_old_child_stays_until_the_peer_takes_the_new_one() -> None:
    net, left, right = up()
    old = left.children()[0].spi_in
    seen = never_interrupted(net, left, right)
    change(net, left, esp_proposals=(parse_esp("aes256gcm16-x25519"),))
    net.settle()
    assert [child.spi_in for child in left.children()] == [old]
    assert left.failures()[-1].child == "net"
    change(net, right, esp_proposals=(parse_esp("aes256gcm16-x25519"),))
    net.run(renewal.OFFER_AGAIN + 20)
    ((mine, _theirs),) = installed_pairs(left, right)
    assert mine.spi_in != old
    assert mine.suite.encr.key_length == 256
    assert all(seen)
    assert len(left.sas) == 2


def test_what_the_peer_refuses_is_not_offered_after_the_child_is_gone() -> None:
    net, left, right = up()
    change(net, left, esp_proposals=(parse_esp("aes256gcm16-x25519"),))
    net.settle()
    net.command(left, Terminate(child="net"))
    net.settle()
    change(net, right, esp_proposals=(parse_esp("aes256gcm16-x25519"),))
    net.run(renewal.OFFER_AGAIN * 3)
    assert not left.children()


def test_what_is_not_negotiated_changes_nothing_on_the_wire() -> None:
    net, left, right = up()
    before = [child.spi_in for child in left.children()]
    sent = len(net.sent)
    change(net, left, close_action=Action.START, dpd_action=Action.RESTART, rekey_time=1000.0, inactivity=500.0)
    net.settle()
    assert [child.spi_in for child in left.children()] == before
    assert len(net.sent) == sent
    net.command(right, Terminate(child="net"))
    net.settle()
    assert len(left.children()) == 1, "the new close_action counts"


def test_children_come_and_go_and_the_others_stay() -> None:
    other = ("10.3.0.0/24", "10.4.0.0/24")
    net, left, right = up()
    children = config_of(left).children
    spi = left.children()[0].spi_in
    for host, (local, remote) in ((left, other), (right, other[::-1])):
        own = config_of(host).children["net"]
        more = replace(own, name="more", local_ts=(parse_selector(local),), remote_ts=(parse_selector(remote),))
        change(net, host, {"net": own, "more": replace(more, start_action=Action.START)})
    net.settle()
    assert {child.name for child in left.children()} == {"net", "more"}
    change(net, left, dict(children))
    net.settle()
    assert [(child.name, child.spi_in) for child in left.children()] == [("net", spi)]


def test_another_certificate_from_another_authority_counts_from_the_next_authentication_on() -> None:
    net, left, right, anchor = cert_pair()
    assert net.initiate(left).ok
    net.settle()
    before = left.ikes()[0].spi_i
    other = root("O=Example, CN=Other")
    seen = never_interrupted(net, left, right)
    for host, peer in ((left, "right"), (right, "left")):
        trust(host, other)
        use(net, host, remote=demands_certificate(peer, cacerts=(anchor.certificate.der, other.certificate.der)))
    for host, name in ((left, "left"), (right, "right")):
        new = gateway(name, other, "p384")
        hold(host, new, "p384")
        use(net, host, local=by_certificate(name, certs=(new.der,)))
    assert [found.spi_i for found in left.ikes()] == [before]
    for host, peer in ((left, "right"), (right, "left")):
        use(net, host, remote=demands_certificate(peer, cacerts=(other.certificate.der,)))
    net.command(left, Rekey(ike="left", reauth=True))
    net.settle()
    (found,) = left.ikes()
    assert found.spi_i != before
    assert all(seen)


@pytest.mark.parametrize("to_certificates", [True, False], ids=["to-certificates", "to-pre-shared-keys"])
def test_another_method_counts_from_the_next_authentication_on(*, to_certificates: bool) -> None:
    """Both sides change one after the other; whoever has changed first waits with the old IKE SA for the other."""
    net, left, right, _ = cert_pair()
    certificates = [(config_of(host).local[0], config_of(host).remote[0]) for host in (left, right)]
    keys = [tuple(replace(auth, auth=AuthKind.PSK) for auth in own) for own in certificates]
    old, new = (keys, certificates) if to_certificates else (certificates, keys)
    for host, methods in ((left, old[0]), (right, old[1])):
        use(net, host, *methods)
    assert net.initiate(left).ok
    before = left.ikes()[0].spi_i
    seen = never_interrupted(net, left, right)
    use(net, left, *new[0])
    net.command(left, Rekey(ike="left", reauth=True))
    net.settle()
    assert [found.spi_i for found in left.ikes()] == [before], "one side alone changes nothing"
    use(net, right, *new[1])
    op = net.command(left, Rekey(ike="left", reauth=True))
    net.settle()
    assert net.done(left, op).ok
    (found,) = left.ikes()
    assert found.spi_i != before
    assert bool(found.shared_key) is not to_certificates
    assert all(seen)


@pytest.mark.parametrize("steps", range(8))
def test_reload_while_connecting(steps: int) -> None:
    """strongSwan#2418: whenever the reload comes, the tunnel is up afterwards, and as it is configured now."""
    net, left, right = psk_pair(left={"child_start_action": Action.START})
    change(net, right, remote_ts=WIDER)
    for _ in range(steps):
        net.step()
    change(net, left, local_ts=WIDER)
    net.run(30)
    ((mine, _theirs),) = installed_pairs(left, right)
    assert [format_selector(ts) for ts in mine.local_ts] == ["10.1.0.0/16"]
    assert len(left.children()) == len(left.ikes()) == 1


@pytest.mark.parametrize("steps", range(8))
def test_restart_of_the_ike_sa_while_connecting(steps: int) -> None:
    """An operator waits for a tunnel, and the connection changes meanwhile: the new one answers him."""
    net, left, right = psk_pair()
    op = net.command(left, Initiate(child="net"))
    for _ in range(steps):
        net.step()
    left.endpoint.load_connection(replace(config_of(left), dpd_delay=30.0), net.now)
    net.pump(left)
    net.run(20)
    assert net.done(left, op).ok
    assert len(list(installed_pairs(left, right))) == 1
    assert len(left.ikes()) == 1


def test_a_restarted_ike_sa_brings_back_what_was_up() -> None:
    """strongSwan#2324: also what an operator has initiated."""
    net, left, right = up()
    spi = left.ikes()[0].spi_i
    left.endpoint.load_connection(replace(config_of(left), dpd_delay=30.0), net.now)
    net.pump(left)
    net.settle()
    assert left.ikes()[0].spi_i != spi
    assert len(left.ikes()) == len(right.ikes()) == 1
    assert len(list(installed_pairs(left, right))) == 1


def test_the_same_again_does_nothing() -> None:
    net, left, right = up(left={"child_start_action": Action.TRAP_START})
    log, sent = len(left.log), len(net.sent)
    left.endpoint.load_connection(config_of(left), net.now)
    net.pump(left)
    assert (len(left.log), len(net.sent)) == (log, sent)
    assert traffic_flows(left, right)


def test_a_changed_trap_is_in_force_before_the_old_one_goes() -> None:
    net, left, _right = psk_pair(left={"child_start_action": Action.TRAP})
    (old,) = left.policies
    begin = len(left.log)
    change(net, left, remote_ts=(parse_selector("10.2.0.0/16"),))
    written = [type(output) for output in left.log[begin:] if isinstance(output, InstallPolicies | DeletePolicies)]
    assert written == [InstallPolicies, DeletePolicies]
    (fresh,) = left.policies.values()
    assert fresh.owner != old
    assert [format_selector(ts) for ts in fresh.remote_ts] == ["10.2.0.0/16"]


def test_a_trap_is_taken_back_when_it_is_no_longer_configured() -> None:
    net, left, _right = psk_pair(left={"child_start_action": Action.TRAP})
    change(net, left, start_action=Action.NONE)
    assert not left.policies
    change(net, left, start_action=Action.TRAP)
    assert [policies.action for policies in left.policies.values()] == [PolicyAction.TRAP]


def test_both_sides_reload_at_once() -> None:
    net, left, right = up(left={"child_start_action": Action.START})
    seen = never_interrupted(net, left, right)
    change(net, left, local_ts=WIDER)
    change(net, right, remote_ts=WIDER)
    net.run(30)
    assert all(seen)
    pairs = list(installed_pairs(left, right))
    assert len(pairs) == 1
    assert {format_selector(ts) for mine, _ in pairs for ts in mine.local_ts} == {"10.1.0.0/16"}
