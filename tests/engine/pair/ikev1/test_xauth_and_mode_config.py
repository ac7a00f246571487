"""XAUTH and mode config between two endpoints on a virtual clock, with all that a network and a peer can do wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ikeengine.errors import LocalMisuse
from ikeengine.ikev1.exchanges import phase1_end, transaction, xauth
from ikeengine.ikev1.messages import transport
from ikeengine.ikev1.sa import IkeSa
from ikeengine.ikev1.states import IkeState
from ikeengine.ikev1.wire.attributes import Attribute
from ikeengine.ikev1.wire.numbers import XauthAttribute
from ikeengine.ikev1.wire.payloads import Attributes
from ikeengine.model.commands import Initiate, Rekey, Terminate
from ikeengine.model.connection import AuthKind, LocalAuth, RemoteAuth, Unique, XauthBackend
from ikeengine.model.credentials import SharedKey
from ikeengine.model.pool import PoolAttribute
from ikeengine.model.secret import Secret
from ikeengine.negotiate.identities import parse_identity
from ikeengine.outputs import AskXauth, InstallNameServers, LeaseChanged
from ikeengine.registry import CpAttribute, CpType, ExchangeType
from ikeengine.sa.context import Context
from tests.engine.support.pair import Host, Net, installed_pairs, traffic_flows
from tests.engine.support.roadwarrior1 import (
    CAROL,
    PASSWORD,
    gateway_config,
    login,
    road_warrior,
    set_pool,
    warrior_config,
)
from tests.engine.support.site import PSK

ANY4 = "0.0.0.0"
PLAIN_GATEWAY = {"remote": (RemoteAuth(AuthKind.PSK),)}


def with_address(
    net: Net | None = None, *, password: bool = True, pull: bool = True, **settings: Any
) -> tuple[Net, Host, Host]:
    """A client that gets an address, after its password or without."""
    warrior = warrior_config(vips=(ANY4,), pull=pull)
    gateway = gateway_config(pools=("rw",), pull=pull)
    if not password:
        warrior = replace(warrior, local=warrior.local[:1])
        gateway = replace(gateway, **PLAIN_GATEWAY)
    net, client, server = road_warrior(net, warrior=warrior, gateway=gateway, **settings)
    set_pool(server)
    return net, client, server


def sa_of(host: Host) -> IkeSa:
    """The only ISAKMP SA of a host."""
    (sa,) = list(context(host).table)
    assert isinstance(sa, IkeSa)
    return sa


def context(host: Host) -> Context:
    """What an endpoint works with."""
    return host.endpoint._ctx


# --- what should be


def test_a_user_is_let_in_and_known_by_name() -> None:
    net, client, server = road_warrior()
    done = net.initiate(client)
    assert done.ok, done.reason
    net.settle()
    assert len(list(installed_pairs(client, server))) == 1
    (ike,) = server.ikes()
    assert ike.remote_xauth_id is not None
    assert ike.remote_xauth_id.data == CAROL.encode()
    assert client.ikes()[0].remote_xauth_id is None


@pytest.mark.parametrize("password", [True, False])
@pytest.mark.parametrize("pull", [True, False])
def test_a_client_gets_an_address(password: bool, pull: bool) -> None:
    net, client, server = with_address(password=password, pull=pull)
    done = net.initiate(client)
    assert done.ok, done.reason
    net.settle()
    assert client.ikes()[0].local_vips == server.ikes()[0].remote_vips == ("10.3.0.1",)
    assert client.addresses == ["10.3.0.1"]
    (event,) = server.events(LeaseChanged)
    assert event.lease.identity.data == (CAROL.encode() if password else b"left.example.com")
    assert traffic_flows(client, server)
    net.command(client, Terminate(ike="warrior"))
    net.settle()
    assert not client.addresses
    assert [event.lease.online for event in server.events(LeaseChanged)] == [True, False]


@pytest.mark.parametrize("pull", [True, False])
@pytest.mark.parametrize("seed", range(10))
def test_loss_and_reordering(seed: int, pull: bool) -> None:
    net, client, server = with_address(Net(seed, loss=0.15, duplicate=0.2, jitter=2.0), pull=pull, half_open_timeout=90)
    done = net.initiate(client)
    net.run(120)
    assert done.ok, done.reason
    assert traffic_flows(client, server)
    assert client.addresses == ["10.3.0.1"]


def test_the_address_survives_another_phase_1() -> None:
    net, client, server = with_address()
    net.initiate(client)
    net.settle()
    before = client.ikes()[0].spi_i
    net.watch = lambda: traffic_flows(client, server) or pytest.fail("a packet would be lost")
    op = net.command(client, Rekey(ike="warrior"))
    net.run(15)
    assert net.done(client, op).ok
    (mine,), (theirs,) = client.endpoint.status(), server.endpoint.status()
    assert mine.spi_i != before
    assert mine.local_vips == theirs.remote_vips == ("10.3.0.1",)
    assert client.addresses == ["10.3.0.1"]


def test_another_address_brings_other_child_sas() -> None:
    """The gateway has got another pool meanwhile."""
    net, client, server = with_address()
    net.initiate(client)
    net.settle()
    set_pool(server, base=bytes((10, 4, 0, 0)), first=bytes((10, 4, 0, 1)), last=bytes((10, 4, 0, 9)))
    op = net.command(client, Rekey(ike="warrior"))
    net.run(15)
    assert net.done(client, op).ok
    (mine,), (theirs,) = client.endpoint.status(), server.endpoint.status()
    assert mine.local_vips == theirs.remote_vips == ("10.4.0.1",)
    assert client.addresses == ["10.4.0.1"]
    assert len(client.children()) == len(server.children()) == 1
    assert traffic_flows(client, server)


def test_the_gateway_cannot_log_in_for_its_users() -> None:
    net, client, server = with_address()
    net.initiate(client)
    net.settle()
    before = client.ikes()[0].spi_i
    op = net.command(server, Rekey(ike="gateway"))
    net.run(15)
    assert not net.done(server, op).ok
    assert [ike.spi_i for ike in client.ikes()] == [before]


def test_attributes_that_are_cut_short_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The REPLY ends in the middle of the password (S02)."""
    write = Attributes.write

    def cut(self: Attributes) -> bytes:
        return write(self)[:-3] if self.kind == CpType.CFG_REPLY else write(self)

    monkeypatch.setattr(Attributes, "write", cut)
    net, client, server = with_address(half_open_timeout=10)
    net.initiate(client)
    net.run(60)
    assert not server.ikes()
    assert not server.events(LeaseChanged)
    assert not server.endpoint.status()


def test_two_users_behind_one_key_do_not_replace_each_other() -> None:
    net, client, server = with_address()
    server.endpoint.load_connection(gateway_config(pools=("rw",), unique=Unique.REPLACE), net.now)
    login(server, user="dave")
    net.initiate(client)
    other = net.add("192.0.2.9")
    config = warrior_config(vips=(ANY4,))
    local = (config.local[0], LocalAuth(AuthKind.XAUTH, xauth_id=parse_identity("dave")))
    other.endpoint.credentials.add_shared(SharedKey("psk", PSK))
    login(other, user="dave")
    other.endpoint.load_connection(replace(config, local=local), net.now)
    assert net.initiate(other).ok
    net.run(15)
    assert sorted(ike.remote_vips for ike in server.ikes()) == [("10.3.0.1",), ("10.3.0.2",)]


def test_the_same_user_again_replaces_the_first() -> None:
    net, client, server = with_address()
    server.endpoint.load_connection(gateway_config(pools=("rw",), unique=Unique.REPLACE), net.now)
    net.initiate(client)
    net.settle()
    context(client).table.remove(sa_of(client))  # it has crashed
    client.addresses.clear()
    assert net.initiate(client).ok
    net.run(15)
    assert [ike.remote_vips for ike in server.ikes()] == [("10.3.0.1",)]


def test_name_servers_come_with_the_address() -> None:
    net, client, server = with_address()
    set_pool(server, attributes=(PoolAttribute(CpAttribute.INTERNAL_IP4_DNS, bytes((10, 1, 0, 53))),))
    net.initiate(client)
    (event,) = client.events(InstallNameServers)
    assert event.servers == ("10.1.0.53",)


# --- the program decides


@pytest.mark.parametrize("backend", [XauthBackend.PAM, XauthBackend.RADIUS])
@pytest.mark.parametrize("verdict", [True, False, LocalMisuse("the server does not answer")])
def test_a_program_decides(backend: XauthBackend, verdict: object) -> None:
    net, client, server = road_warrior(gateway=gateway_config(backend=backend))
    op = net.command(client, Initiate(child="net"))
    net.run(1)
    (ask,) = server.events(AskXauth)
    assert (ask.user, ask.password, ask.backend, ask.peer) == (CAROL.encode(), PASSWORD, backend, client.address)
    assert not server.ikes()
    server.endpoint.complete(ask.op, verdict, net.now)
    net.pump(server)
    net.run(5)
    done = net.done(client, op)
    assert done is not None
    assert done.ok is (verdict is True)
    if isinstance(verdict, LocalMisuse):
        assert "does not answer" in server.failures()[0].reason


# --- what should not be


def assert_refused(net: Net, client: Host, server: Host) -> None:
    """Nobody is let in, nothing is left, and both know why."""
    assert not net.initiate(client).ok
    net.run(200)
    assert not client.endpoint.status()
    assert not server.endpoint.status()
    assert not client.addresses
    for host in (client, server):
        assert host.failures(), host.address
        assert PASSWORD.reveal().decode() not in str(host.failures())


def test_a_wrong_password() -> None:
    net, client, server = with_address()
    login(client, Secret(b"a guess"))
    assert_refused(net, client, server)
    (mine,), (theirs,) = client.failures(), server.failures()
    assert CAROL in mine.reason
    assert CAROL in theirs.reason
    assert "a guess" not in f"{mine} {theirs}"
    assert not server.events(LeaseChanged)


def test_a_client_without_password() -> None:
    net, client, server = road_warrior()
    client.endpoint.credentials.passwords.remove(f"xauth-{CAROL}")
    assert_refused(net, client, server)
    assert "no password for this user" in client.failures()[0].reason


def test_guessing_is_limited() -> None:
    net, client, server = road_warrior()
    login(client, Secret(b"a guess"))
    for _ in range(6):
        net.initiate(client)
        net.run(0.5)
    login(client)
    assert not net.initiate(client).ok, "even the right password is too early now"
    assert "too many attempts" in server.failures()[-1].reason
    net.run(30)
    assert net.initiate(client).ok


def test_the_gateway_lets_nobody_in_without_a_password() -> None:
    """A client that does not answer, and goes on with Quick Mode as if it had."""
    net, client, server = road_warrior()
    context(client)  # the client believes that it is in
    done = _skip_xauth(net, client)
    assert not done
    assert not server.ikes()
    assert not server.sas
    net.run(60)
    assert not server.endpoint.status()
    assert server.failures()


def _skip_xauth(net: Net, client: Host) -> bool:
    op = net.command(client, Initiate(child="net"))
    while not any(ike.state is IkeState.AUTHENTICATED for ike in context(client).table):
        net.step()
    sa = sa_of(client)
    assert sa.admission is not None
    sa.admission.needs_password = False
    phase1_end.admit(context(client), sa)
    context(client).touch(sa)
    client.endpoint.handle_timer(net.now)
    net.pump(client)
    net.rewrite = lambda datagram: (
        None if datagram.path.local == client.address and datagram.data[18] == ExchangeType.TRANSACTION else datagram
    )
    net.run(20)
    done = net.done(client, op)
    return done is not None and done.ok


Speak = Callable[[Net, Host, Host], None]


def say(net: Net, host: Host, kind: CpType, attributes: tuple[Attribute, ...], identifier: int = 0) -> None:
    """Begin a transaction that nobody has asked for."""
    sa = sa_of(host)
    conversation = transport.begin(context(host), sa, ExchangeType.TRANSACTION)
    transport.send_hashed(context(host), sa, conversation, [Attributes(kind, identifier, attributes)], repeat=False)
    net.pump(host)


def reach_authenticated(net: Net, client: Host, server: Host) -> None:
    """Both sides are where XAUTH begins, and the gateway's question is under way."""
    net.rewrite = lambda datagram: None if datagram.data[18] == ExchangeType.TRANSACTION else datagram
    net.command(client, Initiate(child="net"))
    net.run(1)
    assert sa_of(client).state is sa_of(server).state is IkeState.AUTHENTICATED
    net.rewrite = lambda datagram: datagram


NAME = Attribute(XauthAttribute.XAUTH_USER_NAME, CAROL.encode())
RIGHT = Attribute(XauthAttribute.XAUTH_USER_PASSWORD, PASSWORD.reveal())


@pytest.mark.parametrize(
    ("kind", "attributes"),
    [
        (CpType.CFG_REPLY, (NAME, RIGHT)),
        (CpType.CFG_ACK, xauth.acknowledgement()),
        (CpType.CFG_SET, xauth.status(True)),
        (CpType.CFG_REQUEST, (Attribute(CpAttribute.INTERNAL_IP4_ADDRESS, b""),)),
        (CpType(9), ()),
    ],
    ids=["reply", "ack", "status", "address", "unknown"],
)
def test_a_client_out_of_turn_is_not_let_in(kind: CpType, attributes: tuple[Attribute, ...]) -> None:
    net, client, server = with_address(half_open_timeout=10)
    reach_authenticated(net, client, server)
    net.rewrite = lambda datagram: None if datagram.path.local == server.address else datagram
    say(net, client, kind, attributes)
    net.run(1)
    assert sa_of(server).state is IkeState.AUTHENTICATED
    assert not server.events(LeaseChanged)
    net.run(60)
    assert not server.endpoint.status()


@pytest.mark.parametrize(
    ("kind", "attributes"),
    [
        (CpType.CFG_SET, xauth.status(True)),
        (CpType.CFG_SET, (Attribute(CpAttribute.INTERNAL_IP4_ADDRESS, bytes((10, 3, 0, 1))),)),
        (CpType.CFG_REPLY, ()),
    ],
    ids=["status", "address", "reply"],
)
def test_a_gateway_out_of_turn_is_not_believed(kind: CpType, attributes: tuple[Attribute, ...]) -> None:
    net, client, server = with_address(half_open_timeout=10)
    reach_authenticated(net, client, server)
    say(net, server, kind, attributes)
    net.rewrite = lambda datagram: None if datagram.path.local == client.address else datagram
    net.run(1)
    assert sa_of(client).state is IkeState.AUTHENTICATED
    assert not client.addresses


def answer_with(
    monkeypatch: pytest.MonkeyPatch, change: Callable[[Attributes, tuple[Attribute, ...]], Attributes]
) -> None:
    """Let every answer of XAUTH be something else."""

    def answer(ctx: Context, sa: IkeSa, message: Any, attributes: tuple[Attribute, ...]) -> None:
        payload = change(message.require(Attributes), tuple(attributes))
        transport.send_hashed(ctx, sa, message.conversation, [payload], repeat=False)
        transport.finish(sa, message.conversation)

    monkeypatch.setattr(transaction, "answer", answer)


def test_another_identifier(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_with(monkeypatch, lambda asked, attributes: Attributes(CpType.CFG_REPLY, asked.identifier + 1, attributes))
    net, client, server = road_warrior()
    assert_refused(net, client, server)
    assert "broke the protocol" in server.failures()[0].reason


def test_another_kind_of_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_with(monkeypatch, lambda asked, attributes: Attributes(CpType.CFG_ACK, asked.identifier, attributes))
    net, client, server = road_warrior()
    assert_refused(net, client, server)


def test_endless_rounds_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that never gives a password: the gateway does not ask a thousand times."""
    answer_with(monkeypatch, lambda asked, attributes: Attributes(CpType.CFG_REPLY, asked.identifier, (NAME,)))
    net, client, server = road_warrior()
    asked = len(net.sent)
    assert_refused(net, client, server)
    assert len(net.sent) - asked < 60
    assert "4 replies" in server.failures()[0].reason


def test_a_gateway_that_never_stops_asking_is_left() -> None:
    net, client, server = road_warrior(half_open_timeout=10)
    reach_authenticated(net, client, server)
    for _ in range(1000):
        sa = next(iter(context(server).table), None)
        if sa is None or not context(client).table:
            break
        say(net, server, CpType.CFG_REQUEST, xauth.request())
        net.run(0.001)
    net.run(60)
    assert not client.ikes()
    assert any("more than 4 times" in record.reason for record in client.failures())


@pytest.mark.parametrize("pull", [True, False])
def test_no_address_is_left(pull: bool) -> None:
    net, client, server = with_address(pull=pull)
    set_pool(server, first=bytes((10, 3, 0, 2)), last=bytes((10, 3, 0, 1)))
    assert_refused(net, client, server)
    assert server.failures()[0].alert.value == "vip-failure"


def test_a_client_that_does_not_want_an_address() -> None:
    """Pools are for clients that ask: it is not let in, as with IKEv2."""
    warrior = warrior_config()
    net, client, server = road_warrior(warrior=warrior, gateway=gateway_config(pools=("rw",)))
    set_pool(server)
    net.initiate(client)
    net.run(60)
    assert not server.ikes()
    assert server.failures()


def test_nobody_learns_from_a_lost_status() -> None:
    """The SET with the refusal is lost for good: the record still names the user."""
    net, client, server = road_warrior()
    login(client, Secret(b"a guess"))
    net.command(client, Initiate(child="net"))
    while not any(isinstance(sa, IkeSa) and sa.admission and sa.admission.refusal for sa in context(server).table):
        net.step()
    net.rewrite = lambda datagram: None
    net.run(200)
    assert [record.phase for record in server.failures()] == ["XAUTH"]


@pytest.mark.parametrize("who", ["client", "gateway"])
def test_terminated_between_phase_1_and_the_end_of_xauth(who: str) -> None:
    """Both sides are authenticated, so the peer is told and need not wait for the end of its patience."""
    net, client, server = road_warrior()
    reach_authenticated(net, client, server)
    host = client if who == "client" else server
    op = net.command(host, Terminate(ike_id=sa_of(host).unique_id))
    done = net.done(host, op)
    assert done is not None
    assert done.ok
    net.settle(1)
    assert not client.endpoint.status()
    assert not server.endpoint.status()
