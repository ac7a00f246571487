# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.keymesh.ike.plugins.modules import ike_sa_info
from ansible_collections.keymesh.ike.tests.unit.plugins.conftest import run
from ansible_collections.keymesh.ike.tests.unit.plugins.fake_daemon import FakeDaemon


def info(daemon: FakeDaemon, **options: t.Any) -> t.Dict[str, t.Any]:
    return run(ike_sa_info, dict(options, socket=daemon.socket), check_mode=True)


def test_what_is_configured_but_down(daemon: FakeDaemon) -> None:
    found = info(daemon)
    assert not found["changed"] and found["sas"] == []
    assert found["down"] == ["a--b/backup", "a--b/net"]
    assert [one["name"] for one in found["connections"]] == ["a--b"]
    assert not found["connections"][0]["established"]


def test_what_is_up(daemon: FakeDaemon) -> None:
    daemon.establish_child(daemon.establish_ike())
    found = info(daemon)
    assert found["down"] == ["a--b/backup"]
    assert found["connections"][0]["established"]
    assert {child["name"]: child["established"] for child in found["connections"][0]["children"]} == {
        "backup": False,
        "net": True,
    }
    assert found["sas"][0]["children"][0]["bytes_in"] == 840


def test_filters(daemon: FakeDaemon) -> None:
    parent = daemon.establish_ike()
    daemon.establish_child(parent, "net")
    daemon.establish_child(parent, "backup")
    found = info(daemon, name="a--b", child="net")
    assert [child["name"] for child in found["sas"][0]["children"]] == ["net"]
    assert [child["name"] for child in found["connections"][0]["children"]] == ["net"]
    assert info(daemon, name="nobody") == dict(found, sas=[], connections=[], down=[])
    assert info(daemon, child="none")["sas"] == []


def test_shunts_need_no_sa() -> None:
    child = {"name": "lan", "established": False}
    connection = {"name": "a", "established": False, "children": [dict(child, mode="PASS"), dict(child, mode="drop")]}
    assert ike_sa_info.down([connection]) == []
    assert ike_sa_info.down([dict(connection, children=[])]) == ["a"]
    assert ike_sa_info.down([dict(connection, children=[dict(child, mode=None)])]) == ["a/lan"]


def test_no_daemon(daemon: FakeDaemon) -> None:
    failed = run(ike_sa_info, {"socket": daemon.socket + "-not"})
    assert failed["failed"] and "no daemon answers at" in failed["msg"]
