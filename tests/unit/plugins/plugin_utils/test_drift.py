# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.keymesh.ike.plugins.plugin_utils._drift import drift_table, host_drift, lost_tunnels

Data = t.Dict[str, t.Any]

TUNNEL = {
    "name": "a--b",
    "peer": "b",
    "proposal": {"ike": ["aes256gcm16-prfsha384-x25519"], "esp": ["aes256gcm16-x25519"]},
}


def plan(**actions: str) -> Data:
    entries = [{"connection": key.replace("_", "-"), "action": value, "details": []} for key, value in actions.items()]
    return {"plan": entries, "others": [], "purged": [], "file_changed": False}


def sa(name: str = "a--b", ike: str = "AES_GCM_16-256/PRF_HMAC_SHA2_384/CURVE_25519", state: str = "INSTALLED") -> Data:
    child = {"name": "net", "state": state, "proposal": "AES_GCM_16-256"}
    return {"name": name, "state": "ESTABLISHED", "age": 7300, "proposal": ike, "children": [child]}


class Host:
    """A host where everything is right, until a test changes it."""

    def __init__(self) -> None:
        self.tunnels: t.List[Data] = [TUNNEL]
        self.running: Data = {"connections": [{"name": "a--b"}], "sas": [sa()], "down": []}
        self.disk = plan(a__b="unchanged")
        self.wanted = plan(a__b="unchanged")
        self.failures: t.List[Data] = []
        self.versions: Data = {"tool": "0.2.0", "daemon": "0.2.0", "release": "0.2.0"}

    def drift(self) -> Data:
        found = host_drift(self.tunnels, self.running, self.disk, self.wanted, self.failures, self.versions)
        assert found["drift"] == bool(self.problems_of(found))
        return found

    @staticmethod
    def problems_of(found: Data) -> t.List[str]:
        return [*found["problems"], *(problem for one in found["tunnels"] for problem in one["problems"])]

    def problems(self) -> t.List[str]:
        return self.problems_of(self.drift())


@pytest.fixture
def host() -> Host:
    return Host()


def test_nothing_is_wrong(host: Host) -> None:
    found = host.drift()
    assert not found["drift"] and found["problems"] == []
    (entry,) = found["tunnels"]
    assert entry["inventory"] and entry["file"] and entry["loaded"] and entry["up"]
    assert entry["up_for"] == 7300 and entry["peer"] == "b"
    assert entry["proposals"] == ["AES_GCM_16-256", "AES_GCM_16-256/PRF_HMAC_SHA2_384/CURVE_25519"]


def test_a_connection_that_left_the_inventory(host: Host) -> None:
    host.tunnels = []
    host.wanted = plan(a__b="remove")
    assert host.problems() == ["is configured, but not in the inventory; site_to_site removes it"]


def test_a_connection_of_the_operator_is_no_drift(host: Host) -> None:
    host.running["connections"].append({"name": "partner"})
    host.disk = plan(a__b="unchanged", partner="unchanged")
    host.wanted = plan(a__b="unchanged", partner="unchanged")
    assert host.problems() == []
    assert [entry["inventory"] for entry in host.drift()["tunnels"]] == [True, False]


def test_the_policy_for_the_session_is_no_tunnel(host: Host) -> None:
    host.running["connections"].append({"name": "management"})
    assert [entry["name"] for entry in host.drift()["tunnels"]] == ["a--b"]


def test_a_tunnel_that_is_not_rolled_out(host: Host) -> None:
    host.running = {"connections": [], "sas": [], "down": []}
    host.disk, host.wanted = plan(), plan(a__b="add")
    assert host.problems() == ["is in the inventory, but not configured; run site_to_site"]


def test_a_file_that_was_changed_by_hand(host: Host) -> None:
    host.wanted = plan(a__b="child")
    host.wanted["plan"][0]["details"] = ["children.net.rekey_time: 2h -> 1h"]
    host.wanted["file_changed"] = True
    assert host.problems() == [
        "was changed by hand, or the inventory was changed since: children.net.rekey_time: 2h -> 1h"
    ]


def test_a_file_with_a_comment_more(host: Host) -> None:
    host.wanted["file_changed"] = True
    assert host.problems() == ["the file of the tunnels was changed by hand, without effect on them"]


def test_a_daemon_that_did_not_reload(host: Host) -> None:
    host.disk, host.wanted = plan(a__b="replace"), plan(a__b="unchanged")
    host.wanted["file_changed"] = True
    assert host.problems() == ["runs with other options than its file: replace"]
    host.wanted = plan(a__b="replace")
    assert host.problems() == ["runs with other options than its file: replace"]
    host.disk = plan(a__b="unchanged")
    host.disk["others"] = ["shared key ike-a--b: changed"]
    host.wanted = plan(a__b="unchanged")
    assert host.problems() == ["the daemon differs from its files: shared key ike-a--b: changed"]


def test_a_connection_that_is_loaded_but_not_on_disk(host: Host) -> None:
    host.running["connections"].append({"name": "guest"})
    assert ["is loaded, but in no file" in problem for problem in host.problems()] == [True]
    host.disk = plan(a__b="unchanged", guest="remove")
    assert ["is loaded, but in no file" in problem for problem in host.problems()] == [True]


def test_a_connection_that_is_on_disk_but_not_loaded(host: Host) -> None:
    host.running = {"connections": [], "sas": [], "down": []}
    host.disk = host.wanted = plan(a__b="add")
    assert host.problems() == ["is configured, but not loaded; run site_to_site, or reload the daemon"]


@pytest.mark.parametrize(("ike", "state"), [("AES_CBC-128/HMAC_SHA1_96/PRF_HMAC_SHA1/MODP_1024", "INSTALLED")])
def test_other_algorithms_than_configured(host: Host, ike: str, state: str) -> None:
    host.running["sas"] = [sa(ike=ike, state=state)]
    assert host.problems() == [f"uses {ike}, which is none of aes256gcm16-prfsha384-x25519; rekey it"]


def test_a_tunnel_that_is_down_and_since_when(host: Host) -> None:
    host.running.update(sas=[], down=["a--b/net"])
    assert host.problems() == ["is down"]
    host.failures = [
        {"connection": "a--b", "age": "30", "reason": "no answer"},
        {"connection": "a--b", "age": "7200", "reason": "refused"},
        {"connection": "other", "age": "99999", "reason": "x"},
    ]
    assert host.problems() == ["is down for at least 2 h: no answer"]
    (entry,) = host.drift()["tunnels"]
    assert entry["down_for"] == 7200 and entry["down"] == ["a--b/net"] and not entry["up"]


@pytest.mark.parametrize(
    ("versions", "problem"),
    [
        ({"daemon": "0.1.0"}, "the daemon is version 0.1.0, but 0.2.0 is installed; restart it"),
        ({"release": "0.3.0"}, "version 0.2.0 is installed, the collection brings 0.3.0; run site_to_site"),
    ],
)
def test_versions(host: Host, versions: t.Dict[str, str], problem: str) -> None:
    host.versions.update(versions)
    assert host.problems() == [problem]


def test_files(host: Host) -> None:
    host.wanted["purged"] = ["mesh.yml"]
    assert host.problems() == ["mesh.yml is left over from an earlier run; site_to_site removes it"]
    host.disk = {"msg": "the configuration is not valid: x"}
    assert host.problems()[0] == "the configuration files are broken: the configuration is not valid: x"
    # What is in files that cannot be read is not known.
    assert host.drift()["tunnels"][0]["problems"] == [] and host.drift()["tunnels"][0]["file"] is None


def test_a_daemon_that_does_not_answer(host: Host) -> None:
    host.running = {"failed": True, "msg": "nobody answers"}
    found = host.drift()
    assert found["problems"] == ["the daemon does not answer: nobody answers"]
    assert [entry["name"] for entry in found["tunnels"]] == ["a--b"]
    assert "?" in drift_table({"a": found})[1]


def test_a_table_that_a_person_reads(host: Host) -> None:
    fine = host.drift()
    host.running.update(sas=[], down=["a--b/net"])
    lines = drift_table({"b": host.drift(), "a": fine, "c": {"drift": False, "problems": [], "tunnels": []}})
    assert lines == [
        "host  tunnel  inventory  file  daemon  SA    up for",
        "a     a--b    yes        yes   yes     up    2 h",
        "b     a--b    yes        yes   yes     DOWN          DRIFT",
        "c     -",
        "",
        "b: a--b: is down",
    ]
    assert drift_table({"a": fine})[-1] == "no drift"


def test_lost_tunnels() -> None:
    before = {"sas": [sa(), sa("a--c"), sa("a--d")], "down": []}
    assert lost_tunnels(before, {"down": []}) == []
    assert lost_tunnels(before, {"down": ["a--c/net", "a--e/net"]}) == ["a--c/net"]
    assert lost_tunnels({}, {"down": ["a--c/net"]}) == []
