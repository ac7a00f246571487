"""What the network does to tunnels, and what the engine says about it: blocked ports, lost fragments, silent ESP."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.engine.interop.lab import Lab, lab
from tests.engine.interop.test_certificates import connect, equip, leafs
from tests.lab.certs import authority
from tests.lab.control import Refused
from tests.lab.netns import wait_until

IMPATIENT = {"retransmit_timeout": "1s", "retransmit_tries": 2, "retransmit_base": 1.0}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The engine gives up after three seconds."""
    with lab(tmp_path_factory.mktemp("site"), engine=IMPATIENT) as running:
        yield running


@contextlib.contextmanager
def filtered(site: Lab, *rules: str) -> Iterator[None]:
    """Drop on the right gateway what comes in and matches one of these rules."""
    table = "add table inet test\nadd chain inet test in { type filter hook input priority 0; }\n"
    text = table + "".join(f"add rule inet test in {rule}\n" for rule in rules)
    site.right.gateway.run("nft", "-f", "-", input=text)
    try:
        yield
    finally:
        site.right.gateway.run("nft", "delete", "table", "inet", "test")


def failure(site: Lab) -> dict[str, Any]:
    """Initiate in vain; the engine's record, as `explain` prints it too."""
    with pytest.raises(Refused):
        site.engine.initiate("net")
    (record,) = site.engine.failures(site.name)
    explained = " ".join(site.engine.cli("explain", site.name).stdout.split())
    assert " ".join(record["advice"].split()) in explained
    assert record["side"] == "network"
    return record


@pytest.mark.parametrize(
    ("rules", "reason", "advice"),
    [
        (("udp dport 500 drop",), "no answer to 3 datagrams of ", "UDP 500 passes every firewall"),
        (("udp dport 500 reject",), "ICMP port unreachable from 192.0.2.2", "no IKE daemon"),
        (("udp dport 500 reject with icmpx admin-prohibited",), "ICMP administratively prohibited", "UDP 500"),
        (("udp dport 4500 drop",), "though IKE_SA_INIT was answered", "check that UDP 4500 passes every firewall"),
    ],
    ids=["500 dropped", "500 closed", "500 prohibited", "4500 dropped"],
)
def test_blocked_port(site: Lab, rules: tuple[str, ...], reason: str, advice: str) -> None:
    """What was answered, and what came back instead, tells where to look."""
    site.connect()
    with filtered(site, *rules):
        record = failure(site)
    assert reason in record["reason"]
    assert advice in record["advice"]
    assert "IKE_" in record["phase"]


def test_large_datagrams_are_lost(site: Lab) -> None:
    """A certificate makes IKE_AUTH too large for a path that loses fragments: the advice is IKE fragmentation."""
    mine, theirs = leafs("rsa3072")
    equip(site.engine, mine, authority())
    equip(site.charon, theirs, authority())
    connect(site, mine, theirs)
    section = site.connection("engine") | {
        "fragmentation": "no",
        "local": {"auth": "pubkey", "certs": [mine.pem], "id": "left.example.com"},
        "remote": {"auth": "pubkey", "id": "right.example.com"},
    }
    site.engine.load({site.name: section})
    with filtered(site, "meta length > 1200 drop"):
        record = failure(site)
    assert "though IKE_SA_INIT was answered" in record["reason"]
    assert "set `fragmentation: yes` on both sides" in record["advice"]
    assert "UDP 4500" in record["advice"]


def test_esp_is_blocked(site: Lab) -> None:
    """IKE works, and ESP in UDP does not come back: `explain` says so while the tunnel is up, and not afterwards."""
    site.connect()
    site.engine.initiate("net")
    not_ike = "udp dport 4500 @th,64,32 != 0 drop"
    with filtered(site, not_ike):
        assert not any(site.left.client.ping(site.right.host, wait=0.3) for _ in range(4))
        wait_until(lambda: int(site.engine.child()["packets-out"]) >= 4)
        text = " ".join(site.engine.cli("explain", site.name).stdout.split())
    assert f"Connection {site.name} is up, but nothing comes through" in text
    assert "none has come back, while IKE gets through" in text
    assert "whether the peer counts packets in" in text
    site.assert_traffic()
    assert "is up, but" not in site.engine.cli("explain", site.name).stdout
