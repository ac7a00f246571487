"""Several SAs in one Quick Mode with peers that do not go along, and with those that lie."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ikeengine.ikev1.exchanges import quick_choice
from ikeengine.ikev1.wire.caps import MAX_SAS
from ikeengine.ikev1.wire.numbers import NotifyType
from ikeengine.ikev1.wire.payloads import Notify, Payload, Sa
from ikeengine.model.failure import Alert
from ikeengine.outputs import Dropped, DropReason, LogLine, Transmit
from tests.engine.pair.ikev1.test_several_sas import (
    BOTH,
    OLD,
    QUICK,
    STRONG,
    algorithms,
    assert_agree,
    bring_up,
    esp,
    pair,
    quick_modes,
    with_children,
)
from tests.engine.support.forge import deliver
from tests.engine.support.forge_v1 import changed, informational, the_sa
from tests.engine.support.pair import Host, Net


def test_a_peer_without_one_of_the_children() -> None:
    """All or nothing in one Quick Mode, then each alone: one comes up, and both sides say why the other does not."""
    net, left, right = pair(BOTH, {"strong": esp(STRONG)})
    ops = bring_up(net, left)
    net.run(10)
    assert sorted(net.done(left, op).ok for op in ops) == [False, True]
    assert list(algorithms(left)) == list(algorithms(right)) == ["strong"]
    first = right.failures()[0]
    assert first.alert is Alert.PROPOSAL_MISMATCH_CHILD
    assert "wants 2 SAs in one Quick Mode, but 1 of the children" in first.reason
    assert [line for line in left.events(LogLine) if "no Quick Mode for 2 SAs" in line.text]
    assert {record.child for record in left.failures()} == {"plain"}


def test_no_proposal_for_one_of_them() -> None:
    net, left, right = pair(BOTH, {"strong": esp(STRONG), "plain": esp(OLD)})
    ops = bring_up(net, left)
    net.run(10)
    assert sorted(net.done(left, op).ok for op in ops) == [False, True]
    assert right.failures()[0].child == "plain"
    assert "3des" in right.failures()[0].accepted[0]
    assert list(algorithms(left)) == ["strong"]


def rewrite_quick(net: Net, host: Host, step: int, edit: object) -> None:
    """Change a message of every Quick Mode before `host` gets it; its HASH stays right."""
    seen: dict[bytes, dict[bytes, bytes]] = {}

    def rewrite(datagram: Transmit) -> Transmit:
        if datagram.data[18] != QUICK:
            return datagram
        messages = seen.setdefault(datagram.data[20:24], {})
        if datagram.data not in messages:
            is_meant = len(messages) == step
            messages[datagram.data] = changed(the_sa(host), datagram.data, edit) if is_meant else datagram.data
        return Transmit(messages[datagram.data], datagram.path)

    net.rewrite = rewrite


def test_an_sa_too_few_in_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer such as strongSwan looks at the first SA payload alone: the other child asks once more."""
    every = quick_choice.choose
    monkeypatch.setattr(
        quick_choice, "choose", lambda ctx, sa, offered, *rest, **ke: every(ctx, sa, offered[:1], *rest, **ke)
    )
    net, left, right = pair()
    ops = bring_up(net, left)
    net.run(10)
    assert all(net.done(left, op).ok for op in ops)
    assert quick_modes(net) == 2
    assert_agree(left, right, 2)


def test_an_sa_too_many_in_the_answer() -> None:
    net, left, _right = pair()

    def more(payloads: list[Payload]) -> list[Payload]:
        last = [payload for payload in payloads if isinstance(payload, Sa)][-1]
        return [other for payload in payloads for other in ((payload, last) if payload is last else (payload,))]

    rewrite_quick(net, left, 1, more)
    ops = bring_up(net, left)
    net.run(10)
    assert not any(net.done(left, op).ok for op in ops)
    assert not left.sas
    assert "answer has 2 SA payloads, the offer 1" in left.failures()[0].reason


def same_spi(payloads: list[Payload]) -> list[Payload]:
    """All proposals with the SPI of the first one."""
    spi = next(payload for payload in payloads if isinstance(payload, Sa)).proposals[0].spi
    return [
        Sa(tuple(replace(one, spi=spi) for one in payload.proposals)) if isinstance(payload, Sa) else payload
        for payload in payloads
    ]


@pytest.mark.parametrize("liar", ["initiator", "responder"])
def test_the_same_spi_twice(liar: str) -> None:
    net, left, right = pair()
    rewrite_quick(net, right if liar == "initiator" else left, 0 if liar == "initiator" else 1, same_spi)
    bring_up(net, left)
    net.settle(0.5)
    host = right if liar == "initiator" else left
    assert "same SPI" in str([*(record.reason for record in host.failures()), *host.events(LogLine)])
    assert not [child for child in host.children() if child.name == "plain" and liar == "initiator"]


def test_more_sas_than_anybody_needs() -> None:
    """Dropped before anything is looked at; nothing comes up, and nobody is told."""
    net, left, right = pair()

    def many(payloads: list[Payload]) -> list[Payload]:
        first = next(payload for payload in payloads if isinstance(payload, Sa))
        rest = [payload for payload in payloads if not isinstance(payload, Sa)]
        return [rest[0], *[first] * (MAX_SAS + 1), *rest[1:]]

    rewrite_quick(net, right, 0, many)
    bring_up(net, left)
    net.settle(2)
    assert DropReason.BAD_PAYLOADS in {event.reason for event in right.events(Dropped)}
    assert not right.sas
    net.rewrite = lambda datagram: datagram
    net.run(10)
    assert_agree(left, right, 2)


def test_one_of_them_is_taken_back_meanwhile() -> None:
    """Its Child SA comes up, because the peer has it already, and goes again."""
    net, left, right = pair()
    net.delay = lambda datagram: 1.0 if datagram.data[18] == QUICK else 0.0
    bring_up(net, left)
    net.run(0.5)
    with_children(net, left, {"strong": esp(STRONG)})
    net.run(10)
    assert_agree(left, right, 1)
    assert list(algorithms(left)) == ["strong"]


def test_the_peer_dies_meanwhile() -> None:
    """Every command has an answer, and nothing is left."""
    net, left, right = pair()
    net.rewrite = lambda datagram: None if datagram.data[18] == QUICK else datagram
    ops = bring_up(net, left)
    net.run(400)
    assert all(net.done(left, op) is not None for op in ops[:1])
    assert not left.sas
    assert not right.sas


def test_a_refusal_in_an_informational_exchange() -> None:
    """A peer that refuses both together is asked for each."""
    net, left, right = pair()
    net.rewrite = lambda datagram: None if datagram.data[18] == QUICK else datagram
    bring_up(net, left)
    net.run(1)
    deliver(net, left, informational(the_sa(left), 99, Notify(NotifyType.NO_PROPOSAL_CHOSEN)))
    net.rewrite = lambda datagram: datagram
    net.run(20)
    assert_agree(left, right, 2)
    assert not left.failures()
