"""`install`, `uninstall` and `pols`, and manual SAs in `status`."""

from __future__ import annotations

import json
from typing import Any

import pytest

POLICY = {
    "site-b/net": {
        "child": "net",
        "ike": "site-b",
        "mode": "TUNNEL",
        "local-ts": ["10.1.0.0/24"],
        "remote-ts": ["dynamic"],
    }
}
SHUNT = {
    "bypass/ports": {
        "child": "ports",
        "ike": "bypass",
        "mode": "PASS",
        "local-ts": ["0.0.0.0/0[tcp/22]"],
        "remote-ts": [],
    }
}
MANUAL = {
    "protocol": "ESP", "mode": "TUNNEL", "local-host": "192.0.2.1", "remote-host": "192.0.2.2", "reqid": "5",
    "spi-in": "00001001", "spi-out": "00001002", "bytes-in": "2048", "bytes-out": "0",
    "local-ts": ["10.1.0.0/24"], "remote-ts": ["10.2.0.0/24"],
}  # fmt: skip


@pytest.mark.parametrize("command", ["install", "uninstall"])
def test_policies_come_and_go(daemon: Any, run: Any, command: str) -> None:
    daemon.answers[command] = ((), {"success": "yes"})
    outcome = run(command, "--ike", "site-b", "--child", "net")
    assert (outcome.code, outcome.out) == (0, f"child net: {command}ed\n")
    assert daemon.requests == [(command, {"child": b"net", "ike": b"site-b"})]
    assert json.loads(run(command, "--child", "net", "--json").out) == {"success": True}


def test_a_refusal_is_a_failure(daemon: Any, run: Any) -> None:
    daemon.answers["install"] = ((), {"success": "no", "errmsg": "no child net is configured"})
    outcome = run("install", "--child", "net")
    assert (outcome.code, outcome.err) == (1, "ikeengine: no child net is configured\n")


def test_pols(daemon: Any, run: Any) -> None:
    daemon.answers["list-policies"] = ([("list-policy", POLICY), ("list-policy", SHUNT)], {})
    assert run("pols").out == (
        "policy        mode    a packet            local              remote\n"
        "site-b/net    tunnel  brings up a tunnel  10.1.0.0/24        dynamic\n"
        "bypass/ports  pass    passes unprotected  0.0.0.0/0[tcp/22]\n"
    )
    assert [list(entry) for entry in json.loads(run("pols", "--json").out)] == [["site-b/net"], ["bypass/ports"]]


def test_manual_sas_are_part_of_the_status(daemon: Any, run: Any) -> None:
    daemon.answers["list-conns"] = daemon.answers["list-sas"] = ((), {})
    daemon.answers["get-manual"] = ((), {"manual": {"link": MANUAL}})
    shown = run("status").out.splitlines()
    assert shown[1].split() == [
        "manual",
        "keys",
        "protocol",
        "peer,",
        "networks",
        "spi",
        "in",
        "spi",
        "out",
        "in",
        "out",
    ]
    assert shown[2].split()[:3] == ["link", "ESP", "tunnel"]
    assert "2.0 KiB" in shown[2]
    (entry,) = json.loads(run("status", "--json").out)
    assert (entry["name"], entry["manual"], entry["spi-in"]) == ("link", True, "00001001")
