"""Main Mode with certificates between two endpoints, on a virtual clock: what is accepted, and what is not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ikeengine.model.connection import SendCert
from ikeengine.outputs import AskSignature, Transmit
from tests.engine.pki import Issued
from tests.engine.support.certs import by_certificate, cert_pair, demands_certificate, gateway, hold, root, trust, use
from tests.engine.support.ikev1 import v1
from tests.engine.support.pair import Host, Net, traffic_flows


def pair(
    net: Net | None = None, kinds: tuple[str, str] = ("p256", "p256"), **options: object
) -> tuple[Net, Host, Host]:
    net, left, right, _root = cert_pair(kinds, net=net)
    for host in (left, right):
        for config in list(host.endpoint.connections.values()):
            host.endpoint.load_connection(v1(config, **options), net.now)
        net.pump(host)
    return net, left, right


@pytest.mark.parametrize("kind", ["p256", "p384", "p521", "rsa2048"])
def test_every_kind_of_key(kind: str) -> None:
    net, left, right = pair(kinds=(kind, kind))
    done = net.initiate(left)
    assert done.ok, done.reason
    net.settle()
    assert traffic_flows(left, right)
    schemes = {ask.scheme for host in (left, right) for ask in host.events(AskSignature)}
    assert len(schemes) == 1


def test_both_sides_need_the_same_kind_of_key() -> None:
    """One number says what both do: the initiator offers only what its key can, and the responder has another one."""
    net, left, right = pair(kinds=("p256", "rsa2048"))
    done = net.initiate(left)
    assert not done.ok
    assert "our proposals" in done.reason
    record = right.failures()[0]
    assert "ECDSA" in record.nearest or "RSA" in record.nearest, record
    assert not right.endpoint.status()


@pytest.mark.parametrize("policy", list(SendCert))
def test_certificates_that_nobody_asks_for(policy: SendCert) -> None:
    net, left, right = pair(send_certreq=False, send_cert=policy)
    done = net.initiate(left)
    assert done.ok is (policy is SendCert.ALWAYS)
    if policy is not SendCert.ALWAYS:
        assert right.failures()[0].reason.endswith("none is loaded for left.example.com")


def test_nobody_trusts_the_authority() -> None:
    net, left, right = pair()
    stranger = root("O=Stranger, CN=Root")
    right.endpoint.credentials.remove_authority("O=Example, CN=Root")
    trust(right, stranger)
    done = net.initiate(left)
    assert not done.ok
    assert right.failures()[0].alert.value == "cert-no-issuer"
    assert left.failures()[0].side.value == "peer"
    assert not left.endpoint.status()
    assert not right.endpoint.status()


def test_the_responder_is_somebody_else() -> None:
    net, left, right = pair()
    ((_, config),) = left.endpoint.connections.items()
    wanted = demands_certificate("nobody")
    left.endpoint.load_connection(replace(config, remote=(wanted,)), net.now)
    net.pump(left)
    done = net.initiate(left)
    assert not done.ok
    assert "nobody.example.com" in done.reason
    net.settle()
    assert not right.endpoint.status()


def test_the_authority_of_the_connection_decides() -> None:
    net, left, right = pair()
    other = root("O=Other, CN=Root")
    trust(right, other)
    use(net, right, remote=demands_certificate("left", cacerts=(other.der,)))
    assert not net.initiate(left).ok
    assert right.failures()[0].alert.value == "cert-no-issuer"


def test_of_two_connections_the_one_with_the_right_authority_is_taken() -> None:
    net, left, right = pair()
    other = root("O=Other, CN=Root")
    ((name, config),) = right.endpoint.connections.items()
    strict = replace(config, name="another", remote=(demands_certificate("left", cacerts=(other.der,)),))
    right.endpoint.load_connection(strict, net.now)
    right.endpoint.load_connection(config, net.now)
    net.pump(right)
    assert net.initiate(left).ok
    net.settle()
    assert [ike.name for ike in right.ikes()] == [name]


def test_without_a_key_the_operator_learns_it() -> None:
    net, left, _right = pair()
    use(net, left, local=by_certificate("somebody"))
    done = net.initiate(left)
    assert not done.ok
    assert "no certificate with a private key" in done.reason


@pytest.mark.parametrize("message", [5, 6])
def test_a_changed_proof_does_not_end_phase_1(message: int) -> None:
    """Somebody on the way changes octets of the certificate in a copy that arrives first."""
    net, left, right = pair()
    count = 0

    def attack(datagram: Transmit) -> Transmit:
        nonlocal count
        count += 1
        if count == message:
            for at in (120, 300, len(datagram.data) - 20):
                forged = bytearray(datagram.data)
                forged[at] ^= 0x55
                net.transmit(replace(datagram, data=bytes(forged)))
        return datagram

    net.rewrite = attack
    done = net.initiate(left)
    assert done.ok, done.reason
    net.settle()
    assert traffic_flows(left, right)


def test_nobody_makes_us_check_signatures_without_end() -> None:
    net, left, right = pair()
    right.endpoint.credentials.remove_authority("O=Example, CN=Root")
    trust(right, root("O=Stranger, CN=Root"))
    count = 0

    def repeat(datagram: Transmit) -> Transmit:
        nonlocal count
        count += 1
        if count == 5:
            for at in range(40):
                forged = bytearray(datagram.data)
                forged[-1 - at] ^= 1
                net.transmit(replace(datagram, data=bytes(forged)))
        return datagram

    net.rewrite = repeat
    assert not net.initiate(left).ok
    assert len(right.failures()) == 1


@pytest.mark.parametrize("seed", range(10))
def test_loss_and_reordering(seed: int) -> None:
    net, left, right = pair(Net(seed, loss=0.15, duplicate=0.2, jitter=2.0))
    done = net.initiate(left)
    net.run(120)
    assert done.ok, done.reason
    assert traffic_flows(left, right)


def second(anchor: Issued, host: Host, kind: str) -> None:
    hold(host, gateway("left", anchor, kind), kind)


def test_the_certificate_fits_the_method() -> None:
    """With keys of two kinds the initiator offers both methods, and signs with the one that is chosen."""
    net, left, right, anchor = cert_pair(("p256", "rsa2048"))
    second(anchor, left, "rsa2048")
    for host in (left, right):
        for config in list(host.endpoint.connections.values()):
            host.endpoint.load_connection(v1(config), net.now)
        net.pump(host)
    assert net.initiate(left).ok
    assert [ask.scheme for ask in left.events(AskSignature)] == ["ikev1-rsa"]
