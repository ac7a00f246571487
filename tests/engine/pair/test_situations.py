"""Situations of rekeying and deleting beyond strongSwan's (those are in situations/), and forbidden answers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ikeengine.ikev2.exchanges import create_child, rekey_child, rekey_ike
from ikeengine.model.commands import Initiate, Rekey, Terminate
from ikeengine.model.connection import Action
from ikeengine.model.failure import Alert
from ikeengine.negotiate.proposals import parse_esp, parse_ike
from ikeengine.negotiate.selectors import parse_selector
from ikeengine.outputs import ChildRekeyed, ChildUpdown, IkeUpdown, Transmit
from ikeengine.registry import ExchangeType, NotifyType, Protocol
from ikeengine.sa.states import ChildState
from ikeengine.wire.header import FLAG_RESPONSE
from ikeengine.wire.payloads import Delete, Ke, Notify, Payload, Sa, TsInitiator, TsResponder
from tests.engine.pair.test_states import send
from tests.engine.support.pair import Host, Net, installed_pairs, traffic_flows
from tests.engine.support.site import LEFT, RIGHT, psk_pair

TWO_GROUPS = parse_esp("aes128gcm16-ecp256-x25519")
ONE_GROUP = parse_esp("aes128gcm16-x25519")


def up(**changes: object) -> tuple[Net, Host, Host]:
    net, left, right = psk_pair(**changes)
    assert net.initiate(left).ok
    net.settle()
    return net, left, right


def assert_one_child(net: Net, left: Host, right: Host) -> None:
    net.run(60)
    assert len(list(installed_pairs(left, right))) == 1
    assert len(left.sas) == len(right.sas) == 2
    assert traffic_flows(left, right)


def lose(net: Net, sender: str, exchange: int, *, response: bool) -> None:
    """Lose every message of one kind."""

    def rewrite(datagram: Transmit) -> Transmit | None:
        is_response = bool(datagram.data[19] & FLAG_RESPONSE)
        hit = datagram.path.local == sender and datagram.data[18] == exchange and is_response == response
        return None if hit else datagram

    net.rewrite = rewrite


# --- Child SAs ------------------------------------------------------------------------------------------------


def test_child_rekey_responder_incorrect_delete() -> None:
    """The initiator deletes the new Child SA instead of the old one: the old one is in use again."""
    net, left, right = up()
    lose(net, LEFT, 37, response=False)
    net.command(left, Rekey(child="net"))
    net.settle(1)
    (new,) = right.children()
    (old,) = right.children("REKEYED")
    answer = send(net, left, right, ExchangeType.INFORMATIONAL, [delete(new.spi_out)])
    assert answer == [delete(new.spi_in)]
    assert [child.unique_id for child in right.children()] == [old.unique_id]
    assert right.children()[0].rekey_at is None
    assert [event.up for event in right.events(ChildUpdown)] == [True]
    assert right.sending_sa() is not None


def delete(*spis: int) -> Delete:
    return Delete(Protocol.ESP, tuple(spi.to_bytes(4, "big") for spi in spis))


def test_child_rekey_delete_timeout() -> None:
    """The Delete of the old Child SA is never answered: then the peer is dead."""
    net, left, _right = up()
    net.command(left, Rekey(child="net"))
    lose(net, RIGHT, 37, response=True)
    net.run(200)
    assert not left.endpoint.status()
    assert not left.sas
    assert left.failures()[0].alert is Alert.RETRANSMIT_SEND_TIMEOUT
    assert left.failures()[0].phase == "INFORMATIONAL request"


def test_child_rekey_responder_handle_hard_expire() -> None:
    """The responder's old Child SA hits its hard lifetime before the initiator deletes it: not made anew."""
    net, left, right = up(
        left={"child_rekey_time": 0.0, "child_life_time": 0.0},
        right={"child_rekey_time": 0.0, "child_life_time": 50.0},
    )
    lose(net, LEFT, 37, response=False)
    net.run(40)
    net.command(left, Rekey(child="net"))
    net.run(14)
    net.rewrite = lambda datagram: datagram
    net.run(20)
    assert_one_child(net, left, right)
    assert len(right.events(ChildRekeyed)) >= 1


def assert_flows(left: Host, right: Host) -> None:
    assert traffic_flows(left, right)


def test_child_create_ke_invalid() -> None:
    net, left, _right = up(left={"child_esp_proposals": (TWO_GROUPS,)}, right={"child_esp_proposals": (ONE_GROUP,)})
    op = net.command(left, Initiate(child="net"))
    net.settle()
    assert net.done(left, op).ok
    assert {child.suite.ke and child.suite.ke.id for child in left.children()} == {None, 31}


def test_child_create_group_that_we_do_not_offer() -> None:
    net, left, _right = up(
        left={"child_esp_proposals": (parse_esp("aes128gcm16-ecp256"),)}, right={"child_esp_proposals": (ONE_GROUP,)}
    )
    op = net.command(left, Initiate(child="net"))
    net.settle()
    assert net.done(left, op).record.alert is Alert.PROPOSAL_MISMATCH_CHILD


def test_child_create_collision_ike_rekey() -> None:
    net, left, right = up()
    op = net.command(left, Initiate(child="net"))
    net.command(right, Rekey(ike="right"))
    net.run(60)
    assert net.done(left, op).ok
    assert len(list(installed_pairs(left, right))) == 2


def overtake(net: Net, seconds: float = 1.0) -> None:
    """The answers of the right host are slow, everything else overtakes them."""
    net.delay = lambda d: seconds if d.path.local == RIGHT and d.data[19] & FLAG_RESPONSE else 0.0


@pytest.mark.parametrize("action", [Action.NONE, Action.START])
def test_delete_overtakes_the_answer_that_created_the_child(action: Action) -> None:
    """Right creates a Child SA for left, and its operator deletes it, before left has heard that it exists."""
    net, left, right = psk_pair(child_close_action=Action.NONE, left={"child_close_action": action})
    net.command(left, Initiate(ike="left"))
    net.settle()
    overtake(net)
    op = net.command(left, Initiate(child="net"))
    net.run(0.1)
    assert right.children()
    net.command(right, Terminate(child="net"))
    net.run(20)
    assert "deleted" in net.done(left, op).reason
    assert len(list(installed_pairs(left, right))) == (1 if action is Action.START else 0)
    assert len(left.sas) == len(right.sas)


def test_delete_overtakes_the_answer_that_rekeyed_the_child() -> None:
    net, left, right = up()
    overtake(net)
    net.command(left, Rekey(child="net"))
    net.run(0.1)
    net.command(right, Terminate(child="net"))
    net.run(60)
    assert not left.sas
    assert not right.sas
    assert len(left.ikes()) == len(right.ikes()) == 1


def test_rekeying_overtakes_the_answer_that_created_the_child() -> None:
    net, left, right = psk_pair()
    net.command(left, Initiate(ike="left"))
    net.settle()
    overtake(net)
    net.command(left, Initiate(child="net"))
    net.run(0.1)
    op = net.command(right, Rekey(child="net"))
    net.run(60)
    assert not net.done(right, op).ok, "the command is told to try again; the daemon does that by itself"
    assert_one_child(net, left, right)
    assert len(right.events(ChildRekeyed)) == 1


# --- answers that the offer forbids -----------------------------------------------------------------------------


def spoil(payloads: list[Payload], how: str) -> list[Payload]:
    """Change an answer to something that was not offered."""
    spoiled: list[Payload] = []
    for payload in payloads:
        if how == "proposal" and isinstance(payload, Sa):
            proposal = replace(parse_esp("aes256-sha512"), spi=payload.proposals[0].spi)
            spoiled.append(Sa((proposal,)))
        elif how == "selectors" and isinstance(payload, TsInitiator | TsResponder):
            spoiled.append(type(payload)((parse_selector("0.0.0.0/0"),)))  # type: ignore[arg-type]
        elif how == "group" and isinstance(payload, Ke):
            spoiled.append(Ke(19, bytes(64)))
        elif how == "value" and isinstance(payload, Ke):
            spoiled.append(Ke(31, bytes(32)))
        else:
            spoiled.append(payload)
    return spoiled


@pytest.mark.parametrize("how", ["proposal", "selectors", "group", "value"])
@pytest.mark.parametrize("rekeying", [False, True])
def test_answer_that_was_not_offered(monkeypatch: pytest.MonkeyPatch, how: str, rekeying: bool) -> None:
    """Not installed, recorded, deleted at the peer that believes in it; the old Child SA stays."""
    module = rekey_child if rekeying else create_child
    make = module.make_answer
    net, left, right = up()
    before = left.children()

    def wrong(*args: object, **kwargs: object) -> object:
        made = make(*args, **kwargs)  # type: ignore[arg-type]
        made.payloads = spoil(made.payloads, how)
        return made

    monkeypatch.setattr(module, "make_answer", wrong)
    op = net.command(left, Rekey(child="net") if rekeying else Initiate(child="net"))
    net.run(4)
    done = net.done(left, op)
    assert not done.ok
    assert done.record.alert in (Alert.PROPOSAL_MISMATCH_CHILD, Alert.PARSE_ERROR_BODY)
    assert left.children() == before if not rekeying else len(left.children()) == 1
    assert traffic_flows(left, right)
    assert len(left.ikes()) == len(right.ikes()) == 1


@pytest.mark.parametrize("how", ["group", "value", "spi", "nothing"])
def test_ike_rekeying_answer_that_was_not_offered(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """The peer believes in a new IKE SA that we cannot have: everything ends, and `dpd_action` brings it back."""
    respond = rekey_ike.respond

    def wrong(*args: object) -> list[Payload]:
        payloads = spoil(respond(*args), how)  # type: ignore[arg-type]
        if how == "spi":
            payloads[0] = Sa((replace(payloads[0].proposals[0], spi=b"shrt"),))  # type: ignore[union-attr]
        if how == "nothing":
            payloads = [Notify(NotifyType.COOKIE, b"neither yes nor no")]
        return payloads

    monkeypatch.setattr(rekey_ike, "respond", wrong)
    net, left, right = up(left={"child_dpd_action": Action.RESTART})
    op = net.command(left, Rekey(ike="left"))
    net.run(20)
    assert not net.done(left, op).ok
    monkeypatch.undo()
    net.run(300)
    assert traffic_flows(left, right)
    assert len(left.ikes()) == 1


@pytest.mark.parametrize("kind", [NotifyType.NO_PROPOSAL_CHOSEN, NotifyType.TS_UNACCEPTABLE, NotifyType(8190)])
def test_rekeying_is_refused(monkeypatch: pytest.MonkeyPatch, kind: NotifyType) -> None:
    net, left, right = up()
    monkeypatch.setattr(rekey_child, "respond", lambda *args: [Notify(kind)])
    monkeypatch.setattr(rekey_ike, "respond", lambda *args: [Notify(kind)])
    for command in (Rekey(child="net"), Rekey(ike="left")):
        op = net.command(left, command)
        net.run(3)
        done = net.done(left, op)
        assert not done.ok
        assert done.record.reason
        assert done.record.advice
    monkeypatch.undo()
    net.run(40)
    assert len(left.events(ChildRekeyed)) == 1, "it is tried again"
    assert_one_child(net, left, right)


def test_child_answer_without_sa_and_without_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither yes nor no to a Child SA: not waited for for ever."""
    net, left, _right = up()
    monkeypatch.setattr(create_child, "respond", lambda *args: [Notify(NotifyType.COOKIE, b"?")])
    op = net.command(left, Initiate(child="net"))
    net.run(4)
    assert not net.done(left, op).ok


# --- IKE SAs --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [2, 3])
def test_several_commands_for_the_same_rekeying(count: int) -> None:
    """The peer's rekeying serves those that still wait, too."""
    net, left, right = up()
    ops = [net.command(left, Rekey(ike="left")) for _ in range(count)]
    net.command(right, Rekey(ike="right"))
    net.run(150)
    assert all(net.done(left, op).ok for op in ops)
    assert len(left.endpoint.status()) == len(right.endpoint.status()) == 1


def test_peer_dies_in_the_middle_of_a_collision() -> None:
    """Neither the old IKE SA nor the one that the peer was making of it stays behind."""
    net, left, right = up()
    net.command(left, Rekey(ike="left"))
    net.command(right, Rekey(ike="right"))
    net.rewrite = lambda d: None if d.path.local == RIGHT else d
    net.run(0.02)
    assert len(left.endpoint.status()) == 2
    net.hosts.pop(RIGHT)
    net.run(200)
    assert not left.endpoint.status()
    assert not left.sas
    assert [event.up for event in left.events(IkeUpdown)] == [True, False]


def test_kill_in_the_middle_of_a_collision() -> None:
    net, left, right = up()
    net.command(left, Rekey(ike="left"))
    net.command(right, Rekey(ike="right"))
    net.run(0.012)
    op = net.command(left, Terminate(ike="left", force=True))
    assert net.done(left, op).ok
    net.run(300)
    assert not left.sas
    assert not left.endpoint.status()


@pytest.mark.parametrize("what", [Rekey(child="net"), Rekey(ike="right"), Terminate(child="net")])
def test_collision_of_ike_rekeying_with_work_on_children(what: Rekey | Terminate) -> None:
    net, left, right = up()
    ops = [(left, net.command(left, Rekey(ike="left"))), (right, net.command(right, what))]
    net.run(150)
    for host, op in ops:
        assert net.done(host, op) is not None
    assert len(left.ikes()) == len(right.ikes()) == 1
    assert len(list(installed_pairs(left, right))) == (0 if isinstance(what, Terminate) else 1)


def test_states_of_children_are_told() -> None:
    """list-sas shows a Child SA in each of its states by strongSwan's name."""
    net, left, right = up()
    lose(net, RIGHT, 37, response=True)
    net.command(left, Rekey(child="net"))
    assert left.children("REKEYING")
    net.settle(1)
    assert left.children("DELETING")
    assert right.children("DELETED")
    assert {state.value for state in ChildState} >= {"INSTALLED", "REKEYED"}


# --- commands that are overtaken -------------------------------------------------------------------------------


def test_the_same_command_twice() -> None:
    """What somebody else has done meanwhile is done."""
    net, left, right = up()
    net.command(left, Rekey(child="net"))
    net.command(left, Rekey(child="net"))
    ops = [net.command(left, Rekey(child="net")) for _ in range(2)]
    net.settle(10)
    assert all(net.done(left, op).ok for op in ops)
    assert_one_child(net, left, right)
    ops = [net.command(left, Terminate(child="net")) for _ in range(3)]
    net.settle(10)
    assert all(net.done(left, op).ok for op in ops[:1])
    assert not left.sas
    assert not right.sas


def test_terminate_while_it_is_being_rekeyed() -> None:
    """The tunnel goes, not only the Child SA that the operator saw."""
    net, left, right = up()
    net.command(left, Rekey(child="net"))
    op = net.command(left, Terminate(child="net"))
    net.settle(10)
    assert net.done(left, op).ok
    assert not left.sas
    assert not right.sas


def test_terminate_what_the_peer_deletes_meanwhile() -> None:
    net, left, right = up()
    net.command(left, Rekey(ike="left"))
    op = net.command(left, Terminate(child="net"))
    net.command(right, Terminate(child="net"))
    net.run(60)
    assert net.done(left, op).ok
    assert not left.sas
    assert not right.sas


def test_terminate_the_ike_sa_with_commands_in_the_queue() -> None:
    net, left, right = up()
    net.command(left, Rekey(child="net"))
    waiting = net.command(left, Initiate(child="net"))
    op = net.command(left, Terminate(ike="left"))
    net.settle(10)
    assert net.done(left, op).ok
    assert "terminated" in net.done(left, waiting).reason
    assert not right.endpoint.status()


@pytest.mark.parametrize("both", [False, True])
def test_ike_rekey_ke_invalid(both: bool) -> None:
    """The peer wants the other of the two methods that we offer: INVALID_KE_PAYLOAD, and tried again at once."""
    words = "aes128gcm16-prfsha256-x25519-ecp256"
    net, left, right = up(left={"proposals": (parse_ike(words),)}, right={"proposals": (parse_ike(words),)})
    before = left.ikes()[0].spi_i
    for host in (left, right) if both else (left,):
        (sa,) = host.endpoint._ctx.table
        assert sa.suite is not None
        other = replace(sa.suite.ke, id=19 if sa.suite.ke.id == 31 else 31)
        sa.suite = replace(sa.suite, ke=other)
    ops = [(left, net.command(left, Rekey(ike="left")))]
    if both:
        ops.append((right, net.command(right, Rekey(ike="right"))))
    net.run(150)
    assert all(net.done(host, op).ok for host, op in ops)
    assert left.ikes()[0].spi_i != before
    assert len(left.endpoint.status()) == len(right.endpoint.status()) == 1
    assert traffic_flows(left, right)
