"""Several SAs in one Quick Mode (RFC 2409 section 5.5): children for the same traffic that come up together."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ikeengine.ikev1.wire.caps import MAX_SAS
from ikeengine.model.commands import Initiate, Rekey, Terminate
from ikeengine.model.connection import Action, ChildConfig
from ikeengine.negotiate.proposals import parse_esp
from ikeengine.registry import ExchangeType
from tests.engine.support.committing import Committer
from tests.engine.support.ikev1 import ikev1_pair
from tests.engine.support.pair import Host, Net, installed_pairs

QUICK = ExchangeType.QUICK_MODE
STRONG, PLAIN, OLD = "aes256gcm16", "aes128-sha256", "3des-sha1"


def esp(text: str) -> dict[str, object]:
    """What a child of this proposal has."""
    return {"esp_proposals": (parse_esp(text),)}


def with_children(net: Net, host: Host, children: dict[str, dict[str, object]]) -> None:
    """Give the connection of a host these children, each with the traffic selectors of the first one."""
    (config,) = host.endpoint.connections.values()
    (first, *_rest) = config.children.values()
    made: dict[str, ChildConfig] = {name: replace(first, name=name, **own) for name, own in children.items()}
    host.endpoint.load_connection(replace(config, children=made), net.now)
    net.pump(host)


BOTH = {"strong": esp(STRONG), "plain": esp(PLAIN)}


def pair(
    left_children: dict | None = None, right_children: dict | None = None, net: Net | None = None
) -> tuple[Net, Host, Host]:
    net, left, right = ikev1_pair(net)
    with_children(net, left, left_children or BOTH)
    with_children(net, right, right_children or left_children or BOTH)
    return net, left, right


def bring_up(net: Net, host: Host, *names: str) -> list[int]:
    """Commands at the same time."""
    return [net.command(host, Initiate(child=name)) for name in names or BOTH]


def quick_modes(net: Net) -> int:
    """How many there were."""
    return len({d.data[20:24] for _when, d in net.sent if d.data[18] == QUICK})


def algorithms(host: Host) -> dict[str, int]:
    """The cipher of each child that is up."""
    return {child.name: child.suite.encr.id for child in host.children()}


def assert_agree(left: Host, right: Host, count: int) -> None:
    """Both have the same Child SAs, child by child, and the keys of the other side."""
    pairs = list(installed_pairs(left, right))
    assert len(pairs) == len(left.children()) == len(right.children()) == count
    for ours, theirs in pairs:
        assert ours.name == theirs.name
        assert ours.suite == theirs.suite
        for here, there, spi in ((left, right, ours.spi_in), (right, left, ours.spi_out)):
            keys = {sa.encr_key.reveal() for host in (here, there) for sa in host.sas.values() if sa.spi == spi}
            assert len(keys) == 1
    assert len({sa.encr_key.reveal() for sa in left.sas.values()}) == 2 * count, "no key is used twice"


# --- what should be


def test_two_children_come_up_in_one_quick_mode() -> None:
    net, left, right = pair()
    ops = bring_up(net, left)
    net.settle()
    assert [net.done(left, op).ok for op in ops] == [True, True]
    assert quick_modes(net) == 1
    assert_agree(left, right, 2)
    assert len(set(algorithms(left).values())) == 2


def test_with_pfs_and_as_many_as_there_may_be() -> None:
    ciphers = ("aes128", "aes192", "aes256", "3des")
    hashes = ("sha1", "sha256", "sha384")
    texts = [f"{cipher}-{digest}-modp2048" for cipher in ciphers for digest in hashes][: MAX_SAS + 2]
    children = {f"child{number}": esp(text) for number, text in enumerate(texts)}
    net, left, right = pair(children)
    ops = bring_up(net, left, *children)
    net.run(10)
    assert all(net.done(left, op).ok for op in ops)
    assert quick_modes(net) == 2
    assert_agree(left, right, len(children))


@pytest.mark.parametrize("role", ["initiator", "responder"])
@pytest.mark.parametrize("seed", range(10))
def test_loss_and_reordering(role: str, seed: int) -> None:
    net, left, right = pair(net=Net(seed, loss=0.2, duplicate=0.2, jitter=2.0))
    host = left if role == "initiator" else right
    ops = bring_up(net, host)
    net.run(300)
    assert all(net.done(host, op).ok for op in ops)
    assert_agree(left, right, 2)


def test_each_is_rekeyed_and_deleted_alone() -> None:
    net, left, right = pair()
    bring_up(net, left)
    net.settle()
    for round_number, host in enumerate((left, right, left)):
        for name in BOTH:
            before = {child.name: child.spi_in for child in host.children()}
            net.command(host, Rekey(child=name))
            net.run(120)
            assert_agree(left, right, 2)
            after = {child.name: child.spi_in for child in host.children()}
            assert {other for other in BOTH if after[other] != before[other]} == {name}, round_number
    net.command(right, Terminate(child="strong"))
    net.settle()
    assert list(algorithms(left)) == list(algorithms(right)) == ["plain"]


def test_each_has_its_own_lifetime() -> None:
    """Also where the responder wants less: it says so with the SPI of the one that it means."""
    ours = {"strong": {**esp(STRONG), "life_time": 4000.0}, "plain": {**esp(PLAIN), "life_time": 2000.0}}
    theirs = {"strong": {**esp(STRONG), "life_time": 1000.0}, "plain": {**esp(PLAIN), "life_time": 3000.0}}
    net, left, right = pair(ours, theirs)
    bring_up(net, left)
    net.settle()
    for host in (left, right):
        ends = {child.name: round(child.expires_at - net.now, -2) for child in host.children()}
        assert ends == {"strong": 1000.0, "plain": 2000.0}


def test_what_comes_up_by_itself_comes_up_together() -> None:
    """`start_action: start`, when the connection is loaded."""
    net, left, right = ikev1_pair()
    with_children(net, right, BOTH)
    with_children(net, left, {name: {**own, "start_action": Action.START} for name, own in BOTH.items()})
    net.run(5)
    assert quick_modes(net) == 1
    assert_agree(left, right, 2)


def test_with_the_commit_bit() -> None:
    net, left, right = pair()
    committer = Committer(net, right)
    net.delay = lambda datagram: 0.5 if datagram in committer.sent else 0.0
    ops = bring_up(net, left)
    while not committer.sent:
        assert net.step()
    net.run(0.4)
    assert len(left.children()) == 2
    assert not left.outbound
    net.run(0.2)
    assert all(net.done(left, op).ok for op in ops)
    assert_agree(left, right, 2)


@pytest.mark.parametrize(
    "children",
    [
        {"strong": esp(STRONG), "again": esp(STRONG)},
        {"strong": esp(STRONG), "pfs": esp("aes128-sha256-modp2048")},
    ],
    ids=["same proposals", "one with PFS"],
)
def test_what_is_not_put_together(children: dict) -> None:
    """The peer could not tell which is which, or they cannot share a KE payload."""
    net, left, _right = pair(children)
    ops = bring_up(net, left, *children)
    net.run(10)
    assert all(net.done(left, op).ok for op in ops)
    assert quick_modes(net) == 2
