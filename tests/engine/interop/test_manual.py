"""Manually keyed SAs of two daemons with the userspace datapath, and a bypass beside them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.engine.interop.lab import Lab, engines_lab
from tests.lab.netns import wait_until
from tests.lab.traffic import no_loss

KEYS = {name: bytes(range(start, start + 32)).hex() for name, start in (("a", 0), ("b", 40), ("c", 80), ("d", 120))}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with engines_lab(tmp_path_factory.mktemp("manual")) as running:
        yield running


def configuration(site: Lab, *, right: bool) -> dict[str, Any]:
    own, peer = (site.right, site.left) if right else (site.left, site.right)
    first = {"spi": "0x1001", "encr_key": "manual-a", "integ_key": "manual-b"}
    second = {"spi": "0x1002", "encr_key": "manual-c", "integ_key": "manual-d"}
    link = {
        "local_addr": own.address,
        "remote_addr": peer.address,
        "esp_proposals": "aes256-sha256",
        "local_ts": own.net,
        "remote_ts": peer.net,
        "in": second if right else first,
        "out": first if right else second,
    }
    return {
        "manual": {"link": link},
        "secrets": {f"manual-{name}": {"secret": f"0x{key}"} for name, key in KEYS.items()},
    }


def apply(daemon: Any, content: dict[str, Any]) -> None:
    daemon.configure(content)
    daemon.cli("apply", "--config", str(daemon.configuration))


def test_packets_go_through_manual_sas(site: Lab) -> None:
    """Mirrors no scenario: strongSwan has no manual keys. A reload that changes something else loses no packet."""
    mine, theirs = configuration(site, right=False), configuration(site, right=True)
    apply(site.engine, mine)
    apply(site.charon, theirs)
    with no_loss(site.left.client, site.right.host):
        apply(site.engine, mine | {"engine": {"keep_alive": "33s"}})
        assert site.right.client.ping(site.left.host, count=3)
    shown = site.engine.cli("status").stdout
    assert "00001001" in shown
    assert "no rekeying" in site.engine.log()
    assert not any(key in shown + site.engine.log() for key in KEYS.values())
    apply(site.engine, {})
    site.assert_no_traffic()
    apply(site.charon, {})
    assert "link" not in site.engine.cli("status").stdout


def test_a_bypass_saves_the_operator_from_a_drop_policy(site: Lab) -> None:
    """Mirrors strongSwan's bypass-lan plugin: what comes first cannot be cut off by a policy for everything."""
    left, right = site.left.gateway, site.right
    drop = {"local_ts": "0.0.0.0/0", "remote_ts": "0.0.0.0/0", "mode": "drop", "start_action": "trap"}
    connection = {"local": {"auth": "psk"}, "remote": {"auth": "psk"}, "children": {"all": drop}}
    content = {"connections": {"drop": connection}, "secrets": {"ike-a": {"secret": "sixteen octets at least"}}}
    apply(site.engine, content)
    assert not left.ping(right.address, wait=0.3)
    apply(site.engine, content | {"engine": {"bypass_networks": [f"{right.address}/32"], "bypass_ports": ["tcp/22"]}})
    assert left.ping(right.address, count=3)
    shown = site.engine.cli("pols").stdout
    assert "bypass/networks" in shown
    assert "bypass/ports" in shown
    apply(site.engine, {})
    assert not routes(site), "nothing is left behind"


def routes(site: Lab) -> str:
    return site.left.gateway.run("ip", "route", "show", "table", "220", check=False).stdout


def test_the_routes_of_a_bypass_do_not_outlive_the_daemon(site: Lab) -> None:
    """Mirrors no scenario: after a crash the next daemon cleans up."""
    apply(site.engine, {"engine": {"bypass_networks": ["198.51.100.0/24"]}})
    site.engine.kill()
    assert "throw 198.51.100.0/24" in routes(site)
    site.engine.configure({})
    site.engine.start()
    wait_until(lambda: not routes(site))
    apply(site.engine, {"engine": {"bypass_networks": ["198.51.100.0/24"]}})
    site.engine.stop()
    assert not routes(site)
    site.engine.start()
