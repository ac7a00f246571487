"""One IKE SA per peer or more: `unique` and INITIAL_CONTACT as strongSwan means them, and crossing handshakes (R05)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ikeengine.crypto.rng import SeededRng
from ikeengine.model.commands import Initiate
from ikeengine.model.connection import Unique
from ikeengine.model.credentials import SharedKey
from ikeengine.model.failure import Alert
from ikeengine.model.identity import Identity
from ikeengine.model.secret import Secret
from ikeengine.negotiate.identities import parse_identity
from ikeengine.outputs import LogLine, Transmit
from ikeengine.registry import IdType
from ikeengine.sa.table import SaTable
from ikeengine.sa.uniqueness import REAUTHENTICATION
from tests.engine.support import site
from tests.engine.support.pair import Host, Net, installed_pairs, traffic_flows
from tests.engine.support.site import LEFT, PSK, RIGHT, pattern, psk_pair

IKE_AUTH = 35
NETS = ("10.1.0.0/24", "10.2.0.0/24")


def pair(unique: Unique = Unique.NO, *, left: Unique = Unique.NO) -> tuple[Net, Host, Host]:
    """A responder with this policy that takes its peer from any address; each initiation makes an IKE SA."""
    net, first, right = psk_pair(right={"unique": unique, "remote_addrs": ("%any",)}, left={"unique": left})
    first.endpoint.set_settings(replace(first.endpoint._ctx.settings, reuse_ikesa=False))
    return net, first, right


def twin(net: Net, address: str = "192.0.2.11", seed: str = "twin", **changes: object) -> Host:
    """The left gateway once more, at another address and without memory of what the first one did."""
    host = net.add(address)
    host.endpoint._ctx.rng = SeededRng(seed)
    host.endpoint.credentials.add_shared(SharedKey("psk", PSK))
    config = site.connection("left", RIGHT, "left.example.com", "right.example.com", NETS, **changes)
    host.endpoint.load_connection(config, net.now)
    net.pump(host)
    return host


def say(host: Host) -> str:
    return "\n".join(line.text for line in host.events(LogLine))


def ids(host: Host) -> list[int]:
    return [ike.unique_id for ike in host.ikes()]


# --- the four words -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("unique", "left"), [(u, v) for u in (Unique.NO, Unique.NEVER) for v in Unique])
def test_no_and_never_allow_duplicates(unique: Unique, left: Unique) -> None:
    """The responder decides; what the initiator thinks of duplicates does not matter."""
    net, first, right = pair(unique, left=left)
    for _ in range(3):
        assert net.initiate(first).ok
        net.run(20)
    assert len(right.ikes()) == len(first.ikes()) == 3


def test_replace_from_the_same_address_lets_the_old_one_live_a_while() -> None:
    """The peer may be authenticating again, and has to make its Child SAs before the old ones go."""
    net, first, right = pair(Unique.REPLACE)
    assert net.initiate(first).ok
    (old,) = ids(right)
    net.run(60)
    assert net.initiate(first).ok
    net.run(REAUTHENTICATION - 1)
    assert len(right.ikes()) == len(first.ikes()) == 2
    net.run(3)
    assert len(right.ikes()) == len(first.ikes()) == 1
    assert old not in ids(right)
    assert traffic_flows(first, right)


def test_replace_from_another_address_at_once() -> None:
    net, first, right = pair(Unique.REPLACE)
    assert net.initiate(first).ok
    net.run(60)
    other = twin(net, unique=Unique.NEVER)
    assert net.initiate(other).ok
    net.settle()
    assert not first.ikes(), "the old IKE SA was deleted in order"
    assert traffic_flows(other, right)
    assert "deleting duplicate IKE_SA for peer 'left.example.com' due to uniqueness policy" in say(right)


def test_keep_refuses_the_new_one() -> None:
    net, first, right = pair(Unique.KEEP)
    assert net.initiate(first).ok
    other = twin(net, unique=Unique.NEVER)
    for again in (first, other):
        assert not net.initiate(again).ok
    net.run(60)
    assert len(right.ikes()) == len(first.ikes()) == 1
    assert {record.alert for record in right.failures()} == {Alert.UNIQUE_KEEP}
    assert traffic_flows(first, right)


def test_keep_ends_surplus_ones() -> None:
    """Of duplicates from the time before `keep`, the oldest stays."""
    net, first, right = pair(Unique.NO)
    for _ in range(3):
        assert net.initiate(first).ok
    (oldest, *_rest) = ids(right)
    ctx = right.endpoint._ctx
    config = replace(ctx.connections["right"], unique=Unique.KEEP)
    ctx.connections["right"] = config
    for sa in ctx.table:
        sa.connection = config
    ctx.candidates.clear()
    assert not net.initiate(first).ok
    net.run(60)
    assert ids(right) == [oldest]


@pytest.mark.parametrize("unique", [Unique.KEEP, Unique.REPLACE, Unique.NO])
def test_initial_contact_is_stronger(unique: Unique) -> None:
    """A peer that has lost everything is let in again, also with `keep`."""
    net, first, right = pair(unique)
    assert net.initiate(first).ok
    (old,) = ids(right)
    net.run(60)
    reborn = twin(net)
    assert net.initiate(reborn).ok
    net.run(20)
    assert len(right.ikes()) == 1
    assert old not in ids(right)
    assert traffic_flows(reborn, right)


def test_never_neither_sends_nor_obeys_initial_contact() -> None:
    net, first, right = pair(Unique.NEVER)
    assert net.initiate(first).ok
    assert net.initiate(twin(net)).ok
    net.run(20)
    assert len(right.ikes()) == 2
    net, first, right = pair(Unique.NO)
    assert net.initiate(first).ok
    assert net.initiate(twin(net, unique=Unique.NEVER)).ok
    net.run(20)
    assert len(right.ikes()) == 2


def test_initial_contact_needs_to_know_whom_it_addresses() -> None:
    """With a wildcard as `remote.id` the initiator cannot tell whether it knows the peer."""
    net, first, right = pair(Unique.NO)
    assert net.initiate(first).ok
    other = twin(net)
    config = other.endpoint.connections["left"]
    wildcard = replace(config, remote=(replace(config.remote[0], id=pattern("*.example.com")),))
    other.endpoint.load_connection(wildcard, net.now)
    assert net.initiate(other).ok
    net.run(20)
    assert len(right.ikes()) == 2


def test_replace_concerns_alike_connections_only() -> None:
    """As in strongSwan: the same identities in a connection with other settings are not a duplicate."""
    net, first, right = pair(Unique.REPLACE)
    assert net.initiate(first).ok
    net.run(60)
    ctx = right.endpoint._ctx
    (sa,) = ctx.table
    sa.connection = replace(sa.connection, name="special", dpd_delay=77.0)
    assert net.initiate(twin(net, unique=Unique.NEVER)).ok
    net.run(20)
    assert len(right.ikes()) == 2
    assert net.initiate(twin(net, "192.0.2.12", "third")).ok
    net.run(20)
    assert len(right.ikes()) == 1, "INITIAL_CONTACT concerns all of them"


@pytest.mark.parametrize("initial_contact", [True, False])
def test_address_families_are_apart(initial_contact: bool) -> None:
    """As in strongSwan: one IKE SA over IPv4 and one over IPv6 are no duplicates."""
    net, first, right = pair(Unique.REPLACE)
    right.others.append("2001:db8::2")
    assert net.initiate(first).ok
    net.run(60)
    unique = Unique.NO if initial_contact else Unique.NEVER
    other = twin(net, "2001:db8::1", unique=unique, remote_addrs=("2001:db8::2",))
    assert net.initiate(other).ok
    net.run(20)
    assert len(right.ikes()) == 2


# --- R05 ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("unique", list(Unique))
def test_r05_simultaneous_initiation(unique: Unique, seed: int) -> None:
    """Both sides begin at once. Both end with the same IKE SAs, and traffic flows; `replace` leaves one."""
    net, left, right = psk_pair(Net(seed, jitter=0.02 * seed), unique=unique)
    ops = {host.address: net.command(host, Initiate(child="net")) for host in (left, right)}
    net.run(90)
    assert {ike.spi_i for ike in left.ikes()} == {ike.spi_i for ike in right.ikes()}
    assert len(list(installed_pairs(left, right))) == len(left.children()) == len(right.children())
    assert traffic_flows(left, right)
    if unique is Unique.REPLACE:
        assert len(left.ikes()) == 1
    if unique in (Unique.NO, Unique.NEVER):
        assert len(left.ikes()) in (1, 2), "one, if a side was asked before its own request was answered"
        assert all(net.done(net.hosts[address], op).ok for address, op in ops.items())


@pytest.mark.parametrize("unique", list(Unique))
@pytest.mark.parametrize("delay", [0.5, 1.0, 3.0])
def test_r05_one_handshake_overtakes_the_other(unique: Unique, delay: float) -> None:
    """The late IKE_AUTH request says INITIAL_CONTACT although the other IKE SA is up by now: it could not know."""
    net, left, right = psk_pair(unique=unique)
    delayed: list[Transmit] = []

    def slow(datagram: Transmit) -> float:
        if datagram.data[18] == IKE_AUTH and datagram.path.local == LEFT and not delayed:
            delayed.append(datagram)
            return delay
        return 0.0

    net.delay = slow
    for host in (left, right):
        net.command(host, Initiate(child="net"))
    net.run(60)
    assert {ike.spi_i for ike in left.ikes()} == {ike.spi_i for ike in right.ikes()}
    assert left.ikes()
    assert traffic_flows(left, right)


def test_r05_initial_contact_is_of_no_use_before_authentication() -> None:
    """A stranger with the right name but the wrong key changes nothing."""
    net, first, right = pair(Unique.REPLACE)
    assert net.initiate(first).ok
    before = ids(right)
    liar = twin(net)
    liar.endpoint.credentials.remove_shared("psk")
    liar.endpoint.credentials.add_shared(SharedKey("psk", Secret(b"what a liar believes to be the key")))
    assert not net.initiate(liar).ok
    net.run(60)
    assert ids(right) == before
    assert traffic_flows(first, right)


def test_a_peer_that_encodes_its_distinguished_name_otherwise() -> None:
    """Our CN=moon is a PrintableString; the same name in UTF-8, as in a certificate, is the same peer."""
    net, left, _right = psk_pair()
    net.initiate(left)
    (sa,) = left.endpoint._ctx.table
    sa.remote_id = Identity(IdType.ID_DER_ASN1_DN, bytes.fromhex("300f310d300b06035504030c046d6f6f6e"))
    moon = parse_identity("CN=moon")
    assert sa.remote_id != moon
    table = SaTable()
    table.established(sa)
    assert table.of_identities(sa.local_id, moon) == [sa]
    assert table.of_identities(sa.local_id, parse_identity("CN=sun")) == []
    table.remove(sa)
    assert table.of_identities(sa.local_id, moon) == []
