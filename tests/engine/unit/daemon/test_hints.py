"""Hints from the counters: tunnels that are up, but through which nothing comes."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from ikeengine.cli import explain
from ikeengine.daemon.hints import hints
from ikeengine.model.failure import Alert
from ikeengine.model.sa import Usage
from ikeengine.negotiate.proposals import parse_ah
from ikeengine.observe.events import failure_fields
from tests.engine.support.pair import Host
from tests.engine.support.site import psk_pair


def host(**options: object) -> Host:
    """A host with one tunnel."""
    net, left, _right = psk_pair(**options)
    assert net.initiate(left).ok
    net.settle()
    return left


def service(left: Host, received: Usage | None, sent: Usage | None) -> Any:
    """What `hints` needs of the service."""
    inbound = {child.sa_in for ike in left.endpoint.status() for child in ike.children}
    return SimpleNamespace(core=left.endpoint, usage=lambda sa: received if sa in inbound else sent, now=lambda: 5.0)


def usage(packets: int, **more: int) -> Usage:
    return replace(Usage(bytes=packets * 100, packets=packets, last_use=None), **more)


@pytest.mark.parametrize(
    ("received", "sent", "found"),
    [
        (usage(0), usage(3), True),
        (usage(0), usage(2), False),
        (usage(1), usage(99), False),
        (usage(0), usage(0), False),
        (None, usage(9), False),
        (usage(0), None, False),
    ],
)
def test_one_way_only(received: Usage | None, sent: Usage | None, found: bool) -> None:
    left = host(mobike=False)
    records = list(hints(service(left, received, sent)))
    assert bool(records) == found
    for record in records:
        assert record.alert is Alert.ESP_BLOCKED
        assert "IP protocol 50" in record.advice
        assert "`encap: yes`" in record.advice


def test_in_udp_and_with_wrong_keys() -> None:
    left = host(encap=True)
    (record,) = hints(service(left, usage(0), usage(5)))
    assert "UDP 4500" in record.advice
    (record,) = hints(service(left, usage(0, integrity_failures=7), usage(5)))
    assert "7 packets came with a wrong checksum" in record.advice


def test_ah() -> None:
    """There is no UDP encapsulation that would help."""
    ah = parse_ah("sha256")
    (record,) = hints(service(host(child_esp_proposals=(ah,)), usage(0), usage(5)))
    assert record.phase == "AH"
    assert "IP protocol 51" in record.advice
    assert "encap" not in record.advice


def test_of_one_connection() -> None:
    left = host()
    assert list(hints(service(left, usage(0), usage(5)), "left"))
    assert not list(hints(service(left, usage(0), usage(5)), "another"))


def test_the_tunnel_has_not_failed() -> None:
    """The heading does not claim that the connection failed."""
    left = host()
    (record,) = hints(service(left, usage(0), usage(5)))
    section = {key: str(value).encode() for key, value in failure_fields(record).items() if isinstance(value, str)}
    assert explain.heading(section) == "Connection left is up, but nothing comes through"
