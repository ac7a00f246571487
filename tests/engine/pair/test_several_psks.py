"""Two pre-shared keys of one pair side by side, while one replaces the other (RFC 7296 section 2.15)."""

from __future__ import annotations

import pytest

from ikeengine.model.commands import Rekey
from ikeengine.model.credentials import SharedKey
from ikeengine.model.secret import Secret
from tests.engine.support.pair import Host, Net, traffic_flows
from tests.engine.support.site import pattern, psk_pair

OLD, NEW = "the old one", "the new one"


def give(host: Host, *secrets: str) -> None:
    """Exactly these keys, in this order, each named as it is."""
    credentials = host.endpoint.credentials
    for name in credentials.shared_names():
        credentials.remove_shared(name)
    for secret in secrets:
        credentials.add_shared(SharedKey(secret, Secret(secret.encode()), (pattern("*.example.com"),)))


def site(left_keys: tuple[str, ...], right_keys: tuple[str, ...]) -> tuple[Net, Host, Host]:
    net, left, right = psk_pair()
    give(left, *left_keys)
    give(right, *right_keys)
    return net, left, right


@pytest.mark.parametrize(
    ("initiator", "responder", "used"),
    [
        ((OLD, NEW), (OLD, NEW), OLD),
        ((OLD, NEW), (NEW, OLD), OLD),
        ((NEW, OLD), (OLD, NEW), NEW),
        ((OLD,), (NEW, OLD), OLD),
        ((NEW,), (OLD, NEW), NEW),
        ((OLD, NEW), (OLD,), OLD),
        ((NEW, OLD), (NEW,), NEW),
    ],
)
def test_the_initiator_chooses_and_the_responder_answers_with_the_same(
    initiator: tuple[str, ...], responder: tuple[str, ...], used: str
) -> None:
    net, left, right = site(initiator, responder)
    done = net.initiate(left)
    assert done.ok, done.reason
    assert [host.ikes()[0].shared_key for host in (left, right)] == [used, used]
    assert traffic_flows(left, right)


@pytest.mark.parametrize(("initiator", "responder"), [((OLD, NEW), (NEW,)), ((NEW, OLD), (OLD,)), ((OLD,), (NEW,))])
def test_only_the_first_key_is_used_to_authenticate(initiator: tuple[str, ...], responder: tuple[str, ...]) -> None:
    net, left, right = site(initiator, responder)
    assert not net.initiate(left).ok
    net.run(200)
    assert not left.ikes()
    assert not right.ikes()
    assert "the peer does not use the same pre-shared key" in right.failures()[0].reason


def test_a_key_that_fits_less_well_opens_nothing() -> None:
    net, left, right = site((OLD,), (OLD,))
    right.endpoint.credentials.add_shared(
        SharedKey("pair", Secret(NEW.encode()), (pattern("left.example.com"), pattern("right.example.com")))
    )
    assert not net.initiate(left).ok, "the key for everybody does not replace the one for this pair"


def test_a_rotation_step_by_step() -> None:
    """Both accept both, then use the new one and authenticate again, then forget the old one."""
    net, left, right = site((OLD,), (OLD,))
    assert net.initiate(left).ok
    for keys in ((OLD, NEW), (NEW, OLD)):
        for host in (right, left):
            give(host, *keys)
            assert traffic_flows(left, right)
    net.command(left, Rekey(ike="left"))
    net.settle()
    assert [host.ikes()[0].shared_key for host in (left, right)] == [OLD, OLD], "rekeying does not authenticate"
    net.command(left, Rekey(ike="left", reauth=True))
    net.settle()
    net.run(5)
    assert [[ike.shared_key for ike in host.ikes()] for host in (left, right)] == [[NEW], [NEW]]
    for host in (left, right):
        give(host, NEW)
    net.command(right, Rekey(ike="right", reauth=True))
    net.settle()
    net.run(5)
    assert [[ike.shared_key for ike in host.ikes()] for host in (left, right)] == [[NEW], [NEW]]
    assert traffic_flows(left, right)
