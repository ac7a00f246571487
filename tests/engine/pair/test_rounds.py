"""Several authentication rounds (RFC 4739), message by message, and every way to get stuck between them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from ikeengine.ikev2.states import IkeState
from ikeengine.model.commands import Initiate
from ikeengine.model.connection import AuthKind, LocalAuth, RemoteAuth
from ikeengine.model.credentials import SharedKey
from ikeengine.model.failure import Alert, Side
from ikeengine.model.secret import Secret
from ikeengine.negotiate.identities import parse_identity
from ikeengine.outputs import Transmit
from ikeengine.registry import ExchangeType, NotifyType
from ikeengine.wire.payloads import Auth, IdInitiator, IdResponder, Notify, Payload, Sa
from tests.engine.pair.test_soak import leftovers
from tests.engine.support.certs import by_certificate, cert_pair, demands_certificate
from tests.engine.support.forge import deliver, sealed
from tests.engine.support.pair import Host, Net, traffic_flows
from tests.engine.support.site import pattern

GUEST = LocalAuth(AuthKind.PSK, parse_identity("guest"))
ANY_GUEST = RemoteAuth(AuthKind.PSK, pattern("guest"))


def change(net: Net, host: Host, **changes: object) -> None:
    ((_unused, config),) = host.endpoint.connections.items()
    host.endpoint.load_connection(replace(config, **changes), net.now)
    net.pump(host)


def rounds_pair(left: int = 2, right: int = 2, **options: object) -> tuple[Net, Host, Host]:
    """Each side proves its certificate first and then, in so many rounds, that it is a guest."""
    net, *hosts, _unused = cert_pair(**options)
    names = ("left", "right")
    for host, name, peer, own, other in ((0, *names, left, right), (1, *names[::-1], right, left)):
        local = (by_certificate(name), *[GUEST] * (own - 1))
        remote = (demands_certificate(peer), *[ANY_GUEST] * (other - 1))
        change(net, hosts[host], local=local, remote=remote)
    return net, hosts[0], hosts[1]


@pytest.fixture
def chains(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The payloads of every protected message, in order; a Notify by its type."""
    from ikeengine.ikev2.messages import transport

    seen: list[list[str]] = []
    seal = transport._seal

    def spy(ctx: object, sa: object, exchange: object, flags: int, message_id: int, payloads: list[Payload]) -> object:
        names = (p.kind.name if isinstance(p, Notify) else type(p).__name__ for p in payloads)
        seen.append([name for name in names if name in INTERESTING])
        return seal(ctx, sa, exchange, flags, message_id, payloads)

    monkeypatch.setattr(transport, "_seal", spy)
    return seen


INTERESTING = ("IdInitiator", "IdResponder", "Auth", "Sa", "MULTIPLE_AUTH_SUPPORTED", "ANOTHER_AUTH_FOLLOWS")


def test_messages_of_two_rounds_each(chains: list[list[str]]) -> None:
    """Section 2.4 of the RFC, with a second round of the responder too."""
    net, left, right = rounds_pair()
    done = net.initiate(left)
    assert done.ok, done.reason
    assert traffic_flows(left, right)
    more = "ANOTHER_AUTH_FOLLOWS"
    assert chains[:4] == [
        ["IdInitiator", "IdResponder", "Auth", "MULTIPLE_AUTH_SUPPORTED", more, "Sa"],
        ["IdResponder", "Auth", more],
        ["IdInitiator", "IdResponder", "Auth"],
        ["IdResponder", "Auth", "Sa"],
    ]
    (ike,) = left.ikes()
    assert ike.local_id == ike.remote_id == parse_identity("guest")


@pytest.mark.parametrize(("left", "right"), [(2, 1), (1, 2), (3, 1), (1, 3), (3, 2)])
def test_different_numbers_of_rounds(chains: list[list[str]], left: int, right: int) -> None:
    """Who is through sends an empty request, or only the Child SA in the last response."""
    net, *hosts = rounds_pair(left, right)
    done = net.initiate(hosts[0])
    assert done.ok, done.reason
    assert traffic_flows(*hosts)
    auths = [chain.count("Auth") for chain in chains]
    assert (sum(auths[0::2]), sum(auths[1::2])) == (left, right)
    assert [chain.count("Sa") for chain in chains[: 2 * max(left, right)]].count(1) == 2
    assert "Sa" in chains[2 * max(left, right) - 1]


@pytest.mark.parametrize("lost", range(8))
def test_any_message_may_be_lost(lost: int) -> None:
    net, left, right = rounds_pair()
    count = iter(range(100))
    net.rewrite = lambda datagram: None if next(count) == lost else datagram
    assert net.initiate(left).ok
    net.settle()
    assert traffic_flows(left, right)
    assert len(left.ikes()) == len(right.ikes()) == 1


def wrong_second_secret(net: Net, left: Host, right: Host) -> None:
    right.endpoint.credentials.add_shared(
        SharedKey("guest", Secret(b"not the secret of the guest"), (pattern("guest"),))
    )


def one_round_too_few(net: Net, left: Host, right: Host) -> None:
    change(net, left, local=(by_certificate("left"),))


def one_round_too_many(net: Net, left: Host, right: Host) -> None:
    change(net, right, remote=(demands_certificate("left"),))


def another_second_identity(net: Net, left: Host, right: Host) -> None:
    change(net, left, local=(by_certificate("left"), replace(GUEST, id=parse_identity("stranger"))))


def rounds_in_another_order(net: Net, left: Host, right: Host) -> None:
    change(net, left, local=(GUEST, by_certificate("left")))


@pytest.mark.parametrize(
    ("flaw", "words"),
    [
        (wrong_second_secret, "guest is not authenticated: psk"),
        (one_round_too_few, "ends after 1 of 2 rounds; the 2 `remote` sections of right demand them all"),
        (one_round_too_many, "more often than the 1 `remote` section of right"),
        (another_second_identity, "`remote.id` wants guest"),
        (rounds_in_another_order, "no connection is for guest"),
    ],
)
def test_responder_refuses_a_round(flaw: Callable[[Net, Host, Host], None], words: str) -> None:
    net, left, right = rounds_pair()
    flaw(net, left, right)
    done = net.initiate(left)
    assert not done.ok
    net.run(200)
    record = right.failures()[0]
    assert words in record.reason
    assert (record.alert, record.side) == (Alert.PEER_AUTH_FAILED, Side.LOCAL)
    for host in (left, right):
        assert not host.endpoint.status()
        assert not host.sas
        assert not leftovers(host)


def test_initiator_refuses_the_second_round() -> None:
    """The responder is in the middle of its rounds when it hears that nobody believes it."""
    net, left, right = rounds_pair(left=3)
    change(net, left, remote=(demands_certificate("right"), replace(ANY_GUEST, id=pattern("host"))))
    done = net.initiate(left)
    assert not done.ok
    assert done.record is not None
    assert "`remote.id` wants host" in done.record.reason
    net.run(200)
    assert not right.endpoint.status()
    assert not leftovers(right)


@pytest.mark.parametrize("who", ["left", "right"])
def test_peer_without_the_extension(who: str) -> None:
    """`multiple_authentication: no` on the other side: said at once and in words."""
    net, left, right = rounds_pair()
    host, other = (left, right) if who == "left" else (right, left)
    other.endpoint.set_settings(replace(other.endpoint._ctx.settings, multiple_authentication=False))
    if who == "left":
        change(net, right, local=(by_certificate("right"),))
        change(net, left, remote=(demands_certificate("right"),))
    else:
        change(net, left, local=(by_certificate("left"),))
        change(net, right, remote=(demands_certificate("left"),))
    assert not net.initiate(left).ok
    net.run(200)
    record = host.failures()[0]
    assert "no MULTIPLE_AUTH_SUPPORTED" in record.reason
    assert record.alert is Alert.LOCAL_AUTH_FAILED


def half_way() -> tuple[Net, Host, Host]:
    """Right has answered the first of two rounds and waits for the second."""
    net, left, right = rounds_pair()
    count = iter(range(1000))
    net.rewrite = lambda datagram: datagram if next(count) < 4 else None
    op = net.command(left, Initiate(child="net"))
    net.run(1)
    assert net.done(left, op) is None
    (sa,) = right.endpoint._ctx.table
    assert sa.state is IkeState.AUTH_CONTINUED
    return net, left, right


@pytest.mark.parametrize(
    "payloads",
    [
        [],
        [Auth(2, b"x" * 32)],
        [IdInitiator(parse_identity("guest"))],
        [Sa(())],
        [IdResponder(parse_identity("guest")), Auth(2, b"x" * 32)],
    ],
    ids=["nothing", "no identity", "no proof", "a Child SA", "the wrong side"],
)
def test_incomplete_second_round(payloads: list[Payload]) -> None:
    """An authenticated first round opens no door: without ID and AUTH there is no tunnel."""
    net, left, right = half_way()
    outputs = deliver(net, right, sealed(left, ExchangeType.IKE_AUTH, 2, payloads))
    assert [type(output) for output in outputs].count(Transmit) == 1
    assert not right.ikes()
    assert not right.sas
    assert not right.children()
    net.run(100)
    assert not right.endpoint.status()


def test_half_way_is_nowhere() -> None:
    """CREATE_CHILD_SA between the rounds is not for us, and the half-open timeout ends the wait."""
    net, left, right = half_way()
    deliver(net, right, sealed(left, ExchangeType.CREATE_CHILD_SA, 2, [Sa(())]))
    assert not right.sas
    net.run(60)
    assert not right.endpoint.status()
    assert not leftovers(right)


def test_initiator_changes_its_mind_half_way() -> None:
    """AUTHENTICATION_FAILED in an INFORMATIONAL request between the rounds ends the IKE SA with a record."""
    net, left, right = half_way()
    deliver(net, right, sealed(left, ExchangeType.INFORMATIONAL, 2, [Notify(NotifyType.AUTHENTICATION_FAILED)]))
    assert not right.endpoint.status()
    (record,) = right.failures()
    assert record.phase == "INFORMATIONAL request"


def test_connection_is_chosen_by_what_the_initiator_does() -> None:
    """Two connections for the same peer: the one with as many rounds, and the one with the same method, is meant."""
    net, left, right = rounds_pair(left=1, right=1)
    ((_unused, config),) = right.endpoint.connections.items()
    for name, remote in (
        ("a-psk", (RemoteAuth(AuthKind.PSK, pattern("left.example.com")),)),
        ("b-twice", (demands_certificate("left"), ANY_GUEST)),
    ):
        right.endpoint.load_connection(replace(config, name=name, remote=remote), net.now)
    right.endpoint.load_connection(replace(config, name="z-once"), net.now)
    right.endpoint.unload_connection("right", net.now)
    for local, expected in (
        ((by_certificate("left"),), "z-once"),
        ((by_certificate("left"), GUEST), "b-twice"),
        ((LocalAuth(AuthKind.PSK, parse_identity("left.example.com")),), "a-psk"),
    ):
        change(net, left, local=local)
        net.settle()
        done = net.initiate(left)
        assert done.ok, done.reason
        assert [ike.name for ike in right.ikes()] == [expected]
