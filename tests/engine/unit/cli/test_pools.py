"""`ikeengine pools`."""

from __future__ import annotations

import json
from typing import Any

POOL = {"base": "10.3.0.0", "size": "14", "online": "1", "offline": "0"}
LEASE = {"address": "10.3.0.1", "identity": "carol@example.com", "status": "online"}


def test_pools(daemon: Any, run: Any) -> None:
    daemon.answers["get-pools"] = ((), {"rw": POOL})
    assert run("pools").out.split() == ["pool", "base", "size", "online", "offline", "rw", "10.3.0.0", "14", "1", "0"]
    assert daemon.requests == [("get-pools", {})]


def test_leases_of_one_pool(daemon: Any, run: Any) -> None:
    daemon.answers["get-pools"] = ((), {"rw": POOL | {"leases": {"0": LEASE}}})
    out = run("pools", "--leases", "rw").out
    assert out.split() == ["pool", "address", "state", "identity", "rw", "10.3.0.1", "online", "carol@example.com"]
    assert daemon.requests == [("get-pools", {"name": b"rw", "leases": b"yes"})]


def test_json(daemon: Any, run: Any) -> None:
    daemon.answers["get-pools"] = ((), {"rw": POOL})
    assert json.loads(run("pools", "--json").out)["rw"]["base"] == "10.3.0.0"


def test_no_pools(daemon: Any, run: Any) -> None:
    daemon.answers["get-pools"] = ((), {})
    assert run("pools").out == "no pools are loaded\n"
    assert run("pools", "--leases").out == "no address was given to anybody\n"
    result = run("pools", "rw")
    assert result.code == 1
    assert "there is no pool `rw`" in result.err
