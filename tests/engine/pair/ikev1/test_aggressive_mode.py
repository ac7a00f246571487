"""Aggressive Mode between two endpoints on a virtual clock (RFC 2409 sections 5.1 and 5.4)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ikeengine.model.commands import Initiate, Terminate
from ikeengine.model.credentials import SharedKey
from ikeengine.model.secret import Secret
from ikeengine.outputs import LogLine, Transmit
from ikeengine.registry import ExchangeType
from tests.engine.support.certs import cert_pair, demands_certificate, root, trust
from tests.engine.support.ikev1 import ikev1_pair, v1
from tests.engine.support.pair import Host, Net, traffic_flows
from tests.engine.support.site import LEFT, PSK, RIGHT, pattern

FLAG = "i_dont_care_about_security_and_use_aggressive_mode_psk"


def psk(net: Net | None = None, **options: object) -> tuple[Net, Host, Host]:
    net, left, right = ikev1_pair(net, aggressive=True, **options)
    allow(right)
    return net, left, right


def allow(host: Host, yes: bool = True) -> None:
    host.endpoint.set_settings(replace(host.endpoint._ctx.settings, **{FLAG: yes}))


def certified(net: Net | None = None, **options: object) -> tuple[Net, Host, Host]:
    net, left, right, _root = cert_pair(net=net)
    for host in (left, right):
        for config in list(host.endpoint.connections.values()):
            host.endpoint.load_connection(v1(config, aggressive=True, **options), net.now)
        net.pump(host)
    return net, left, right


def phase_1(net: Net) -> list[bytes]:
    return [sent.data for _, sent in net.sent if sent.data[18] == ExchangeType.AGGRESSIVE]


@pytest.mark.parametrize("make", [psk, certified])
def test_three_messages(make) -> None:
    net, left, right = make()
    done = net.initiate(left)
    assert done.ok, done.reason
    net.settle()
    assert traffic_flows(left, right)
    assert [bool(data[19] & 1) for data in phase_1(net)] == [False, False, True]
    assert len(left.ikes()) == len(right.ikes()) == 1


def test_the_operator_reads_why_it_is_weak() -> None:
    net, left, right = psk()
    net.initiate(left)
    assert any("guessed offline" in line.text for line in right.events(LogLine))


@pytest.mark.parametrize("why", ["flag", "connection", "identity"])
def test_silence(why: str) -> None:
    """Nobody gets a hash who is not meant to."""
    net, left, right = psk()
    if why == "flag":
        allow(right, False)
    else:
        ((_, config),) = right.endpoint.connections.items()
        changes = {"aggressive": False} if why == "connection" else {"remote": (demands_certificate("nobody"),)}
        right.endpoint.load_connection(replace(config, **changes), net.now)
        net.pump(right)
    net.initiate(left)
    assert all(sent.path.local != RIGHT for _, sent in net.sent)
    assert not right.endpoint.status()


def test_main_mode_is_not_answered_by_an_aggressive_connection() -> None:
    net, left, _right = psk()
    ((_, config),) = left.endpoint.connections.items()
    left.endpoint.load_connection(replace(config, aggressive=False), net.now)
    net.pump(left)
    assert not net.initiate(left).ok


def test_wrong_key() -> None:
    net, left, right = psk()
    right.endpoint.credentials.add_shared(SharedKey("psk", Secret(b"another one")))
    done = net.initiate(left)
    assert not done.ok
    assert "pre-shared keys" in done.record.advice
    net.run(60)
    assert not right.ikes()


def test_wrong_authority() -> None:
    net, left, right = certified()
    right.endpoint.credentials.remove_authority("O=Example, CN=Root")
    trust(right, root("O=Stranger, CN=Root"))
    net.initiate(left)
    net.run(10)
    assert right.failures()[0].alert.value == "cert-no-issuer"
    assert not right.ikes()
    assert not left.ikes()


@pytest.mark.parametrize("make", [psk, certified])
def test_the_third_message_is_lost(make) -> None:
    """The initiator goes on with Quick Mode; the responder asks for the message by repeating its own."""
    net, left, right = make()
    lost = []

    def lose(datagram: Transmit) -> Transmit | None:
        third = datagram.data[18] == ExchangeType.AGGRESSIVE and datagram.data[19] & 1
        if third and not lost:
            lost.append(datagram)
            return None
        return datagram

    net.rewrite = lose
    done = net.initiate(left)
    assert lost
    assert done.ok, done.reason
    net.settle()
    assert traffic_flows(left, right)


@pytest.mark.parametrize("make", [psk, certified])
@pytest.mark.parametrize("message", [2, 3])
def test_a_changed_proof_does_not_end_phase_1(make, message: int) -> None:
    net, left, right = make()
    count = 0

    def attack(datagram: Transmit) -> Transmit:
        nonlocal count
        count += 1
        if count == message:
            for at in (60, len(datagram.data) // 2, len(datagram.data) - 20):
                forged = bytearray(datagram.data)
                forged[at] ^= 0x55
                net.transmit(replace(datagram, data=bytes(forged)))
        return datagram

    net.rewrite = attack
    done = net.initiate(left)
    assert done.ok, done.reason
    net.settle()
    assert traffic_flows(left, right)


@pytest.mark.parametrize("make", [psk, certified])
@pytest.mark.parametrize("seed", range(10))
def test_loss_and_reordering(make, seed: int) -> None:
    net, left, right = make(Net(seed, loss=0.15, duplicate=0.2, jitter=2.0))
    done = net.initiate(left)
    net.run(120)
    assert done.ok, done.reason
    assert traffic_flows(left, right)


def test_nat() -> None:
    """Everything after the second message takes port 4500."""
    net, left, right = psk(encap=True)
    assert net.initiate(left).ok
    net.settle()
    assert [path.local_port for _, sent in net.sent if (path := sent.path).local == LEFT][:2] == [500, 4500]
    assert left.ikes()[0].path.local_port == right.ikes()[0].path.local_port == 4500
    assert traffic_flows(left, right)


@pytest.mark.parametrize("make", [psk, certified])
def test_a_false_address_is_not_flooded(make) -> None:
    """The first message again and again, as if it came from a victim."""
    net, left, _right = make()
    first: list[Transmit] = []

    def hold(datagram: Transmit) -> Transmit | None:
        first.append(datagram)
        return None

    net.rewrite = hold
    net.command(left, Initiate(child="net"))
    net.rewrite = lambda datagram: datagram if datagram.path.local == LEFT else None
    for _ in range(50):
        net.transmit(first[0])
    net.settle()
    octets = sum(len(sent.data) for _, sent in net.sent if sent.path.local == RIGHT)
    assert 0 < octets < 50 * len(first[0].data)


# --- several pre-shared keys for the same two identities


OTHER = SharedKey("other", Secret(b"the key of tomorrow, which nobody knows yet"))


def test_an_initiator_tries_all_of_its_keys() -> None:
    """The second message tells which one is right."""
    net, left, right = psk()
    left.endpoint.credentials.remove_shared("psk")
    for key in (OTHER, SharedKey("psk", PSK)):
        left.endpoint.credentials.add_shared(key)
    assert net.initiate(left).ok
    net.settle()
    assert traffic_flows(left, right)


def test_a_responder_can_only_try_the_first_and_says_so() -> None:
    """The second message depends on the key, and comes before the peer has proven anything."""
    net, left, right = psk()
    right.endpoint.credentials.add_shared(OTHER)
    assert net.initiate(left).ok
    net.settle()
    left.endpoint.credentials.remove_shared("psk")
    left.endpoint.credentials.add_shared(OTHER)
    net.command(left, Terminate(ike="left"))
    net.settle()
    assert not net.initiate(left).ok
    net.run(60)
    record = right.failures()[-1]
    assert "2 pre-shared keys fit these identities equally well (psk, other)" in record.advice
    assert "can try only the first one, psk" in record.advice
    assert [line for line in right.events(LogLine) if "can try only the first one" in line.text]


def test_the_key_with_the_better_owners_is_not_one_of_several() -> None:
    net, left, right = psk()
    owners = (pattern("left.example.com"), pattern("right.example.com"))
    right.endpoint.credentials.add_shared(replace(OTHER, owners=owners))
    left.endpoint.credentials.add_shared(OTHER)
    assert net.initiate(left).ok
    assert not [line for line in right.events(LogLine) if "can try only the first one" in line.text]
