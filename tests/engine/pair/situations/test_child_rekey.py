"""Every situation of strongSwan's suite child_rekey (src/libcharon/tests/suites/test_child_rekey.c), by its name there.

`one` begins, `peer` answers; where both begin, `nonces` decide which replacement survives (RFC 7296 section 2.8.1).
They are the cases of R04. The order of nonces: one's request, peer's request, peer's answer, one's answer.
"""

from __future__ import annotations

import pytest

from ikeengine.model.commands import Rekey, Terminate
from ikeengine.negotiate.proposals import parse_esp
from ikeengine.outputs import ChildRekeyed
from ikeengine.registry import ExchangeType, Protocol
from ikeengine.sa.children import child as child_sa
from ikeengine.wire.payloads import Delete
from tests.engine.pair.test_states import send
from tests.engine.support.pair import Host
from tests.engine.support.situations import INFORMATIONAL, Nonces, Stage, stage

REKEY = Rekey(child="net")
GROUPS = {
    "left": {"child_esp_proposals": (parse_esp("aes128gcm16-ecp256-x25519"),)},
    "right": {"child_esp_proposals": (parse_esp("aes128gcm16-x25519-ecp256"),)},
}
"""Each side likes another key exchange method best."""

MULTI_KE = {"child_esp_proposals": (parse_esp("aes128gcm16-x25519-ke1_ecp256-ke2_x448"),)}
"""Two additional key exchanges (RFC 9370)."""
MULTI_KE_GROUPS = {
    "left": {"child_esp_proposals": (parse_esp("aes128gcm16-ecp256-x25519-ke1_x448"),)},
    "right": {"child_esp_proposals": (parse_esp("aes128gcm16-x25519-ecp256-ke1_x448"),)},
}
MIXED = [parse_esp("aes128gcm16-x25519-ke1_ecp256"), parse_esp("aes128gcm16-x25519")]
ONE_WITH, PEER_WITH = (
    {"left": {"child_esp_proposals": tuple(left)}, "right": {"child_esp_proposals": tuple(right)}}
    for left, right in ((MIXED[::-1], MIXED), (MIXED, MIXED[::-1]))
)
"""The responder chooses: what left begins has additional key exchanges, or what right begins."""
FOLLOWUP = int(ExchangeType.IKE_FOLLOWUP_KE)


# --- one side rekeys ------------------------------------------------------------------------------------------


def test_regular(role: str) -> None:
    on, one, _peer = stage(role)
    before = one.children()[0]
    op = on.net.command(one, REKEY)
    on.net.settle()
    assert on.net.done(one, op).ok
    assert one.children()[0].spi_in != before.spi_in
    on.assert_one_tunnel()
    assert [len(host.events(ChildRekeyed)) for host in on.hosts] == [1, 1]


def test_regular_ke_invalid(role: str) -> None:
    on, one, _peer = stage(role, **GROUPS)
    op = on.net.command(one, REKEY)
    on.assert_one_tunnel()
    assert on.net.done(one, op).ok


def test_regular_multi_ke(role: str) -> None:
    on, one, _peer = stage(role, **MULTI_KE)
    before = one.children()[0]
    op = on.net.command(one, REKEY)
    on.assert_one_tunnel()
    assert on.net.done(one, op).ok
    assert one.children()[0].spi_in != before.spi_in
    assert len(one.children()[0].suite.additional) == 2
    assert [len(host.events(ChildRekeyed)) for host in on.hosts] == [1, 1]


def test_regular_ke_invalid_multi_ke(role: str) -> None:
    on, one, _peer = stage(role, **MULTI_KE_GROUPS)
    op = on.net.command(one, REKEY)
    on.assert_one_tunnel()
    assert on.net.done(one, op).ok
    assert len(one.children()[0].suite.additional) == 1


def test_regular_responder_ignore_soft_expire(role: str) -> None:
    on, one, peer = stage(role)
    held = on.hold(one, INFORMATIONAL, response=False)
    on.net.command(one, REKEY)
    on.net.settle(1)
    (old,) = peer.children("REKEYED")
    op = on.net.command(peer, Rekey(child_id=old.unique_id))
    assert not on.net.done(peer, op).ok
    assert peer.children("REKEYED")
    held.release()
    on.assert_one_tunnel()


def test_regular_responder_handle_hard_expire(role: str) -> None:
    """The initiator of the rekeying is slow to delete, so the responder deletes too: the Deletes cross."""
    on, one, peer = stage(role)
    held = on.hold(one, INFORMATIONAL, response=False)
    on.net.command(one, REKEY)
    on.net.settle(1)
    (old,) = peer.children("REKEYED")
    on.net.command(peer, Terminate(child_id=old.unique_id))
    held.release()
    on.assert_one_tunnel()


def test_regular_responder_delete(role: str) -> None:
    """The responder's operator closes the tunnel while the Delete of the old Child SA is awaited."""
    on, one, peer = stage(role)
    held = on.hold(one, INFORMATIONAL, response=False)
    on.net.command(one, REKEY)
    on.net.settle(1)
    on.anything_goes()
    op = on.net.command(peer, Terminate(child="net"))
    on.net.settle(1)
    held.release()
    on.assert_no_child()
    assert on.net.done(peer, op).ok


def test_regular_responder_lost_sa(role: str) -> None:
    """CHILD_SA_NOT_FOUND (section 2.25): the initiator makes a new Child SA from scratch."""
    on, one, peer = stage(role)
    on.anything_goes()
    lost = peer.children()[0]
    (ike,) = peer.endpoint._ctx.table
    child_sa.remove(peer.endpoint._ctx, ike, ike.children[lost.unique_id], announce=False)
    on.net.pump(peer)
    on.net.command(one, REKEY)
    on.net.run(60)
    (ours,), (theirs,) = one.children(), peer.children()
    assert (ours.spi_in, ours.spi_out) == (theirs.spi_out, theirs.spi_in)
    assert theirs.spi_in != lost.spi_in


def test_regular_responder_incorrect_delete(role: str) -> None:
    """The responder deletes the old Child SA, which is for the initiator of the rekeying to do."""
    on, one, peer = stage(role)
    held = on.hold(one, INFORMATIONAL, response=False)
    on.net.command(one, REKEY)
    on.net.settle(1)
    (old,) = peer.children("REKEYED")
    send(on.net, peer, one, ExchangeType.INFORMATIONAL, [delete(old.spi_in)])
    held.release()
    on.assert_one_tunnel()


def delete(spi: int) -> Delete:
    return Delete(Protocol.ESP, (spi.to_bytes(4, "big"),))


def test_delete_timeout(role: str) -> None:
    """The Delete of the old Child SA never gets through: the peer is dead, and nothing of it stays."""
    on, one, _peer = stage(role)
    on.hold(one, INFORMATIONAL, response=False)
    on.net.command(one, REKEY)
    on.net.settle(1)
    on.anything_goes()
    on.net.run(300)
    assert not one.sas
    assert not one.endpoint.status()


# --- both sides rekey -----------------------------------------------------------------------------------------


def both(on: Stage, one: Host, peer: Host) -> None:
    """Both give the command before either hears of the other's."""
    on.net.command(one, REKEY)
    on.net.command(peer, REKEY)


def test_collision(nonces: Nonces) -> None:
    on, one, peer = stage("left")
    nonces()
    both(on, one, peer)
    on.assert_one_tunnel()
    assert [len(host.events(ChildRekeyed)) for host in on.hosts] == [1, 1]


def test_collision_multi_ke(nonces: Nonces) -> None:
    on, one, peer = stage("left", **MULTI_KE)
    nonces()
    ops = [(host, on.net.command(host, REKEY)) for host in (one, peer)]
    on.assert_one_tunnel()
    assert all(on.net.done(host, op).ok for host, op in ops)
    assert [len(host.events(ChildRekeyed)) for host in on.hosts] == [1, 1]


@pytest.mark.parametrize("changes", [ONE_WITH, PEER_WITH], ids=["one-with", "peer-with"])
def test_collision_mixed(changes: dict, nonces: Nonces) -> None:
    """Only the rekeying of one side has additional key exchanges, so that the other one's is finished first."""
    on, one, peer = stage("left", **changes)
    nonces()
    both(on, one, peer)
    on.assert_one_tunnel()
    assert [len(host.events(ChildRekeyed)) for host in on.hosts] == [1, 1]


def test_collision_delayed_response_multi_ke(role: str, nonces: Nonces) -> None:
    """One does its additional key exchanges before the peer has even got the answer to its rekeying."""
    on, one, peer = stage(role, **MULTI_KE)
    nonces()
    held = on.hold(one, response=True)
    both(on, one, peer)
    on.net.settle(1)
    held.release()
    on.assert_one_tunnel()


def test_collision_delayed_followup_multi_ke(role: str, nonces: Nonces) -> None:
    """The same with the first additional key exchange that one begins, if it gets that far."""
    on, one, peer = stage(role, **MULTI_KE)
    nonces()
    held = on.hold(one, FOLLOWUP, response=False)
    both(on, one, peer)
    on.net.settle(1)
    if held.sent:
        held.release()
    on.assert_one_tunnel()


def test_collision_delayed_response(role: str, nonces: Nonces) -> None:
    """One has deleted what it had to before the peer has even got the answer to its rekeying."""
    on, one, peer = stage(role)
    nonces()
    held = on.hold(one, response=True)
    both(on, one, peer)
    on.net.settle(1)
    held.release()
    on.assert_one_tunnel()


def test_collision_delayed_response_delete(role: str, nonces: Nonces) -> None:
    """The same, and before the answer arrives one's operator closes the tunnel."""
    on, one, peer = stage(role)
    nonces()
    held = on.hold(one, response=True)
    both(on, one, peer)
    on.net.settle(1)
    on.anything_goes()
    op = on.net.command(one, Terminate(child="net"))
    on.net.settle(1)
    held.release()
    on.assert_no_child()
    assert on.net.done(one, op).ok


def test_collision_delayed_request(role: str) -> None:
    """The peer never sees a collision: one's request arrives when the peer's rekeying is finished."""
    on, one, peer = stage(role)
    held = on.hold(one, response=False)
    both(on, one, peer)
    on.net.settle(1)
    held.release()
    on.assert_one_tunnel()


def test_collision_delayed_request_multi_ke(role: str) -> None:
    on, one, peer = stage(role, **MULTI_KE)
    held = on.hold(one, response=False)
    both(on, one, peer)
    on.net.settle(1)
    held.release()
    on.assert_one_tunnel()


@pytest.mark.parametrize("delay", [0.015, 0.025, 0.035, 0.045, 0.055, 0.065, 0.075, 0.085, 0.095])
def test_collision_delayed_request_at_any_time_multi_ke(role: str, delay: float, nonces: Nonces) -> None:
    """One's request arrives at each point of the peer's rekeying."""
    on, one, peer = stage(role, **MULTI_KE)
    nonces()
    held = on.hold(one, response=False)
    both(on, one, peer)
    on.net.settle(delay)
    held.release()
    on.assert_one_tunnel()


def test_collision_delayed_request_more(role: str) -> None:
    """The same, and the peer has rekeyed once more meanwhile."""
    on, one, peer = stage(role)
    held = on.hold(one, response=False)
    both(on, one, peer)
    on.net.settle(1)
    op = on.net.command(peer, REKEY)
    on.net.settle(1)
    held.release()
    on.assert_one_tunnel()
    assert on.net.done(peer, op).ok


def test_collision_delayed_request_more_delete(role: str) -> None:
    """The same, and then the peer's operator has closed the tunnel."""
    on, one, peer = stage(role)
    held = on.hold(one, response=False)
    both(on, one, peer)
    on.net.settle(1)
    on.net.command(peer, REKEY)
    on.net.settle(1)
    on.anything_goes()
    op = on.net.command(peer, Terminate(child="net"))
    on.net.settle(1)
    held.release()
    on.assert_no_child()
    assert on.net.done(peer, op).ok


def test_collision_ke_invalid(nonces: Nonces) -> None:
    """Each must be told the right key exchange method first."""
    on, one, peer = stage("left", **GROUPS)
    nonces()
    both(on, one, peer)
    on.assert_one_tunnel()


def test_collision_ke_invalid_delayed_retry(role: str) -> None:
    """The second request of one arrives when the peer's rekeying is finished."""
    on, one, peer = stage(role, **GROUPS)
    first = on.hold(one, response=False)
    both(on, one, peer)
    on.net.settle(0.005)
    first.release()
    retry = on.hold(one, response=False)
    on.net.settle(1)
    retry.release()
    on.assert_one_tunnel()


def test_collision_responder_incorrect_delete(role: str, nonces: Nonces) -> None:
    """In a collision too the loser may delete the old Child SA, although that is for the winner to do."""
    on, one, peer = stage(role)
    nonces()
    old = {host.address: host.children()[0].unique_id for host in on.hosts}
    deletes = [on.hold(host, INFORMATIONAL, response=False) for host in on.hosts]
    both(on, one, peer)
    on.net.settle(0.5)
    (loser,) = [host for host in on.hosts if old[host.address] in {sa.unique_id for sa in host.children("REKEYED")}]
    on.net.command(loser, Terminate(child_id=old[loser.address]))
    for held in deletes:
        held.release()
    on.assert_one_tunnel()


# --- one side rekeys, the other deletes -----------------------------------------------------------------------


def rekey_and_delete(on: Stage, one: Host, peer: Host) -> tuple[int, int]:
    on.anything_goes()
    return on.net.command(one, REKEY), on.net.command(peer, Terminate(child="net"))


def test_collision_delete(role: str) -> None:
    """Section 2.25.1: the Delete is answered as usual, the rekeying gets TEMPORARY_FAILURE."""
    on, one, peer = stage(role)
    _rekey, terminate = rekey_and_delete(on, one, peer)
    on.assert_no_child()
    assert on.net.done(peer, terminate).ok


def test_collision_delete_multi_ke(role: str) -> None:
    on, one, peer = stage(role, **MULTI_KE)
    _rekey, terminate = rekey_and_delete(on, one, peer)
    on.assert_no_child()
    assert on.net.done(peer, terminate).ok


@pytest.mark.parametrize("delay", [0.015, 0.025, 0.035, 0.045, 0.055, 0.065])
def test_collision_delete_between_multi_ke(role: str, delay: float) -> None:
    """The peer deletes the Child SA at each point of the rekeying; it stays deleted."""
    on, one, peer = stage(role, **MULTI_KE)
    on.anything_goes()
    rekey = on.net.command(one, REKEY)
    on.net.settle(delay)
    terminate = on.net.command(peer, Terminate(child="net"))
    on.assert_no_child()
    assert on.net.done(peer, terminate).ok
    assert on.net.done(one, rekey) is not None


def test_collision_delete_drop_delete(role: str) -> None:
    """The Delete is lost: the peer answers TEMPORARY_FAILURE before the Delete arrives again."""
    on, one, peer = stage(role)
    on.drop(peer, INFORMATIONAL, response=False)
    rekey_and_delete(on, one, peer)
    on.assert_no_child()


def test_collision_delete_drop_rekey(role: str) -> None:
    """The rekeying is lost: it arrives again when the Child SA is gone, and gets CHILD_SA_NOT_FOUND."""
    on, one, peer = stage(role)
    on.drop(one, response=False)
    rekey_and_delete(on, one, peer)
    on.assert_no_child()


def test_collision_delete_delayed_response(role: str) -> None:
    """The answer to the Delete is slow."""
    on, one, peer = stage(role)
    held = on.hold(one, INFORMATIONAL, response=True)
    rekey_and_delete(on, one, peer)
    on.net.settle(1)
    held.release()
    on.assert_no_child()


# --- a Child SA and the IKE SA --------------------------------------------------------------------------------


def test_collision_ike_rekey(role: str) -> None:
    """Section 2.25.2: one of the two gets TEMPORARY_FAILURE and is tried again."""
    on, one, peer = stage(role)
    before = one.children()[0].spi_in
    on.net.command(one, REKEY)
    on.net.command(peer, Rekey(ike=on.name(peer)))
    on.assert_one_tunnel()
    assert one.children()[0].spi_in != before, "what was refused has been tried again"


def test_collision_ike_delete(role: str) -> None:
    """Section 2.25.2: with the IKE SA everything goes."""
    on, one, peer = stage(role)
    on.anything_goes()
    rekey = on.net.command(one, REKEY)
    op = on.net.command(peer, Terminate(ike=on.name(peer)))
    on.assert_nothing()
    assert on.net.done(peer, op).ok
    assert on.net.done(one, rekey) is not None
