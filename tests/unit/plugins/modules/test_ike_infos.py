# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ike_connection_info, ike_pool_info, ike_counters_info and ike_failures_info."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.keymesh.ike.plugins.modules import (
    ike_connection_info,
    ike_counters_info,
    ike_failures_info,
    ike_pool_info,
)
from ansible_collections.keymesh.ike.tests.unit.plugins.conftest import run
from ansible_collections.keymesh.ike.tests.unit.plugins.fake_daemon import FakeDaemon

POOL = {
    "base": "10.4.0.1",
    "size": "14",
    "online": "1",
    "offline": "1",
    "leases": {
        "0": {"address": "10.4.0.10", "identity": "b", "status": "offline"},
        "1": {"address": "10.4.0.9", "identity": "a", "status": "online"},
    },
}


def info(daemon: FakeDaemon, module: t.Any, **options: t.Any) -> t.Dict[str, t.Any]:
    return run(module, dict(options, socket=daemon.socket), check_mode=True)


def test_connections(daemon: FakeDaemon) -> None:
    daemon.connections["zzz"] = {}
    daemon.loaded = ["zzz"]
    found = info(daemon, ike_connection_info)["connections"]
    assert [(one["name"], one["source"]) for one in found] == [("a--b", "file"), ("zzz", "vici")]
    assert found[0]["remote"] == [
        {"auth": "pre-shared key", "id": "b.example", "groups": [], "certs": [], "cacerts": []}
    ]
    assert (found[0]["rekey_time"], found[0]["dpd_delay"]) == (14400, 0)
    assert [child["name"] for child in found[0]["children"]] == ["backup", "net"]
    assert found[0].keys() == found[1].keys()
    assert [one["name"] for one in info(daemon, ike_connection_info, name="zzz")["connections"]] == ["zzz"]
    assert info(daemon, ike_connection_info, name="nobody")["connections"] == []


def test_pools(daemon: FakeDaemon) -> None:
    daemon.pools = {"guests": POOL, "empty": {"base": "::1", "size": "1", "online": "0", "offline": "0"}}
    found = info(daemon, ike_pool_info)["pools"]
    assert [(one["name"], one["free"]) for one in found] == [("empty", 1), ("guests", 12)]
    assert found[1]["leases"] == [
        {"address": "10.4.0.9", "identity": "a", "online": True},
        {"address": "10.4.0.10", "identity": "b", "online": False},
    ]
    assert ("get-pools", {"leases": "yes"}) in daemon.requests
    assert [one["name"] for one in info(daemon, ike_pool_info, name="guests")["pools"]] == ["guests"]


def test_counters(daemon: FakeDaemon) -> None:
    daemon.counters = {"": {"ike-init-in-req": "3"}, "b--c": {"invalid": "2"}, "a--b": {"invalid": "1"}}
    found = info(daemon, ike_counters_info)
    assert found["total"] == {"ike_init_in_req": 3}
    assert [one["name"] for one in found["connections"]] == ["a--b", "b--c"]
    assert info(daemon, ike_counters_info, name="b--c")["connections"] == [
        {"name": "b--c", "counters": {"invalid": 2}}
    ]
    daemon.unknown = {"get-counters"}
    failed = info(daemon, ike_counters_info)
    assert failed["failed"] and "with its plugin counters" in failed["msg"]


def test_failures(daemon: FakeDaemon) -> None:
    daemon.failures = {"alert": "ts-mismatch", "reason": "no", "age": "100", "connection": "a--b", "child": "net"}
    found = info(daemon, ike_failures_info)
    (record,) = found["failures"]
    assert (record["age"], record["connection"], record["child"], record["offered"]) == (100, "a--b", "net", [])
    assert found["hints"] == []
    assert info(daemon, ike_failures_info, max_age="1m")["failures"] == []
    assert len(info(daemon, ike_failures_info, max_age="2m", name="a--b")["failures"]) == 1
    assert daemon.requests[-1] == ("failures", {"connection": "a--b"})
    failed = info(daemon, ike_failures_info, max_age="soon")
    assert failed["failed"] and failed["msg"].startswith("max_age: 'soon' is not a duration")


def test_strongswan_has_no_records(daemon: FakeDaemon) -> None:
    daemon.version = {"daemon": "charon-systemd", "version": "5.9.8"}
    failed = info(daemon, ike_failures_info)
    assert failed["failed"] and "strongSwan 5.9.8" in failed["msg"] and "it needs ikeengine" in failed["msg"]


@pytest.mark.parametrize("module", [ike_connection_info, ike_counters_info, ike_failures_info, ike_pool_info])
def test_no_daemon(daemon: FakeDaemon, module: t.Any) -> None:
    failed = run(module, {"socket": daemon.socket + "-not"})
    assert failed["failed"] and "check that the service ikeengine runs" in failed["msg"]
