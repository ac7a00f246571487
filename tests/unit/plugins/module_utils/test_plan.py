# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.keymesh.ike.plugins.module_utils._plan import NOTHING, from_response

RESPONSE = {
    "success": "yes",
    "connections": {
        "c--d": {"action": "add"},
        "a--b": {"action": "child", "details": ["children.net.remote_ts: 10.2.0.0/16 -> 10.2.0.0/15"]},
        "a--c": {"action": "unchanged", "details": []},
    },
    "others": ["shared key ike-a--b: changed"],
}


def test_a_plan_is_ordered_by_connection() -> None:
    plan = from_response(RESPONSE)
    assert [entry["connection"] for entry in plan.connections] == ["a--b", "a--c", "c--d"]
    assert [entry["connection"] for entry in plan.changes] == ["a--b", "c--d"]
    assert all(entry.keys() == {"connection", "action", "details"} for entry in plan.connections)


def test_a_plan_for_people() -> None:
    assert str(from_response(RESPONSE)) == (
        "~ a--b: child\n"
        "    children.net.remote_ts: 10.2.0.0/16 -> 10.2.0.0/15\n"
        "+ c--d: add\n"
        "* shared key ike-a--b: changed\n"
    )


def test_what_an_empty_plan_is() -> None:
    assert NOTHING.is_empty
    assert from_response({"connections": {"a": {"action": "unchanged"}}}).is_empty
    assert not from_response({"others": ["authority mesh: added"]}).is_empty
    assert not from_response({"connections": {"a": {"action": "remove"}}}).is_empty


def test_the_sas_that_drop_are_named() -> None:
    sections = {
        "10": {"connection": "c--d", "child": "old", "uniqueid": "9", "remote-host": "192.0.2.4", "children": ["old"]},
        "2": {
            "connection": "a--b",
            "child": "",
            "uniqueid": "3",
            "remote-host": "192.0.2.2",
            "remote-id": "b.example",
            "established": "61",
            "children": ["net"],
            "again": "yes",
        },
    }
    plan = from_response({"drops": sections})
    assert [drop["unique_id"] for drop in plan.drops] == [3, 9]
    assert plan.drops[0]["again"] is True and plan.drops[0]["established"] == 61
    assert plan.drops[1]["again"] is False and plan.drops[1]["established"] is None
    assert str(plan) == (
        "x SA a--b (net) with 192.0.2.2 [b.example], up for 61 s, drops and is established again\n"
        "x Child SA c--d/old with 192.0.2.4 [], not yet up, drops\n"
    )
