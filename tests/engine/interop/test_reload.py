"""Reloads of the real daemon with strongSwan as the peer: what did not change is not touched, and nothing is lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.engine.interop.lab import PSK, Lab, merged
from tests.lab.netns import wait_until
from tests.lab.traffic import no_loss

SECRETS = {"ike-site": {"secret": PSK, "id-1": "left.example.com", "id-2": "right.example.com"}}


@pytest.fixture(autouse=True)
def _empty(site: Lab, _fresh: None) -> Iterator[None]:
    yield
    apply(site, {}, {})


def apply(site: Lab, connections: dict[str, Any], secrets: dict[str, Any] = SECRETS, **engine: Any) -> dict[str, Any]:
    """Change over to a configuration file. Returns what the command line says about it."""
    site.engine.configure({"connections": connections, "secrets": secrets, "engine": engine})
    return json.loads(cli(site, "apply").stdout)


def cli(site: Lab, command: str, *options: str, check: bool = True) -> Any:
    return site.engine.cli(command, "--config", str(site.engine.configuration), "--json", *options, check=check)


def wider(site: Lab) -> dict[str, Any]:
    return {"children": {"net": {"local_ts": [site.left.net, "10.9.0.0/24"]}}}


def test_a_changed_child_is_replaced_without_loss(site: Lab) -> None:
    """Mirrors ikev2/net2net-psk with `swanctl --load-all` on both sides: the IKE SA stays, and no ping is lost."""
    site.connect()
    mine = site.connection("engine")
    apply(site, {site.name: mine})
    site.engine.initiate("net")
    ike, old = site.engine.ike()["initiator-spi"], site.engine.child()["spi-in"]
    theirs = merged(site.connection("charon"), {"children": {"net": {"remote_ts": [site.left.net, "10.9.0.0/24"]}}})
    with no_loss(site.left.client, site.right.host):
        site.charon.load({site.name: theirs})
        plan = apply(site, {site.name: merged(mine, wider(site))})
        wait_until(lambda: [found["spi-in"] for found in site.engine.children()] not in ([], [old]))
        wait_until(lambda: len(site.engine.children()) == len(site.charon.children()) == 1)
    assert plan["connections"][site.name]["action"] == "child"
    assert "local_ts" in plan["connections"][site.name]["details"][0]
    assert site.engine.ike()["initiator-spi"] == ike
    assert site.engine.child()["local-ts"] == [site.left.net, "10.9.0.0/24"]
    site.assert_traffic()


def test_the_old_child_stays_as_long_as_the_peer_refuses_the_new_one(site: Lab) -> None:
    """Mirrors ikev2/net2net-psk when only one side is changed so far."""
    site.connect()
    mine = site.connection("engine")
    apply(site, {site.name: mine})
    site.engine.initiate("net")
    old = site.engine.child()["spi-in"]
    with no_loss(site.left.client, site.right.host):
        apply(site, {site.name: merged(mine, {"children": {"net": {"esp_proposals": ["aes256-sha512-x25519"]}}})})
        wait_until(lambda: site.engine.failures(site.name))
    assert site.engine.child()["spi-in"] == old
    site.assert_traffic()


def test_unchanged_connections_keep_their_sas(site: Lab) -> None:
    """Mirrors ikev2/net2net-psk while other connections come, change and go, and engine options change."""
    site.connect()
    mine = site.connection("engine")
    apply(site, {site.name: mine})
    site.engine.initiate("net")
    spi = site.engine.child()["spi-in"]
    other = merged(mine, {"remote_addrs": ["192.0.2.77"], "remote": {"id": "right.example.com"}})
    with no_loss(site.left.client, site.right.host):
        assert apply(site, {site.name: mine, "other": other})["connections"]["other"]["action"] == "add"
        other = merged(other, {"dpd_delay": "30s"})
        made = apply(site, {site.name: mine, "other": other}, keep_alive="11s")
        assert made["connections"]["other"]["action"] == "replace"
        assert any("keep_alive" in line for line in made["others"])
        assert apply(site, {site.name: mine})["connections"]["other"]["action"] == "remove"
    assert site.engine.child()["spi-in"] == spi


def test_a_dry_run_changes_nothing(site: Lab) -> None:
    site.connect()
    mine = site.connection("engine")
    apply(site, {site.name: mine})
    site.engine.initiate("net")
    site.engine.configure({"connections": {}, "secrets": SECRETS})
    made = json.loads(cli(site, "apply", "--dry-run").stdout)
    assert made["connections"][site.name]["action"] == "remove"
    site.assert_traffic()


def test_a_broken_configuration_is_refused_as_a_whole(site: Lab) -> None:
    site.connect()
    mine = site.connection("engine")
    apply(site, {site.name: mine})
    site.engine.initiate("net")
    spi = site.engine.child()["spi-in"]
    broken = {"connections": {"new": merged(mine, {"local": {"auth": "pubkey"}})}, "secrets": SECRETS}
    site.engine.configure(broken)
    assert cli(site, "apply", check=False).returncode == 2
    assert site.engine.child()["spi-in"] == spi
    site.assert_traffic()


def test_reload_while_connecting(site: Lab) -> None:
    """Mirrors ikev2/net2net-start with strongSwan#2418: the reload comes while the IKE SA is being established."""
    site.connect()
    start = merged(site.connection("engine"), {"children": {"net": {"start_action": "start"}}})
    apply(site, {site.name: start})
    apply(site, {site.name: merged(start, {"children": {"net": {"rekey_time": "2h"}}})})
    apply(site, {site.name: merged(start, {"dpd_delay": "30s"})})
    wait_until(site.engine.children)
    site.assert_traffic()
    wait_until(lambda: len(site.engine.children()) == len(site.charon.children()) == 1)


def test_a_restarted_connection_brings_back_what_was_up(site: Lab) -> None:
    """Mirrors ikev2/net2net-psk with strongSwan#2324: what an operator has initiated is up again by itself."""
    site.connect()
    mine = site.connection("engine")
    apply(site, {site.name: mine})
    site.engine.initiate("net")
    old = site.engine.ike()["initiator-spi"]
    assert apply(site, {site.name: merged(mine, {"dpd_delay": "30s"})})["connections"][site.name]["action"] == "replace"
    wait_until(lambda: old not in [sa["initiator-spi"] for sa in site.engine.sas()] and site.engine.children())
    wait_until(lambda: len(site.charon.ikes()) == 1)
    site.assert_same_child()
    site.assert_traffic()
