"""AH around ESP in one Child SA, an SA bundle (RFC 2401 section 4.3, RFC 2408 section 4.2)."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import replace

import pytest

from ikeengine.ikev1.exchanges.quick_responder import QuickAnswer
from ikeengine.ikev1.wire.numbers import ProtocolId
from ikeengine.ikev1.wire.payloads import Delete
from ikeengine.model.commands import Initiate, Rekey, SaExpired, Terminate
from ikeengine.model.connection import ChildConfig, Mode
from ikeengine.model.failure import Alert, Side
from ikeengine.negotiate.proposals import parse_ah, parse_esp
from ikeengine.outputs import ChildRekeyed, Transmit
from ikeengine.registry import Protocol
from ikeengine.sa.children.data import ChildSa
from tests.engine.support.forge import deliver
from tests.engine.support.forge_v1 import informational, open_for, the_sa
from tests.engine.support.ikev1 import ikev1_pair
from tests.engine.support.pair import Host, Net, installed_pairs, traffic_flows

ESP = (parse_esp("aes128-sha256"),)
AH = (parse_ah("sha384-sha256"),)
PLAIN: dict[str, object] = {"esp_proposals": ESP, "ah_proposals": ()}
BUNDLE: dict[str, object] = {"esp_proposals": ESP, "ah_proposals": AH}


def configure(net: Net, host: Host, **changes: object) -> None:
    """Change the options of the child `net`."""
    ((_name, config),) = host.endpoint.connections.items()
    child: ChildConfig = replace(config.children["net"], **changes)
    host.endpoint.load_connection(replace(config, children={"net": child}), net.now)
    net.pump(host)


def pair(net: Net | None = None, **changes: object) -> tuple[Net, Host, Host]:
    """Two gateways that want AH around ESP."""
    net, left, right = ikev1_pair(net)
    for host in (left, right):
        configure(net, host, **BUNDLE | changes)
    return net, left, right


def up(net: Net | None = None, **changes: object) -> tuple[Net, Host, Host]:
    net, left, right = pair(net, **changes)
    assert net.initiate(left).ok
    net.settle()
    return net, left, right


def is_one_bundle(left: Host, right: Host) -> bool:
    """Whether both sides have one bundle and nothing else, with the same SPIs and keys."""
    if not len(left.sas) == len(right.sas) == 2 or not traffic_flows(left, right):
        return False
    return all(_twin(sa, right) == sa for sa in left.sas.values())


def _twin(sa, host: Host):
    """The SA of the other end as it looks from this one."""
    other = host.sas[sa.id]
    own = ("direction", "limits", "reqid", "local_ts", "remote_ts")
    return replace(other, **{name: getattr(sa, name) for name in own})


@pytest.mark.parametrize("mode", [Mode.TUNNEL, Mode.TRANSPORT])
def test_two_protocols_in_one_child_sa(mode: Mode) -> None:
    _net, left, right = up(mode=mode)
    assert is_one_bundle(left, right)
    for sa in left.sas.values():
        assert (sa.protocol, sa.mode) == (Protocol.ESP, mode)
        around = sa.outermost
        assert (around.protocol, around.mode) == (Protocol.AH, Mode.TRANSPORT)
        keys = (sa.encr_key, sa.integ_key, around.integ_key)
        assert [len(key) for key in keys] == [16, 32, 48]
        assert len({key.reveal()[:16] for key in keys}) == 3
    (policies,) = left.policies.values()
    assert (policies.protocol, policies.ah) == (Protocol.ESP, True)


def test_each_protocol_has_keymat_of_its_own() -> None:
    """KEYMAT = prf(SKEYID_d, protocol | SPI | Ni_b | Nr_b) | ..., by hand (RFC 2409 section 5.5)."""
    net, left, right = pair(ah_proposals=(parse_ah("sha384"),))
    assert net.initiate(left).ok
    sa = the_sa(right)
    seed = next(one.exchange.seed for one in sa.conversations if isinstance(one.exchange, QuickAnswer))
    secret = sa.keyring.keys.skeyid_d.reveal()

    def keymat(protocol: int, spi: int) -> bytes:
        octets = bytes([protocol]) + spi.to_bytes(4, "big") + seed.ni_b + seed.nr_b
        first = hmac.digest(secret, octets, "sha256")
        return first + hmac.digest(secret, first + octets, "sha256")

    for found in left.sas.values():
        esp, around = keymat(3, found.spi), keymat(2, found.outermost.spi)
        assert found.encr_key.reveal() == esp[:16]
        assert found.integ_key.reveal() == esp[16:48]
        assert found.outermost.integ_key.reveal() == around[:48]


def test_the_status_names_both() -> None:
    _net, left, right = up()
    ((ours, theirs),) = installed_pairs(left, right)
    assert ours.protocol is Protocol.ESP
    assert ours.ah is not None
    assert theirs.ah is not None
    assert (ours.ah.spi_in, ours.ah.spi_out) == (theirs.ah.spi_out, theirs.ah.spi_in)
    assert ours.ah.suite == theirs.ah.suite


@pytest.mark.parametrize("pfs", ["", "-modp2048"])
def test_with_compression_and_extended_sequence_numbers_and_pfs(pfs: str) -> None:
    esp, ah = parse_esp(f"aes128-sha256{pfs}-esn"), parse_ah("sha256")
    _net, left, right = up(esp_proposals=(esp,), ah_proposals=(ah,), ipcomp=True)
    assert is_one_bundle(left, right)
    for sa in left.sas.values():
        assert sa.cpi
        assert sa.esn
        assert not sa.outermost.esn


@pytest.mark.parametrize("initiator", ["left", "right"])
def test_a_rekeying_loses_nothing(initiator: str) -> None:
    net, left, right = up()
    before = set(left.sas)
    net.watch = lambda: traffic_flows(left, right) or pytest.fail("a packet would be lost")
    host = left if initiator == "left" else right
    op = net.command(host, Rekey(child="net"))
    net.run(300)
    done = net.done(host, op)
    assert done is not None
    assert done.ok
    assert is_one_bundle(left, right)
    assert not before & set(left.sas)
    assert host.events(ChildRekeyed)


def test_both_rekey_at_once() -> None:
    net, left, right = up()
    net.watch = lambda: traffic_flows(left, right) or pytest.fail("a packet would be lost")
    for host in (left, right):
        net.command(host, Rekey(child="net"))
    net.run(600)
    assert is_one_bundle(left, right)


def test_it_is_rekeyed_when_its_time_or_volume_is_up() -> None:
    net, left, right = up()
    net.watch = lambda: traffic_flows(left, right) or pytest.fail("a packet would be lost")
    net.run(4000)
    assert left.events(ChildRekeyed)
    outbound = left.sending_sa()
    assert outbound is not None
    net.command(left, SaExpired(outbound.id, hard=False))
    net.run(60)
    assert outbound.id not in left.sas
    assert is_one_bundle(left, right)


@pytest.mark.parametrize("who", ["initiator", "responder"])
def test_it_is_deleted_with_both_protocols(who: str) -> None:
    net, left, right = up()
    host, other = (left, right) if who == "initiator" else (right, left)
    net.command(host, Terminate(child="net"))
    net.settle()
    assert not host.sas
    assert not other.sas
    assert not host.policies
    assert not other.policies


@pytest.mark.parametrize("seed", range(6))
def test_loss_duplicates_and_reordering(seed: int) -> None:
    net, left, right = pair(Net(seed, loss=0.15, duplicate=0.2, jitter=1.0))
    net.command(left, Initiate(child="net"))
    net.run(200)
    net.command(right, Rekey(child="net"))
    net.run(200)
    net.loss = 0.0
    net.run(4000)
    assert traffic_flows(left, right)
    assert all(sa.ah is not None for host in (left, right) for sa in host.sas.values())


def refused(net: Net, left: Host, right: Host) -> None:
    done = net.initiate(left)
    net.settle()
    assert not done.ok
    assert not left.sas
    assert not right.sas


def only_esp(net: Net, left: Host, right: Host) -> None:
    configure(net, right, **PLAIN)


def other_hash(net: Net, left: Host, right: Host) -> None:
    configure(net, right, ah_proposals=(parse_ah("sha512"),))


@pytest.mark.parametrize(
    ("differ", "nearest"),
    [(only_esp, "offered AH + ESP, wanted ESP"), (other_hash, "integrity")],
    ids=["without AH", "other AH"],
)
def test_who_does_not_want_it_says_why(differ: Callable[[Net, Host, Host], None], nearest: str) -> None:
    net, left, right = pair()
    differ(net, left, right)
    refused(net, left, right)
    ours, theirs = left.failures()[-1], right.failures()[-1]
    assert ours.alert is theirs.alert is Alert.PROPOSAL_MISMATCH_CHILD
    assert nearest in theirs.nearest
    assert len(ours.offered) == 2


def test_esp_alone_will_not_do() -> None:
    net, left, right = pair()
    configure(net, left, **PLAIN)
    refused(net, left, right)
    assert right.failures()[-1].nearest == "offered ESP, wanted AH + ESP"


@pytest.mark.parametrize("fake", ["left", "right"])
def test_it_cannot_pass_a_nat(fake: str) -> None:
    net, left, right = pair()
    host = left if fake == "left" else right
    ((_name, config),) = host.endpoint.connections.items()
    host.endpoint.load_connection(replace(config, encap=True), net.now)
    refused(net, left, right)
    record = left.failures()[-1]
    assert (record.alert, record.side) == (Alert.INSTALL_CHILD_SA_FAILED, Side.NETWORK)
    assert "NAT" in record.reason
    assert record.child == "net"


def test_a_responder_behind_a_nat_says_why_too() -> None:
    """The initiator may not know that ESP within AH has no chance."""
    net, left, right = pair()
    configure(net, left, **PLAIN)
    ((_name, config),) = left.endpoint.connections.items()
    left.endpoint.load_connection(replace(config, encap=True), net.now)
    refused(net, left, right)
    assert "NAT" in right.failures()[-1].reason
    assert left.failures()[-1].alert is Alert.PROPOSAL_MISMATCH_CHILD


@pytest.mark.parametrize(("before", "after"), [(PLAIN, BUNDLE), (BUNDLE, PLAIN)], ids=["into", "out of"])
def test_a_change_between_esp_and_a_bundle(before: dict[str, object], after: dict[str, object]) -> None:
    net, left, right = up(**before)
    old = set(left.sas)
    configure(net, right, **after)
    configure(net, left, **after)
    net.run(300)
    assert traffic_flows(left, right)
    assert len(left.children()) == len(right.children()) == 1
    assert not old & set(left.sas)
    wanted = bool(after["ah_proposals"])
    for host in (left, right):
        assert all((sa.ah is not None) == wanted for sa in host.sas.values())
        assert [policies.ah for policies in host.policies.values()] == [wanted]


@pytest.mark.parametrize("protocol", [ProtocolId.ESP, ProtocolId.AH])
def test_the_peer_may_delete_either_protocol(protocol: ProtocolId) -> None:
    """It need not name both: neither is of use alone."""
    net, left, _right = up()
    sa = the_sa(left)
    (child,) = sa.children.values()
    spi_out = next(out for known, _in, out in child.spis() if known.value == protocol)
    deliver(net, left, informational(sa, 0x01020304, Delete(protocol, (spi_out.to_bytes(4, "big"),))))
    assert not left.sas
    assert not left.policies


def test_both_protocols_are_named_in_one_message() -> None:
    net, left, right = up()
    sa = the_sa(right)
    named = [(known.value, spi_in.to_bytes(4, "big")) for known, spi_in, _out in the_child(left).spis()]
    sent: list[bytes] = []

    def look(datagram: Transmit) -> Transmit:
        _first, chain = open_for(sa, datagram.data)
        sent.append(chain)
        return datagram

    net.rewrite = look
    net.command(left, Terminate(child="net"))
    (chain,) = sent
    assert all(bytes([0, 0, 0, 1, protocol, 4, 0, 1]) + spi in chain for protocol, spi in named)
    assert [protocol for protocol, _spi in named] == [ProtocolId.ESP, ProtocolId.AH]


def the_child(host: Host) -> ChildSa:
    (child,) = the_sa(host).children.values()
    assert isinstance(child, ChildSa)
    return child
