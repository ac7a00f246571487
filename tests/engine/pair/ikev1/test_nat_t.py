"""IKEv1 through a NAT between two endpoints (RFC 3947), and with the drafts that older peers know."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from ikeengine.ikev1.keys.encryption import MessageCipher
from ikeengine.ikev1.messages import vendor_ids
from ikeengine.ikev1.messages.nat_t import ANNOUNCED
from ikeengine.ikev1.wire.message import parse, read_chain
from ikeengine.ikev1.wire.numbers import PayloadType
from ikeengine.ikev1.wire.payloads import NatD, NatOa
from ikeengine.model.commands import NatMappingChanged, Rekey
from ikeengine.model.connection import Mode
from ikeengine.model.path import packed
from ikeengine.model.sa import Direction
from ikeengine.negotiate.proposals import parse_ah
from ikeengine.negotiate.selectors import parse_selector
from ikeengine.outputs import Transmit
from tests.engine.support.ikev1 import ikev1_pair
from tests.engine.support.pair import Host, Net, traffic_flows
from tests.engine.support.site import LEFT, RIGHT

PUBLIC = "203.0.113.1"
"""What the NAT router makes of the left host's address."""


class Nat:
    """A router in front of the left host that changes address and ports."""

    def __init__(self) -> None:
        self.first = 20000
        self.ports: dict[int, int] = {}

    def forget(self) -> None:
        """Give everything other ports from now on."""
        self.first += 1000
        self.ports.clear()

    def __call__(self, datagram: Transmit) -> Transmit | None:
        path = datagram.path
        if path.local == LEFT:
            port = self.ports.setdefault(path.local_port, self.first + path.local_port)
            return replace(datagram, path=path._replace(local=PUBLIC, local_port=port))
        inner = next((inner for inner, outer in self.ports.items() if outer == path.remote_port), None)
        if path.remote != PUBLIC or inner is None:
            return None
        return replace(datagram, path=path._replace(remote=LEFT, remote_port=inner))


def hidden_pair(**options: object) -> tuple[Net, Host, Host, Nat]:
    """The left host is behind a NAT, and the right one takes it from anywhere."""
    net, left, right = ikev1_pair(**options)
    (config,) = right.endpoint.connections.values()
    right.endpoint.load_connection(replace(config, remote_addrs=("%any",)), net.now)
    net.pump(right)
    nat = Nat()
    net.rewrite = nat
    return net, left, right, nat


def up(**options: object) -> tuple[Net, Host, Host, Nat]:
    """The same, connected."""
    net, left, right, nat = hidden_pair(**options)
    done = net.initiate(left)
    assert done.ok, done.reason
    net.settle()
    return net, left, right, nat


def test_nat_is_found_and_everything_moves_to_port_4500() -> None:
    net, left, right, nat = up()
    (ours,), (theirs,) = left.ikes(), right.ikes()
    assert (ours.nat_local, ours.nat_remote) == (True, False)
    assert (theirs.nat_local, theirs.nat_remote) == (False, True)
    assert (ours.path.local_port, ours.path.remote_port) == (4500, 4500)
    assert (theirs.path.remote, theirs.path.remote_port) == (PUBLIC, nat.ports[4500])
    assert [d.path.remote_port for _when, d in net.sent if d.path.local == LEFT][:3] == [500, 500, 4500]
    encaps = [(sa.encap.source_port, sa.encap.destination_port) for sa in right.outbound if sa.encap]
    assert encaps == [(4500, nat.ports[4500])]
    assert traffic_flows(left, right)


def test_only_the_hidden_side_sends_keepalives() -> None:
    net, _left, _right, _nat = up()
    net.run(100)
    keepalives = [d for _when, d in net.sent if d.keepalive]
    assert len(keepalives) >= 4
    assert {(d.path.local, d.path.remote_port, d.data) for d in keepalives} == {(LEFT, 4500, b"\xff")}


def test_without_a_nat_nothing_moves() -> None:
    net, left, _right = ikev1_pair()
    assert net.initiate(left).ok
    (ike,) = left.ikes()
    assert (ike.nat_local, ike.nat_remote, ike.path.remote_port) == (False, False, 500)
    assert not any(sa.encap for sa in left.sas.values())


def test_encap_makes_the_peer_believe_in_a_nat() -> None:
    net, left, right = ikev1_pair(encap=True)
    assert net.initiate(left).ok
    net.settle()
    for host in (left, right):
        (ike,) = host.ikes()
        assert ike.path.remote_port == 4500
        assert all(sa.encap for sa in host.sas.values())
    assert traffic_flows(left, right)


def test_the_mapping_changes_and_a_message_comes() -> None:
    net, left, right, nat = up()
    nat.forget()
    op = net.command(left, Rekey(child="net"))
    net.settle()
    assert net.done(left, op).ok
    (theirs,) = right.ikes()
    assert theirs.path.remote_port == nat.ports[4500] >= 21000
    assert {sa.encap.destination_port for sa in right.outbound if sa.encap} == {nat.ports[4500]}
    assert traffic_flows(left, right)


def test_the_mapping_changes_and_esp_comes() -> None:
    net, _left, right, _nat = up()
    inbound = next(sa.id for sa in right.sas.values() if sa.direction is Direction.IN)
    net.command(right, NatMappingChanged(inbound, PUBLIC, 33333))
    assert right.ikes()[0].path.remote_port == 33333


def test_nobody_else_moves_an_sa() -> None:
    """Octets that are not authentic, and authentic ones that come once more, move nothing."""
    net, left, right, _nat = up()
    before = right.ikes()[0].path
    net.command(left, Rekey(child="net"))
    net.settle()
    for _when, datagram in list(net.sent):
        spoofed = before._replace(remote="198.51.100.77", remote_port=7)
        right.endpoint.receive_datagram(datagram.data, spoofed, net.now)
        right.endpoint.receive_datagram(datagram.data[:-1] + b"\0", spoofed, net.now)
        net.pump(right)
    assert right.ikes()[0].path == before


@pytest.mark.parametrize("rekeyed_by", ["left", "right"])
def test_phase_1_anew(rekeyed_by: str) -> None:
    """Also from the public side, which knows the way only from the old ISAKMP SA."""
    net, left, right, _nat = up()
    host = left if rekeyed_by == "left" else right
    before = right.ikes()[0].spi_i
    net.watch = lambda: traffic_flows(left, right) or pytest.fail("a packet would be lost")
    op = net.command(host, Rekey(ike=rekeyed_by))
    net.run(15)
    assert net.done(host, op).ok
    for peer in (left, right):
        (ike,) = peer.endpoint.status()
        assert ike.spi_i != before
        assert len(ike.children) == 1


# --- the drafts before RFC 3947 -------------------------------------------------------------------------------

DRAFTS = {
    "02": vendor_ids.NAT_T_DRAFT_02,
    "02 with newline": vendor_ids.NAT_T_DRAFT_02_NEWLINE,
    "03": vendor_ids.NAT_T_DRAFT_03,
}


def only(draft: vendor_ids.VendorIdentity, then: Callable[[Transmit], Transmit | None]) -> Callable:
    """Let the first message announce one draft and nothing else."""

    def rewrite(datagram: Transmit) -> Transmit | None:
        data = datagram.data
        if data[8:16] == bytes(8):
            rfc, other = (variant.vendor_id.octets for variant in ANNOUNCED)
            data = data.replace(other, bytes(16)).replace(rfc, draft.octets)
        return then(replace(datagram, data=data))

    return rewrite


@pytest.mark.parametrize("draft", DRAFTS.values(), ids=DRAFTS)
def test_drafts(draft: vendor_ids.VendorIdentity) -> None:
    net, left, right, nat = hidden_pair()
    net.rewrite = only(draft, nat)
    done = net.initiate(left)
    assert done.ok, done.reason
    net.settle()
    ke_messages = [parse(d.data) for _when, d in net.sent if d.data[16] == PayloadType.KE]
    kinds = {payload.type for message in ke_messages for payload in message.chain.all(NatD)}
    assert kinds == {PayloadType.NAT_D_DRAFT}
    assert left.ikes()[0].nat_local
    assert right.ikes()[0].nat_remote
    assert right.ikes()[0].path.remote_port == nat.ports[4500]
    assert all(sa.encap for host in (left, right) for sa in host.sas.values())
    assert traffic_flows(left, right)


def test_a_peer_without_nat_traversal() -> None:
    """Nothing is sent that it does not know; without a NAT that works."""
    net, left, right = ikev1_pair()
    net.rewrite = only(replace(DRAFTS["02"], octets=bytes(16)), lambda d: d)
    assert net.initiate(left).ok
    net.settle()
    assert traffic_flows(left, right)
    assert left.ikes()[0].path.remote_port == 500


# --- transport mode -------------------------------------------------------------------------------------------


def quick_mode_chains(net: Net, monkeypatch: pytest.MonkeyPatch) -> list:
    """The decrypted payloads of all messages from now on, as one list that grows."""
    chains: list = []
    decrypt = MessageCipher.decrypt

    def spy(cipher: MessageCipher, iv: bytes, octets: bytes) -> tuple[bytes, bytes]:
        result = decrypt(cipher, iv, octets)
        chains.append(result[0])
        return result

    monkeypatch.setattr(MessageCipher, "decrypt", spy)
    return chains


def transport_pair(**options: object) -> tuple[Net, Host, Host, Nat]:
    net, left, right, nat = hidden_pair(**options)
    for host in (left, right):
        (config,) = host.endpoint.connections.values()
        dynamic = (parse_selector("dynamic"),)
        child = replace(config.children["net"], mode=Mode.TRANSPORT, local_ts=dynamic, remote_ts=dynamic)
        host.endpoint.load_connection(replace(config, children={"net": child}), net.now)
        net.pump(host)
    return net, left, right, nat


@pytest.mark.parametrize("draft", [None, DRAFTS["02 with newline"]], ids=["RFC 3947", "draft"])
def test_transport_mode_with_original_addresses(
    monkeypatch: pytest.MonkeyPatch, draft: vendor_ids.VendorIdentity | None
) -> None:
    """RFC 3947 section 5.2: both addresses as each side knows them; the selectors become those of each side."""
    net, left, right, nat = transport_pair()
    if draft is not None:
        net.rewrite = only(draft, nat)
    chains = quick_mode_chains(net, monkeypatch)
    done = net.initiate(left)
    assert done.ok, done.reason
    net.settle()
    (ours,), (theirs,) = left.children(), right.children()
    assert (ours.mode, theirs.mode) == (Mode.TRANSPORT, Mode.TRANSPORT)
    assert (ours.local_ts, ours.remote_ts) == ((parse_selector(LEFT),), (parse_selector(RIGHT),))
    assert (theirs.local_ts, theirs.remote_ts) == ((parse_selector(RIGHT),), (parse_selector(PUBLIC),))
    kind = PayloadType.NAT_OA if draft is None else PayloadType.NAT_OA_DRAFT
    messages = [read_chain(PayloadType.HASH, octets, protected=True) for octets in chains if octets[:1] == b"\1"]
    sent = [chain.all(NatOa) for chain in messages if chain.all(NatOa)]
    assert sent == [
        [NatOa(packed(LEFT), kind), NatOa(packed(RIGHT), kind)],
        [NatOa(packed(PUBLIC), kind), NatOa(packed(RIGHT), kind)],
    ]
    assert traffic_flows(left, right)


def test_transport_mode_is_rekeyed_through_a_nat() -> None:
    net, left, right, _nat = transport_pair()
    assert net.initiate(left).ok
    net.settle()
    for host in (left, right):
        op = net.command(host, Rekey(child="net"))
        net.run(15)
        assert net.done(host, op).ok
        assert len(left.children()) == len(right.children()) == 1
        assert traffic_flows(left, right)


def test_ah_cannot_pass_a_nat() -> None:
    net, left, _right, _nat = hidden_pair(esp_proposals=(parse_ah("sha256"),))
    done = net.initiate(left)
    assert not done.ok
    assert "NAT" in done.reason
