"""What a failure record says, where a bare error code would send the operator the wrong way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from ikeengine.model.commands import Initiate, Install, Rekey, Unreachable
from ikeengine.model.connection import AuthKind, Fragmentation, LocalAuth, RemoteAuth
from ikeengine.model.failure import FailureRecord, Side
from ikeengine.model.path import Path
from ikeengine.negotiate.identities import parse_identity
from ikeengine.negotiate.proposals import parse_esp, parse_ike
from ikeengine.negotiate.selectors import parse_selector
from ikeengine.outputs import Transmit
from ikeengine.registry import ExchangeType
from tests.engine.support.certs import cert_pair, demands_certificate, gateway, use
from tests.engine.support.pair import Host, Net
from tests.engine.support.site import LEFT, RIGHT, pattern, psk_pair


def test_a_peer_that_looks_for_another_identity_of_us() -> None:
    other = LocalAuth(AuthKind.PSK, parse_identity("other.example.com"))
    net, left, right = psk_pair(right={"local": (other,)})
    assert not net.initiate(left).ok
    (record,) = right.failures()
    assert "looking for right.example.com" in record.reason
    assert "right: remote left.example.com, local other.example.com" in record.reason
    assert "local.id" in record.advice


@pytest.mark.parametrize(
    ("command", "what"),
    [
        (Initiate(child="net", ike="nobody"), "no child nobody/net is configured"),
        (Initiate(child="none"), "no child none is configured"),
        (Initiate(ike="nobody"), "no connection nobody is configured"),
        (Install(child="none", ike="left"), "no child left/none is configured"),
    ],
)
def test_a_command_for_what_is_not_configured(command: Initiate | Install, what: str) -> None:
    net, left, _right = psk_pair()
    done = net.done(left, net.command(left, command))
    assert done is not None
    assert done.reason == f"{what}; known children: left/net"


Pair = tuple[Net, Host, Host]


def failed(pair: Pair) -> tuple[FailureRecord, FailureRecord]:
    """Initiate without success; the first records of both sides."""
    net, left, right = pair
    assert not net.initiate(left).ok
    net.run(200)
    return left.failures()[0], right.failures()[0]


def ike_proposals() -> Pair:
    return psk_pair(right={"proposals": (parse_ike("aes256gcm16-prfsha384-x25519"),)})


def esp_proposals() -> Pair:
    return psk_pair(right={"child_esp_proposals": (parse_esp("aes256gcm16"),)})


def selectors() -> Pair:
    return psk_pair(right={"child_local_ts": (parse_selector("10.9.0.0/16"),)})


def identity() -> Pair:
    return psk_pair(left={"local": (LocalAuth(AuthKind.PSK, parse_identity("stranger.example.com")),)})


def method() -> Pair:
    return psk_pair(right={"remote": (RemoteAuth(AuthKind.PUBKEY, pattern("left.example.com"), schemes=("ecdsa",)),)})


def certificate() -> Pair:
    net, left, right, anchor = cert_pair()
    use(net, right, remote=demands_certificate("left", certs=(gateway("left", anchor).der,)))
    return net, left, right


@pytest.mark.parametrize(
    ("make", "offered", "accepted", "nearest", "advice"),
    [
        (ike_proposals, "aes128gcm16-prfsha256-x25519", "aes256gcm16-prfsha384", "offered aes128gcm16", "proposals"),
        (esp_proposals, "aes128gcm16", "aes256gcm16", "encryption: offered aes128gcm16", "esp_proposals"),
        (
            selectors,
            "10.1.0.0/24 === 10.2.0.0/24",
            "net: 10.9.0.0/16 === 10.1.0.0/24",
            "net: remote_ts fits, local_ts does not: offered 10.2.0.0/24, here 10.9.0.0/16",
            "overlap",
        ),
        (identity, "stranger.example.com", "left.example.com by psk", "", "`remote.id` here must fit"),
        (method, "left.example.com", "left.example.com by pubkey (ecdsa)", "", "`local.auth` of the peer"),
        (certificate, "left.example.com", "left.example.com by pubkey", "", "remote.certs"),
    ],
)
def test_offered_and_accepted(make: Callable[[], Pair], offered: str, accepted: str, nearest: str, advice: str) -> None:
    """The side that decides knows both; the other side has at least what it offered itself."""
    theirs, ours = failed(make())
    assert (ours.side, theirs.side) == (Side.LOCAL, Side.PEER)
    assert offered in " ".join(ours.offered)
    assert accepted in " ".join(ours.accepted)
    assert nearest in ours.nearest
    assert advice in ours.advice
    assert theirs.offered
    assert theirs.advice


def test_our_proof_is_in_the_record() -> None:
    theirs, _ours = failed(certificate())
    assert theirs.offered == ("left.example.com by certificate O=Example, CN=left, signature ecdsa-sha256",)
    theirs, _ours = failed(identity())
    assert theirs.offered == ("stranger.example.com by pre-shared key",)


@pytest.mark.parametrize("who", [0, 1])
def test_pfs_shows_at_the_first_rekeying(who: int) -> None:
    """IKE_AUTH makes a Child SA without a key exchange, so that only CREATE_CHILD_SA can differ in it."""
    net, *hosts = psk_pair(right={"child_esp_proposals": (parse_esp("aes128gcm16-ecp256"),)})
    assert net.initiate(hosts[0]).ok
    net.settle()
    op = net.command(hosts[who], Rekey(child="net"))
    net.settle(5)
    done = net.done(hosts[who], op)
    assert done is not None
    assert not done.ok
    asked, decided = hosts[who].failures()[0], hosts[1 - who].failures()[0]
    for record in (asked, decided):
        assert "first rekeying" in record.advice
        assert "PFS" in record.advice
    assert "key exchange" in decided.nearest
    assert hosts[who].children(), "the old Child SA goes on"


# --- silence


def drop(what: Callable[[Transmit], bool]) -> Callable[[Transmit], Transmit | None]:
    return lambda datagram: None if what(datagram) else datagram


def is_auth(datagram: Transmit) -> bool:
    return datagram.data[18] == ExchangeType.IKE_AUTH


def nothing_passes(net: Net) -> None:
    net.rewrite = drop(lambda datagram: True)


def large_ones_are_lost(net: Net) -> None:
    net.rewrite = drop(lambda datagram: len(datagram.data) > 600)


def auth_is_lost(net: Net) -> None:
    net.rewrite = drop(is_auth)


NO_FRAGMENTS = {"fragmentation": Fragmentation.NO}


@pytest.mark.parametrize(
    ("options", "size", "network", "words", "advice"),
    [
        ({}, 1280, nothing_passes, "no answer to 6 datagrams of ", "UDP 500 passes every firewall"),
        (NO_FRAGMENTS, 576, large_ones_are_lost, "though IKE_SA_INIT was answered", "set `fragmentation: yes`"),
        (NO_FRAGMENTS | {"encap": True}, 576, large_ones_are_lost, ":4500", "or UDP 4500 is blocked"),
        ({"mobike": False}, 300, auth_is_lost, "6 times ", "try a smaller `engine.fragment_size`"),
        ({}, 1280, auth_is_lost, "though IKE_SA_INIT", "check that UDP 4500 passes every firewall"),
        ({"mobike": False}, 1280, auth_is_lost, "though IKE_SA_INIT", "the peer may have dropped the request"),
    ],
    ids=["blocked", "IP fragments", "IP fragments or port", "IKE fragments", "port 4500", "dropped"],
)
def test_silence(
    options: dict[str, object], size: int, network: Callable[[Net], None], words: str, advice: str
) -> None:
    """What was answered and what was not says where to look."""
    net, left, right, _anchor = cert_pair(**options)
    for host in (left, right):
        host.endpoint.set_settings(replace(host.endpoint._ctx.settings, fragment_size=size))
    network(net)
    done = net.initiate(left)
    assert not done.ok
    (record,) = left.failures()
    assert record.side is Side.NETWORK
    assert words in record.reason
    assert advice in record.advice
    assert f"from {LEFT}:" in record.reason
    assert f"to {RIGHT}:" in record.reason


@pytest.mark.parametrize(
    ("path", "told"),
    [
        (Path(LEFT, 500, RIGHT, 500), True),
        (Path("", 500, RIGHT, 500), True),
        (Path(LEFT, 500, RIGHT, 501), False),
        (Path(LEFT, 500, "192.0.2.77", 500), False),
    ],
)
def test_icmp_is_told_and_changes_nothing(path: Path, told: bool) -> None:
    """An error that anybody could have forged does not end the attempt, but stands in the record."""
    net, left, _right = psk_pair()
    nothing_passes(net)
    op = net.command(left, Initiate(child="net"))
    net.run(1)
    before = left.endpoint.status()
    net.command(left, Unreachable(path, "ICMP port unreachable from 192.0.2.2"))
    assert left.endpoint.status() == before
    net.run(200)
    done = net.done(left, op)
    assert done is not None
    assert ("ICMP port unreachable from 192.0.2.2" in done.reason) == told
    (record,) = left.failures()
    assert ("no IKE daemon" in record.advice) == told


def test_an_answer_makes_icmp_history() -> None:
    """What came back for one request says nothing about the next."""
    net, left, right = psk_pair()
    net.command(left, Initiate(child="net"))
    net.command(left, Unreachable(Path(LEFT, 500, RIGHT, 500), "ICMP host unreachable from 192.0.2.254"))
    net.settle()
    (sa,) = left.endpoint._ctx.table
    assert sa.unreachable == ""
    assert left.ikes()
    assert right.ikes()
