"""Which child configuration a responder takes for an offer (RFC 7296 section 2.9)."""

from __future__ import annotations

from dataclasses import replace

from ikeengine.model.commands import Initiate
from ikeengine.negotiate.proposals import parse_esp
from ikeengine.negotiate.selectors import parse_selector
from tests.engine.support.pair import Host, Net
from tests.engine.support.site import psk_pair


def add_child(net: Net, host: Host, name: str, local: str, remote: str) -> None:
    """One more child that takes other proposals than `net`."""
    (config,) = host.endpoint.connections.values()
    child = replace(
        config.children["net"],
        name=name,
        esp_proposals=(parse_esp("aes256gcm16-ecp256"),),
        local_ts=(parse_selector(local),),
        remote_ts=(parse_selector(remote),),
    )
    host.endpoint.load_connection(replace(config, children={**config.children, name: child}), net.now)
    net.pump(host)


def test_equal_selectors_beat_wider_ones() -> None:
    net, left, right = psk_pair()
    add_child(net, left, "tcp", "10.1.0.0/24[tcp]", "10.2.0.0/24[tcp]")
    add_child(net, right, "tcp", "10.2.0.0/24[tcp]", "10.1.0.0/24[tcp]")
    assert net.initiate(left, "net").ok
    op = net.command(left, Initiate(child="tcp"))
    net.settle()
    assert net.done(left, op).ok
    assert [child.name for child in right.children()] == ["net", "tcp"]


def test_wider_selectors_beat_overlapping_ones() -> None:
    net, left, right = psk_pair(child_local_ts=(parse_selector("10.0.0.0/8"),))
    add_child(net, right, "wide", "0.0.0.0/0", "0.0.0.0/0")
    assert not net.initiate(left, "net").ok, "the child of the best fit has no proposal in common"
    assert "esp" in right.failures()[0].offered[0].lower() or right.failures()[0].alert.value.startswith("proposal")
