"""Fragments of IKEv1 messages between the engine and strongSwan, in both directions and in every exchange."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.interop.ikev1.site import connect
from tests.engine.interop.lab import Lab, lab
from tests.lab.traffic import captured

SIZE = 400
"""The least that may be configured."""
MANY = [f"aes{bits}-{digest}-modp3072" for bits in (128, 192, 256) for digest in ("sha256", "sha384", "sha512")]
MARKER = "udp port 4500 and udp[8:4] = 0"
FRAGMENT = f"((udp port 500 and udp[24] = 132) or ({MARKER} and udp[28] = 132))"
"""A message with a fragment."""
TOO_LONG = f"udp[4:2] > {SIZE - 20}"
NOT_OF_MAIN_MODE = f"((udp port 500 and udp[26] != 2) or ({MARKER} and udp[30] != 2))"
FIRST = "udp port 500 and udp[16:4] = 0 and udp[20:4] = 0"
"""Without a responder's cookie."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    directory = tmp_path_factory.mktemp("fragments")
    with lab(directory, engine={"fragment_size": SIZE}, charon={"fragment_size": str(SIZE)}) as running:
        yield running


@pytest.mark.parametrize(
    ("engine", "charon", "fragmented"),
    [
        ("yes", "yes", {"engine", "charon"}),
        ("force", "force", {"engine", "charon"}),
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
    """Mirrors ike/frags-ipv4 with IKEv1: both sides mean the same by the values of `fragmentation`."""
    with captured(site.left.gateway, tmp_path / "outer.pcap") as capture:
        connect(site, engine={"fragmentation": engine}, charon={"fragmentation": charon})
        site.daemon(initiator).initiate("net")
        site.assert_same_child()
        site.assert_traffic()
    for name, address in (("engine", site.left.address), ("charon", site.right.address)):
        assert bool(capture.count(f"{FRAGMENT} and src host {address}")) == (name in fragmented), name
    assert not capture.count(f"{FRAGMENT} and {TOO_LONG}")
    assert not site.engine.failures(site.name)


def test_first_message_in_fragments(site: Lab, initiator: str, tmp_path: Path) -> None:
    """With `force` the first message of all is cut, and the other side puts it together before it knows anybody."""
    with captured(site.left.gateway, tmp_path / "outer.pcap") as capture:
        connect(site, fragmentation="force", proposals=MANY)
        site.daemon(initiator).initiate("net")
        site.assert_same_child()
        site.assert_traffic()
    assert capture.count(f"{FRAGMENT} and {FIRST}") == capture.count(FIRST) >= 2


@pytest.mark.parametrize("rekeyed_by", ["engine", "charon"])
def test_rekey_in_fragments(site: Lab, initiator: str, rekeyed_by: str, tmp_path: Path) -> None:
    """Quick Mode after phase 1 and another phase 1 are cut as well."""
    connect(site, fragmentation="force")
    site.daemon(initiator).initiate("net")
    site.assert_same_child()
    with captured(site.left.gateway, tmp_path / "outer.pcap") as capture:
        site.rekey_ike(rekeyed_by)
        site.assert_traffic()
    for address in (site.left.address, site.right.address):
        assert capture.count(f"{FRAGMENT} and src host {address}") >= 2
    assert not capture.count(f"{FRAGMENT} and {NOT_OF_MAIN_MODE}")
