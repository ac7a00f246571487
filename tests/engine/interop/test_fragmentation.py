"""IKE_AUTH with certificates of several kilobytes, in IKE fragments instead of IP fragments (RFC 7383)."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.interop.lab import LEFT_ID, RIGHT_ID, Lab, lab
from tests.engine.interop.test_certificates import equip
from tests.engine.support.pcap import read_ike
from tests.lab.certs import Authority, Issued, authority
from tests.lab.traffic import IP_FRAGMENTS, Capture, captured

IKE_AUTH, SKF, RESPONSE = 35, 53, 0x20
LONGEST = 1400 - 28
"""Octets of an IKE message in the datagrams that charon sends here."""
SMALL = 576 - 28
IPV6 = {
    "engine": {"local_addrs": ["2001:db8::1"], "remote_addrs": ["2001:db8::2"]},
    "charon": {"local_addrs": ["2001:db8::2"], "remote_addrs": ["2001:db8::1"]},
}


@functools.cache
def chain() -> tuple[Authority, Authority, Issued, Issued]:
    """A root, an intermediate authority that only its leafs know, and the leafs of the engine and of charon."""
    root = authority("Large Root CA", "rsa4096")
    below = root.intermediate("Large Intermediate CA", "rsa4096")
    return root, below, below.leaf(LEFT_ID, "rsa4096"), below.leaf(RIGHT_ID, "rsa4096")


def connect(site: Lab, *, engine: dict[str, Any] | None = None, charon: dict[str, Any] | None = None) -> None:
    """The connection with the large certificates; each side has to send the intermediate one, too."""
    root, below, mine, theirs = chain()
    equip(site.engine, mine, root, intermediates=(below,))
    equip(site.charon, theirs, root, intermediates=(below,))
    site.connect(
        engine={"local": {"certs": [mine.pem]}, **(engine or {})},
        charon={"local": {"certs": [theirs.pem]}, **(charon or {})},
        local={"auth": "pubkey"},
        remote={"auth": "pubkey"},
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with lab(tmp_path_factory.mktemp("fragments"), charon={"fragment_size": "1400"}) as running:
        yield running


def ike_auth(file: Path, *, response: bool) -> tuple[list[int], int]:
    """IKE_AUTH requests or responses in a capture: the lengths of the fragments, and how many came in one piece."""
    messages = [data for data in read_ike(file) if data[18] == IKE_AUTH and bool(data[19] & RESPONSE) == response]
    lengths = [len(data) for data in messages if data[16] == SKF]
    return lengths, len(messages) - len(lengths)


def assert_all_in_fragments(capture: Capture, file: Path) -> None:
    """Both sides sent IKE_AUTH in several datagrams, none too long, and no datagram as IP fragments."""
    assert capture.count(IP_FRAGMENTS) == 0
    for response in (False, True):
        lengths, whole = ike_auth(file, response=response)
        assert len(lengths) >= 2
        assert whole == 0
        assert max(lengths) <= LONGEST


@pytest.mark.scenario("ike/frags-ipv4")
def test_over_ipv4(site: Lab, initiator: str, tmp_path: Path) -> None:
    """Mirrors ike/frags-ipv4: chains of RSA-4096 certificates, in fragments in both directions."""
    with captured(site.left.gateway, tmp_path / "outer.pcap") as capture:
        connect(site)
        site.daemon(initiator).initiate("net")
        site.assert_same_ike()
        site.assert_traffic()
    capture.assert_only_ike_and_esp()
    assert_all_in_fragments(capture, tmp_path / "outer.pcap")
    assert not site.engine.failures(site.name)


@pytest.mark.scenario("ike/frags-ipv6")
def test_over_ipv6(site: Lab, initiator: str, tmp_path: Path) -> None:
    """Mirrors ike/frags-ipv6: the same over IPv6, where routers never fragment."""
    with captured(site.left.gateway, tmp_path / "outer.pcap") as capture:
        connect(site, **IPV6)
        site.daemon(initiator).initiate("net")
        mine, _ = site.assert_same_ike()
        site.assert_traffic()
    assert mine["remote-host"] == site.right.address6
    assert_all_in_fragments(capture, tmp_path / "outer.pcap")


@pytest.mark.scenario("ike/frags-ipv4")
@pytest.mark.parametrize(
    ("engine", "charon", "fragmented"),
    [
        ("force", "yes", {"engine", "charon"}),
        ("yes", "force", {"engine", "charon"}),
        ("force", "no", {"engine"}),
        ("no", "force", {"charon"}),
        ("accept", "yes", {"charon"}),
        ("yes", "accept", {"engine"}),
        ("yes", "no", set()),
        ("no", "yes", set()),
    ],
)
def test_who_fragments(
    site: Lab, initiator: str, tmp_path: Path, engine: str, charon: str, fragmented: set[str]
) -> None:
    """Mirrors ike/frags-ipv4 with the values of `fragmentation`: both sides mean the same by them."""
    with captured(site.left.gateway, tmp_path / "outer.pcap"):
        connect(site, engine={"fragmentation": engine}, charon={"fragmentation": charon})
        site.daemon(initiator).initiate("net")
    site.assert_same_child()
    for name in ("engine", "charon"):
        lengths, whole = ike_auth(tmp_path / "outer.pcap", response=name != initiator)
        assert bool(lengths) == (name in fragmented), name
        assert bool(whole) == (name not in fragmented), name


@pytest.mark.scenario("ike/frags-ipv4", role="initiator")
def test_narrow_path(site: Lab, tmp_path: Path) -> None:
    """Mirrors ike/frags-ipv4 where datagrams of 1280 octets do not pass: after some silence, smaller ones are sent."""
    site.charon.configure({"fragment_size": "576"})
    rules = "table ip narrow { chain in { type filter hook input priority filter; ip length > 800 drop; }; }"
    site.right.gateway.run("nft", "-f", "-", input=rules)
    try:
        with captured(site.left.gateway, tmp_path / "outer.pcap"):
            connect(site)
            site.engine.initiate("net")
    finally:
        site.right.gateway.run("nft", "delete", "table", "ip", "narrow")
        site.charon.configure({})
    site.assert_traffic()
    lengths, _ = ike_auth(tmp_path / "outer.pcap", response=False)
    assert max(lengths) > SMALL >= lengths[-1]
