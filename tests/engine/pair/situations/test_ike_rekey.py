"""Every situation of strongSwan's suite ike_rekey (src/libcharon/tests/suites/test_ike_rekey.c), by its name there.

`one` begins, `peer` answers; where both begin, `nonces` decide which replacement survives (RFC 7296 section 2.8.2).
They are the cases of R04. The order of nonces: one's request, peer's request, peer's answer, one's answer.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from ikeengine.model.commands import Rekey, Terminate
from ikeengine.negotiate.proposals import parse_ike
from ikeengine.outputs import IkeRekeyed
from ikeengine.registry import ExchangeType, TransformType
from tests.engine.support.pair import Host
from tests.engine.support.situations import INFORMATIONAL, Nonces, Stage, stage

GROUPS = ("aes128gcm16-prfsha256-ecp256-x25519", "aes128gcm16-prfsha256-x25519-ecp256")
"""Each side likes another key exchange method best."""

MULTI_KE = {"proposals": (parse_ike("aes128gcm16-prfsha256-x25519-ke1_ecp256-ke2_x448"),)}
"""Two additional key exchanges (RFC 9370)."""
MULTI_KE_GROUPS = tuple(f"{words}-ke1_x448" for words in GROUPS)
MIXED = [parse_ike("aes128gcm16-prfsha256-x25519-ke1_ecp256"), parse_ike("aes128gcm16-prfsha256-x25519")]
ONE_WITH, PEER_WITH = (
    {"left": {"proposals": tuple(left)}, "right": {"proposals": tuple(right)}}
    for left, right in ((MIXED[::-1], MIXED), (MIXED, MIXED[::-1]))
)
"""The responder chooses: what left begins has additional key exchanges, or what right begins."""
FOLLOWUP = int(ExchangeType.IKE_FOLLOWUP_KE)


def unlike_groups(role: str, groups: tuple[str, ...] = GROUPS) -> tuple[Stage, Host, Host]:
    """An established pair in which each side would now like the other's method less than its own."""
    left, right = (parse_ike(words) for words in groups)
    on, one, peer = stage(role, left={"proposals": (left,)}, right={"proposals": (right,)})
    for host in on.hosts:
        (sa,) = host.endpoint._ctx.table
        assert sa.suite is not None
        sa.suite = replace(
            sa.suite, ke=next(t for t in sa.connection.proposals[0].transforms if t.type is TransformType.KE)
        )
    return on, one, peer


def rekey(on: Stage, host: Host) -> int:
    return on.net.command(host, Rekey(ike=on.name(host)))


# --- one side rekeys ------------------------------------------------------------------------------------------


def test_regular(role: str) -> None:
    on, one, _peer = stage(role)
    before = one.ikes()[0].spi_i
    op = rekey(on, one)
    on.assert_one_tunnel()
    assert on.net.done(one, op).ok
    assert one.ikes()[0].spi_i != before
    assert one.ikes()[0].initiator, "who initiates the rekeying is the original initiator of the new IKE SA"
    assert [len(host.events(IkeRekeyed)) for host in on.hosts] == [1, 1]


def test_regular_ke_invalid(role: str) -> None:
    on, one, _peer = unlike_groups(role)
    before = one.ikes()[0].spi_i
    op = rekey(on, one)
    on.assert_one_tunnel()
    assert on.net.done(one, op).ok
    assert one.ikes()[0].spi_i != before


def test_regular_multi_ke(role: str) -> None:
    on, one, _peer = stage(role, **MULTI_KE)
    before = one.ikes()[0].spi_i
    op = rekey(on, one)
    on.assert_one_tunnel()
    assert on.net.done(one, op).ok
    assert one.ikes()[0].spi_i != before
    assert len(one.ikes()[0].suite.additional) == 2
    assert [len(host.events(IkeRekeyed)) for host in on.hosts] == [1, 1]


def test_regular_ke_invalid_multi_ke(role: str) -> None:
    on, one, _peer = unlike_groups(role, MULTI_KE_GROUPS)
    before = one.ikes()[0].spi_i
    op = rekey(on, one)
    on.assert_one_tunnel()
    assert on.net.done(one, op).ok
    assert one.ikes()[0].spi_i != before


# --- both sides rekey -----------------------------------------------------------------------------------------


def test_collision(nonces: Nonces) -> None:
    on, one, peer = stage("left")
    nonces()
    ops = [(host, rekey(on, host)) for host in (one, peer)]
    on.assert_one_tunnel()
    assert all(on.net.done(host, op).ok for host, op in ops)


def test_collision_multi_ke(nonces: Nonces) -> None:
    on, one, peer = stage("left", **MULTI_KE)
    nonces()
    ops = [(host, rekey(on, host)) for host in (one, peer)]
    on.assert_one_tunnel()
    assert all(on.net.done(host, op).ok for host, op in ops)
    assert [len(host.events(IkeRekeyed)) for host in on.hosts] == [1, 1]


@pytest.mark.parametrize("changes", [ONE_WITH, PEER_WITH], ids=["one-with", "peer-with"])
def test_collision_mixed(changes: dict, nonces: Nonces) -> None:
    """Only the rekeying of one side has additional key exchanges, so that the other one's is finished first."""
    on, one, peer = stage("left", **changes)
    nonces()
    ops = [(host, rekey(on, host)) for host in (one, peer)]
    on.assert_one_tunnel()
    assert all(on.net.done(host, op).ok for host, op in ops)


def test_collision_delayed_response_multi_ke(role: str, nonces: Nonces) -> None:
    on, one, peer = stage(role, **MULTI_KE)
    nonces()
    held = on.hold(one, response=True)
    rekey(on, one)
    rekey(on, peer)
    on.net.settle(1)
    held.release()
    on.assert_one_tunnel()


def test_collision_delayed_followup_multi_ke(role: str, nonces: Nonces) -> None:
    """The same with the first additional key exchange that one begins, if it gets that far."""
    on, one, peer = stage(role, **MULTI_KE)
    nonces()
    held = on.hold(one, FOLLOWUP, response=False)
    rekey(on, one)
    rekey(on, peer)
    on.net.settle(1)
    if held.sent:
        held.release()
    on.assert_one_tunnel()


def test_collision_ke_invalid(nonces: Nonces) -> None:
    """Each must be told the right key exchange method first."""
    on, one, peer = unlike_groups("left")
    nonces()
    ops = [(host, rekey(on, host)) for host in (one, peer)]
    on.assert_one_tunnel()
    assert all(on.net.done(host, op).ok for host, op in ops)


def test_collision_ke_invalid_delayed_retry(role: str) -> None:
    """The second request of one arrives when the peer's rekeying is finished."""
    on, one, peer = unlike_groups(role)
    first = on.hold(one, response=False)
    rekey(on, one)
    rekey(on, peer)
    first.release()
    retry = on.hold(one, response=False)
    on.net.settle(1)
    if retry.sent:
        retry.release()
    on.assert_one_tunnel()


def test_collision_delayed_response(role: str, nonces: Nonces) -> None:
    """One goes on before the peer has even got the answer to its rekeying."""
    on, one, peer = stage(role)
    nonces()
    held = on.hold(one, response=True)
    rekey(on, one)
    rekey(on, peer)
    on.net.settle(1)
    held.release()
    on.assert_one_tunnel()


def test_collision_dropped_request(role: str) -> None:
    """One's request is lost and the peer's rekeying finished before it is sent again: nobody answers it any more."""
    on, one, peer = stage(role)
    on.drop(one, response=False)
    rekey(on, one)
    rekey(on, peer)
    on.assert_one_tunnel()


def test_collision_delayed_request(role: str) -> None:
    """The peer never sees a collision: one's request arrives when it has got the peer's new IKE SA."""
    on, one, peer = stage(role)
    held = on.hold(one, response=False)
    rekey(on, one)
    rekey(on, peer)
    on.net.settle(0.025)
    held.release()
    on.assert_one_tunnel()


@pytest.mark.parametrize("delay", [0.015, 0.025, 0.035, 0.045, 0.055, 0.065, 0.075, 0.085, 0.095])
def test_collision_delayed_request_multi_ke(role: str, delay: float, nonces: Nonces) -> None:
    """One's request arrives at each point of the peer's rekeying."""
    on, one, peer = stage(role, **MULTI_KE)
    nonces()
    held = on.hold(one, response=False)
    rekey(on, one)
    rekey(on, peer)
    on.net.settle(delay)
    held.release()
    on.assert_one_tunnel()


def test_collision_delayed_request_and_delete(role: str) -> None:
    """One's request arrives after the Delete of the IKE SA that it was to replace."""
    on, one, peer = stage(role)
    request = on.hold(one, response=False)
    answer = on.hold(one, INFORMATIONAL, response=True)
    rekey(on, one)
    rekey(on, peer)
    on.net.settle(1)
    request.release()
    on.net.settle(0.1)
    answer.release()
    on.assert_one_tunnel()


@pytest.mark.parametrize("delay", [0.015, 0.025, 0.035, 0.045, 0.055, 0.065])
@pytest.mark.parametrize("what", ["child", "ike"])
def test_what_begins_between_waits_multi_ke(role: str, delay: float, what: str) -> None:
    """The peer wants something at each point of the rekeying: at the latest the new IKE SA brings it."""
    on, one, peer = stage(role, **MULTI_KE)
    before = peer.children()[0].unique_id
    first = rekey(on, one)
    on.net.settle(delay)
    second = on.net.command(peer, Rekey(child="net")) if what == "child" else rekey(on, peer)
    on.assert_one_tunnel()
    assert on.net.done(one, first).ok
    assert on.net.done(peer, second) is not None
    if what == "child":
        assert peer.children()[0].unique_id != before


# --- one side rekeys, the other deletes -----------------------------------------------------------------------


def rekey_and_delete(on: Stage, one: Host, peer: Host) -> int:
    on.anything_goes()
    rekey(on, one)
    return on.net.command(peer, Terminate(ike=on.name(peer)))


def test_collision_delete(role: str) -> None:
    """Section 2.25.2: the Delete is answered as usual, and the rekeying forgotten."""
    on, one, peer = stage(role)
    op = rekey_and_delete(on, one, peer)
    on.assert_nothing()
    assert on.net.done(peer, op).ok


def test_collision_delete_multi_ke(role: str) -> None:
    on, one, peer = stage(role, **MULTI_KE)
    op = rekey_and_delete(on, one, peer)
    on.assert_nothing()
    assert on.net.done(peer, op).ok


@pytest.mark.parametrize("delay", [0.015, 0.025, 0.035, 0.045, 0.055])
def test_collision_delete_between_multi_ke(role: str, delay: float) -> None:
    """The peer deletes the IKE SA at each point of the rekeying; it stays deleted."""
    on, one, peer = stage(role, **MULTI_KE)
    on.anything_goes()
    op = rekey(on, one)
    on.net.settle(delay)
    terminate = on.net.command(peer, Terminate(ike=on.name(peer)))
    on.assert_nothing()
    assert on.net.done(peer, terminate).ok
    assert on.net.done(one, op) is not None


def test_collision_delete_drop_delete(role: str) -> None:
    """The Delete is lost: the rekeying gets TEMPORARY_FAILURE, and is not begun again when the Delete arrives."""
    on, one, peer = stage(role)
    on.drop(peer, INFORMATIONAL, response=False)
    op = rekey_and_delete(on, one, peer)
    on.assert_nothing()
    assert on.net.done(peer, op).ok
