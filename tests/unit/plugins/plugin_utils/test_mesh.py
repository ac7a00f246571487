# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.keymesh.ike.plugins.plugin_utils import _mesh

OPTIONS = {
    "private_key": "/etc/ike/private/host.key",
    "certificate": "/etc/ike/x509/host.pem",
    "authority": "/etc/ike/x509ca/mesh.pem",
    "initiator": {"start_action": "start"},
    "responder": {"start_action": "trap"},
    "connection": {"dpd_delay": "30s"},
    "child": {"rekey_time": "1h"},
}


def inventory(**changes: t.Dict[str, t.Any]) -> t.Dict[str, t.Dict[str, t.Any]]:
    """Three gateways. C(changes) are more variables for single hosts."""
    hosts: t.Dict[str, t.Dict[str, t.Any]] = {
        name: {
            "ike_address": f"192.0.2.{number}",
            "ike_id": f"{name}.example",
            "ike_subnets": [f"10.{number}.0.0/16"],
        }
        for number, name in enumerate(("gw1", "gw2", "gw3"), 1)
    }
    for name, variables in changes.items():
        hosts[name].update(variables)
    return hosts


def tunnels(host: str, **changes: t.Dict[str, t.Any]) -> t.List[t.Dict[str, t.Any]]:
    hosts = inventory(**changes)
    return _mesh.mesh_tunnels(hosts, list(hosts), host)


def test_every_pair_has_one_tunnel_of_the_same_name_at_both_ends() -> None:
    names = {host: [tunnel["name"] for tunnel in tunnels(host)] for host in inventory()}
    assert names == {
        "gw1": ["gw1--gw2", "gw1--gw3"],
        "gw2": ["gw1--gw2", "gw2--gw3"],
        "gw3": ["gw1--gw3", "gw2--gw3"],
    }


def test_exactly_one_end_initiates() -> None:
    found: t.Dict[str, t.List[bool]] = {}
    for host in inventory():
        for tunnel in tunnels(host):
            found.setdefault(tunnel["name"], []).append(tunnel["initiator"])
    assert all(sorted(ends) == [False, True] for ends in found.values())


def test_both_ends_describe_each_other() -> None:
    (ours,) = [tunnel for tunnel in tunnels("gw1") if tunnel["peer"] == "gw2"]
    (theirs,) = [tunnel for tunnel in tunnels("gw2") if tunnel["peer"] == "gw1"]
    assert (ours["local"], ours["remote"]) == (theirs["remote"], theirs["local"])
    assert ours["local"] == {
        "host": "gw1",
        "managed": True,
        "dynamic": False,
        "address": "192.0.2.1",
        "local_address": "192.0.2.1",
        "id": "gw1.example",
        "subnets": ["10.1.0.0/16"],
        "probe_address": "10.1.0.1",
    }


def test_defaults_of_the_inventory() -> None:
    ends = tunnels("gw1", gw1={"ike_id": None, "ike_local_address": "10.9.0.1", "ike_subnets": ["10.1.0.1/32"]})
    assert ends[0]["local"]["id"] == "gw1"
    assert ends[0]["local"]["local_address"] == "10.9.0.1"
    assert ends[0]["local"]["probe_address"] == "10.1.0.1"
    assert ends[0]["auth"] == "psk"
    assert ends[0]["proposal"] == _mesh.PROFILES["modern"]
    assert (ends[0]["mesh"], ends[0]["peer_managed"], ends[0]["version"]) == ("gateways", True, 2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"gw2": {"ike_address": None}}, "gw2: ike_address is not set"),
        ({"gw2": {"ike_subnets": "10.2.0.0/16"}}, "gw2: ike_subnets must be a list"),
        ({"gw2": {"ike_subnets": []}}, "gw2: ike_subnets must be a list"),
        ({"gw2": {"ike_subnets": ["10.2.0.1/16"]}}, "gw2: ike_subnets: 10.2.0.1/16 has host bits set"),
        ({"gw2": {"ike_subnets": ["10.1.128.0/17"]}}, "overlap: 10.1.0.0/16 of gw1 and 10.1.128.0/17 of gw2"),
        ({"gw2": {"ike_auth": "cert"}}, "ike_auth differs: 'psk' on gw1, gw3, 'cert' on gw2"),
        ({"gw2": {"ike_proposal": "cnsa"}}, "ike_proposal differs"),
        ({"gw1": {"ike_auth": "eap"}, "gw2": {"ike_auth": "eap"}}, "'eap' is not one of psk, cert"),
        ({"gw1": {"ike_proposal": "x"}, "gw2": {"ike_proposal": "x"}}, "there is no profile 'x'; there are cnsa, cnsa2"),
        ({"gw2": {"ike_probe_address": "10.3.0.1"}}, "ike_probe_address 10.3.0.1 is in none of its ike_subnets"),
        ({"gw2": {"ike_probe_address": "x"}}, "gw2: ike_probe_address: 'x'"),
    ],
)
def test_a_contradictory_inventory_is_refused(changes: t.Dict[str, t.Dict[str, t.Any]], message: str) -> None:
    with pytest.raises(_mesh.InventoryError) as caught:
        tunnels("gw1", **changes)
    assert message in str(caught.value)


def test_a_host_outside_of_the_mesh() -> None:
    with pytest.raises(_mesh.InventoryError, match="gw9 is not a member"):
        tunnels("gw9")


def test_subnets_of_both_ip_versions_do_not_overlap() -> None:
    assert tunnels("gw1", gw2={"ike_subnets": ["2001:db8::/32", "10.2.0.0/16"]})[0]["remote"]["subnets"] == [
        "2001:db8::/32",
        "10.2.0.0/16",
    ]


def test_the_configuration_with_pre_shared_keys() -> None:
    assert _mesh.connections(tunnels("gw1")[:1], OPTIONS) == {
        "gw1--gw2": {
            "local_addrs": ["192.0.2.1"],
            "remote_addrs": ["192.0.2.2"],
            "proposals": _mesh.PROFILES["modern"]["ike"],
            "dpd_delay": "30s",
            "local": {"auth": "psk", "id": "gw1.example"},
            "remote": {"auth": "psk", "id": "gw2.example"},
            "children": {
                "net": {
                    "local_ts": ["10.1.0.0/16"],
                    "remote_ts": ["10.2.0.0/16"],
                    "esp_proposals": _mesh.PROFILES["modern"]["esp"],
                    "start_action": "start",
                    "rekey_time": "1h",
                }
            },
        }
    }
    assert _mesh.secrets(tunnels("gw2")[:1], OPTIONS) == {}
    assert _mesh.authorities(tunnels("gw1"), OPTIONS) == {}


def test_the_configuration_with_certificates() -> None:
    all_cert = {name: {"ike_auth": "cert"} for name in inventory()}
    found = tunnels("gw2", **all_cert)
    connection = _mesh.connections(found, OPTIONS)["gw1--gw2"]
    assert connection["local"] == {"auth": "pubkey", "id": "gw2.example", "certs": ["/etc/ike/x509/host.pem"]}
    assert connection["remote"] == {"auth": "pubkey", "id": "gw1.example", "cacerts": ["/etc/ike/x509ca/mesh.pem"]}
    assert connection["children"]["net"]["start_action"] == "trap"
    assert _mesh.secrets(found, OPTIONS) == {"private-gw2": {"file": "/etc/ike/private/host.key"}}
    assert _mesh.authorities(found, OPTIONS) == {"mesh": {"file": "/etc/ike/x509ca/mesh.pem"}}
