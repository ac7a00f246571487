# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import typing as t

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.keymesh.ike.plugins.filter import mesh as mesh_filter
from ansible_collections.keymesh.ike.plugins.filter.peer_settings import peer_settings

Data = t.Dict[str, t.Any]
KEY = "0x" + "ab" * 32


def fact(networks: t.Sequence[str] = ("172.20.5.0/24", "172.20.6.0/24"), **mesh: t.Any) -> Data:
    """A gateway and a partner that is not ours."""
    definition = {"name": "partners", "topology": "pairs", "pairs": [["gw1", "partner"]], **mesh}
    hosts = {
        "gw1": {"ike_address": "192.0.2.1", "ike_id": 'gw"1', "ike_subnets": ["10.1.0.0/24"], "ike_meshes": [definition]},
        "partner": {
            "ike_managed": False,
            "ike_address": "203.0.113.9",
            "ike_local_address": "10.0.0.9",
            "ike_subnets": list(networks),
        },
    }
    return mesh_filter.mesh(hosts, {"all": list(hosts)}, ["gw1"])


def test_for_a_person() -> None:
    text = peer_settings(fact(proposal="compat"), "partner", store="/store")["text"]
    lines = {key.strip(): value.strip() for key, value in (line.split(":", 1) for line in text.splitlines()[1:])}
    assert text.splitlines()[0] == "partner: tunnel gw1--partner with gw1"
    assert lines["Your address"] == "203.0.113.9"
    assert lines["Our networks"] == "10.1.0.0/24"
    assert lines["Your networks"] == "172.20.5.0/24, 172.20.6.0/24"
    assert lines["Who begins"] == "we"
    assert lines["Pre-shared key"] == "in /store on our controller"
    assert lines["Key exchange"] == "ecp256 is group 19, modp2048 is group 14"


def test_for_swanctl() -> None:
    conf = peer_settings(fact(child={"rekey_time": "20m"}, connection={"rekey_time": "2h"}), "partner")["swanctl"]
    for line in (
        "    local_addrs = 10.0.0.9",
        "    remote_addrs = 192.0.2.1",
        "    rekey_time = 2h",
        '      id = "gw\\"1"',
        "        local_ts = 172.20.5.0/24, 172.20.6.0/24",
        "        rekey_time = 20m",
        "#     secret = \"...\"",
    ):
        assert line in conf.splitlines()


def test_ikev1() -> None:
    legacy = {"proposal": "legacy_ikev1", "allow_weak": True}
    single = fact(**legacy, networks=["172.20.5.0/24"])
    found = peer_settings(single, "partner")
    assert "  IKE version:    1, Main Mode" in found["text"].splitlines()
    assert "    version = 1" in found["swanctl"].splitlines() and "aggressive" not in found["swanctl"]
    found = peer_settings(fact(**legacy, networks=["172.20.5.0/24"], connection={"aggressive": "yes"}), "partner")
    assert "  IKE version:    1, Aggressive Mode" in found["text"].splitlines()
    assert "    aggressive = yes" in found["swanctl"].splitlines()


def test_the_key_is_there_only_if_asked_for() -> None:
    secrets = {
        "ike-x--y-1": {"id": ["x", "y"], "secret": "wrong"},
        "ike-gw1--partner-2": {"id": ['gw"1', "partner"], "secret": KEY},
        "ike-gw1--partner-1": {"id": ['gw"1', "partner"], "secret": "old"},
    }
    assert KEY not in json.dumps(peer_settings(fact(), "partner"))
    found = peer_settings(fact(), "partner", secrets=secrets)
    assert found["tunnels"][0]["secret"] == KEY
    assert f'    secret = "{KEY}"' in found["swanctl"].splitlines()
    assert KEY in found["text"]


def test_with_certificates_there_is_no_key() -> None:
    found = peer_settings(fact(auth="cert"), "partner")
    assert "secret" not in found["swanctl"] and "secret_in" not in found["tunnels"][0]
    assert found["swanctl"].count("auth = pubkey") == 2


def test_a_peer_that_nobody_knows() -> None:
    with pytest.raises(AnsibleFilterError, match="stranger is not a member of a mesh"):
        peer_settings(fact(), "stranger")
