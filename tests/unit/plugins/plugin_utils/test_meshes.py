# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Topologies, peers that are not ours, address families: what ike_meshes and the variables of hosts can say."""

from __future__ import annotations

import typing as t

import pytest
import yaml

from ansible_collections.keymesh.ike.plugins.filter.tunnel_config import tunnel_config
from ansible_collections.keymesh.ike.plugins.filter.tunnel_file import tunnel_file
from ansible_collections.keymesh.ike.plugins.plugin_utils import _mesh

Data = t.Dict[str, t.Any]
HOSTS = ("gw1", "gw2", "gw3", "gw4")


def inventory(meshes: t.Any = None, **changes: Data) -> t.Dict[str, Data]:
    """Four gateways that all have these meshes. C(changes) are more variables for single hosts."""
    hosts: t.Dict[str, Data] = {
        name: {"ike_address": f"192.0.2.{number}", "ike_subnets": [f"10.{number}.0.0/16"]}
        for number, name in enumerate(HOSTS, 1)
    }
    for name in hosts:
        if meshes is not None:
            hosts[name]["ike_meshes"] = meshes
        hosts[name].update(changes.get(name, {}))
    return hosts


def groups(hosts: t.Iterable[str], **more: t.List[str]) -> t.Dict[str, t.List[str]]:
    return {"all": sorted(hosts), "gateways": sorted(hosts), **more}


def tunnels(
    host: str, meshes: t.Any = None, more_groups: t.Optional[t.Dict[str, t.List[str]]] = None, **changes: Data
) -> t.Dict[str, Data]:
    hosts = inventory(meshes, **changes)
    found = _mesh.mesh_tunnels(hosts, groups(hosts, **more_groups or {}), host)
    return {tunnel["peer"]: tunnel for tunnel in found}


def errors(meshes: t.Any = None, more_groups: t.Optional[t.Dict[str, t.List[str]]] = None, **changes: Data) -> t.List[str]:
    hosts = inventory(meshes, **changes)
    with pytest.raises(_mesh.InventoryError) as caught:
        _mesh.mesh(hosts, groups(hosts, **more_groups or {}), list(hosts))
    return caught.value.problems


FULL: Data = {"name": "backbone", "group": "gateways"}
STAR: Data = {"name": "star", "group": "gateways", "topology": "hub_spoke", "hubs": ["gw3", "gw4"]}
PAIRS: Data = {"name": "some", "topology": "pairs", "pairs": [["gw1", "gw3"], ["gw4", "gw3"]]}


@pytest.mark.parametrize(
    ("mesh", "peers"),
    [
        (FULL, {"gw1": "234", "gw2": "134", "gw3": "124", "gw4": "123"}),
        (STAR, {"gw1": "34", "gw2": "34", "gw3": "124", "gw4": "123"}),
        (PAIRS, {"gw1": "3", "gw3": "14", "gw4": "3"}),
    ],
)
def test_topologies(mesh: Data, peers: t.Dict[str, str]) -> None:
    for host, expected in peers.items():
        found = tunnels(host, [mesh])
        assert list(found) == ["gw" + number for number in expected]
        assert {tunnel["mesh"] for tunnel in found.values()} == {mesh["name"]}


@pytest.mark.parametrize("mesh", [FULL, STAR, dict(STAR, transit=True), PAIRS])
def test_both_ends_agree(mesh: Data) -> None:
    hosts = inventory([mesh], gw1={"ike_dynamic": True}, gw2={"ike_address": ["192.0.2.2", "2001:db8::2"]})
    data = _mesh.mesh(hosts, groups(hosts), list(hosts))
    seen: t.Dict[str, t.List[Data]] = {}
    for host in data["ends"]:
        for tunnel in _mesh.tunnels(data, host):
            seen.setdefault(tunnel["name"], []).append(tunnel)
    for one, other in seen.values():
        assert (one["local"], one["remote"]) == (other["remote"], other["local"])
        assert {one["initiator"], other["initiator"]} == {True, False}
        for same in ("name", "mesh", "auth", "proposal", "version", "connection", "child"):
            assert one[same] == other[same]


def test_spokes_begin() -> None:
    star = dict(STAR, hubs=["gw1"])
    assert tunnels("gw2", [star])["gw1"]["initiator"]
    assert not tunnels("gw1", [star])["gw2"]["initiator"]
    assert tunnels("gw3", [STAR])["gw4"]["initiator"], "hubs among themselves begin in alphabetical order"


def test_with_transit_the_first_hub_stands_for_the_other_spokes() -> None:
    star = dict(STAR, transit=True)
    assert tunnels("gw1", [star])["gw3"]["remote"]["subnets"] == ["10.3.0.0/16", "10.2.0.0/16"]
    assert tunnels("gw3", [star])["gw1"]["local"]["subnets"] == ["10.3.0.0/16", "10.2.0.0/16"]
    assert tunnels("gw1", [star])["gw4"]["remote"]["subnets"] == ["10.4.0.0/16"]
    assert tunnels("gw3", [star])["gw4"]["local"]["subnets"] == ["10.3.0.0/16"]


def test_neighbouring_networks_of_spokes_become_one() -> None:
    star = dict(STAR, hubs=["gw1"], transit=True)
    assert tunnels("gw4", [star])["gw1"]["remote"]["subnets"] == ["10.1.0.0/16", "10.2.0.0/15"]


def test_more_spokes_than_ike_can_count() -> None:
    star = dict(STAR, hubs=["gw1"], transit=True)
    found = errors([star], gw4={"ike_subnets": [f"10.4.{number}.0/24" for number in range(0, 256, 2)] + [f"10.5.{n}.0/24" for n in range(0, 256, 2)]})
    assert found[0].startswith("the mesh star: transit: gw1 would have 258 traffic selectors with gw2")
    assert len(found) == 2


def test_the_play_does_not_matter() -> None:
    hosts = inventory([STAR])
    everything = _mesh.mesh(hosts, groups(hosts), list(hosts))
    for host in hosts:
        limited = _mesh.mesh(hosts, groups(hosts), [host])
        assert limited == everything
        assert _mesh.tunnels(limited, host) == _mesh.tunnels(everything, host)


class Counting(t.Dict[str, Data]):
    """Variables of hosts that count how often a host is looked up."""

    def __init__(self, hosts: t.Dict[str, Data]) -> None:
        super().__init__(hosts)
        self.looked_up: t.List[str] = []

    def __getitem__(self, host: str) -> Data:
        self.looked_up.append(host)
        return super().__getitem__(host)


def test_each_host_is_looked_up_once() -> None:
    hosts = Counting(inventory([FULL, STAR]))
    _mesh.mesh(hosts, groups(hosts), ["gw1", "gw2", "gw1"])
    assert sorted(hosts.looked_up) == list(HOSTS)


def test_a_host_in_several_meshes() -> None:
    left, right = {"name": "left", "group": "west"}, {"name": "right", "group": "east", "auth": "cert"}
    more = {"west": ["gw1", "gw2"], "east": ["gw2", "gw3", "gw4"]}
    found = tunnels("gw2", [left, right], more)
    assert {peer: (tunnel["mesh"], tunnel["auth"]) for peer, tunnel in found.items()} == {
        "gw1": ("left", "psk"),
        "gw3": ("right", "cert"),
        "gw4": ("right", "cert"),
    }
    assert list(tunnels("gw1", [left, right], more)) == ["gw2"]


def test_networks_for_each_mesh() -> None:
    left, right = {"name": "left", "group": "west"}, {"name": "right", "group": "east"}
    more = {"west": ["gw1", "gw2"], "east": ["gw2", "gw3"]}
    nets = {"left": ["10.2.0.0/24"], "right": ["10.2.1.0/24", "2001:db8:2::/48"]}
    changes = {"gw2": {"ike_subnets": nets, "ike_probe_address": "10.2.1.9"}}
    found = tunnels("gw2", [left, right], more, **changes)
    assert found["gw1"]["local"]["subnets"] == ["10.2.0.0/24"]
    assert found["gw1"]["local"]["probe_address"] == "10.2.0.1"
    assert found["gw3"]["local"]["subnets"] == ["10.2.1.0/24", "2001:db8:2::/48"]
    assert found["gw3"]["local"]["probe_address"] == "10.2.1.9"
    del nets["left"]
    assert errors([left, right], more, **changes) == [
        "gw2: ike_subnets has no networks for the mesh left; add left: [10.1.0.0/16]"
    ]


def test_the_same_pair_in_two_meshes() -> None:
    again = {"name": "again", "topology": "pairs", "pairs": [["gw1", "gw2"]]}
    assert tunnels("gw1", [FULL, again])["gw2"]["mesh"] == "again"
    assert errors([FULL, dict(again, auth="cert", child={"rekey_time": "1h"})]) == [
        "gw1--gw2 is in the meshes again and backbone with different settings (auth, child); make them equal, or take the pair out of one mesh"
    ]


def test_peers_that_are_not_ours() -> None:
    changes = {"gw1": {"ike_managed": False}, "gw2": {"ike_managed": "no"}}
    found = tunnels("gw3", [FULL], **changes)
    assert {peer: (tunnel["peer_managed"], tunnel["initiator"]) for peer, tunnel in found.items()} == {
        "gw1": (False, True),
        "gw2": (False, True),
        "gw4": (True, True),
    }
    assert list(tunnels("gw1", [FULL], **changes)) == ["gw3", "gw4"]


def test_a_peer_that_is_not_ours_needs_no_definition_of_the_mesh() -> None:
    pairs = {"name": "partner", "topology": "pairs", "pairs": [["gw1", "gw4"]]}
    changes: t.Dict[str, Data] = {"gw4": {"ike_managed": False, "ike_meshes": None}}
    assert list(tunnels("gw1", [pairs], **changes)) == ["gw4"]


def test_hosts_that_nobody_can_call() -> None:
    found = tunnels("gw4", [FULL], gw4={"ike_dynamic": True, "ike_address": None})
    assert all(tunnel["initiator"] and tunnel["local"]["local_address"] == "%any" for tunnel in found.values())
    theirs = tunnels("gw1", [FULL], gw4={"ike_dynamic": True})["gw4"]
    assert (theirs["initiator"], theirs["remote"]["address"]) == (False, "%any")
    connection = _mesh.connections([theirs], {"responder": {"start_action": "trap", "dpd_action": "trap"}})["gw1--gw4"]
    assert connection["remote_addrs"] == ["%any"]
    child = connection["children"]["net"]
    assert (child["start_action"], child["dpd_action"], child["close_action"]) == ("none", "clear", "none")


@pytest.mark.parametrize(
    ("first", "second", "chosen"),
    [
        (["192.0.2.1", "2001:db8::1"], ["2001:db8::2"], ("2001:db8::1", "2001:db8::2")),
        (["2001:db8::1", "192.0.2.1"], ["192.0.2.2", "2001:db8::2"], ("2001:db8::1", "2001:db8::2")),
        ("192.0.2.1", ["2001:db8::2", "192.0.2.2"], ("192.0.2.1", "192.0.2.2")),
        ("gw1.example.com", "2001:DB8::2", ("gw1.example.com", "2001:db8::2")),
    ],
)
def test_a_pair_takes_the_family_that_both_have(first: t.Any, second: t.Any, chosen: t.Tuple[str, str]) -> None:
    changes: t.Dict[str, Data] = {"gw1": {"ike_address": first}, "gw2": {"ike_address": second}}
    pairs = {"name": "a", "topology": "pairs", "pairs": [["gw1", "gw2"]]}
    found = tunnels("gw1", [pairs], **changes)["gw2"]
    assert (found["local"]["address"], found["remote"]["address"]) == chosen
    back = tunnels("gw2", [pairs], **changes)["gw1"]
    assert (back["remote"]["address"], back["local"]["address"]) == chosen


@pytest.mark.parametrize(("peer", "local"), [("192.0.2.2", "10.0.0.5"), ("2001:db8::2", "2001:db8::1")])
def test_the_local_address_is_of_the_same_family(peer: str, local: str) -> None:
    changes: t.Dict[str, Data] = {
        "gw1": {"ike_address": ["192.0.2.1", "2001:db8::1"], "ike_local_address": "10.0.0.5"},
        "gw2": {"ike_address": peer},
    }
    pairs = {"name": "a", "topology": "pairs", "pairs": [["gw1", "gw2"]]}
    assert tunnels("gw1", [pairs], **changes)["gw2"]["local"]["local_address"] == local


def test_probes_are_of_one_family() -> None:
    changes: t.Dict[str, Data] = {
        "gw1": {"ike_subnets": ["10.1.0.0/16", "2001:db8:1::/48"]},
        "gw2": {"ike_subnets": ["2001:db8:2::/48"]},
    }
    pairs = {"name": "a", "topology": "pairs", "pairs": [["gw1", "gw2"]]}
    found = tunnels("gw1", [pairs], **changes)["gw2"]
    assert (found["local"]["probe_address"], found["remote"]["probe_address"]) == ("2001:db8:1::1", "2001:db8:2::1")


def test_options_of_a_mesh_come_last() -> None:
    mesh = dict(FULL, connection={"dpd_delay": "5s"}, child={"rekey_time": "10m"}, proposal="compat", auth="cert")
    found = list(tunnels("gw1", [mesh]).values())
    options = {"connection": {"dpd_delay": "30s", "mobike": False}, "child": {"rekey_time": "1h"}, "certificate": "c", "authority": "a"}
    connection = _mesh.connections(found, options)["gw1--gw2"]
    assert (connection["dpd_delay"], connection["mobike"]) == ("5s", False)
    assert connection["children"]["net"]["rekey_time"] == "10m"
    assert connection["proposals"] == _mesh.PROFILES["compat"]["ike"]
    assert "version" not in connection


def test_ikev1() -> None:
    found = tunnels("gw1", [dict(FULL, proposal="legacy_ikev1", allow_weak=True)])
    assert found["gw2"]["version"] == 1
    assert _mesh.connections(found.values(), {})["gw1--gw2"]["version"] == 1
    assert "3des is weak" in " ".join(errors([dict(FULL, proposal="legacy_ikev1")]))


def test_ikev1_has_one_network_at_each_end() -> None:
    mesh = dict(PAIRS, version=1, proposal="compat")
    several: Data = {"ike_subnets": ["10.3.0.0/17", "10.3.128.0/17"]}
    (first, second) = errors([mesh], gw3=several)
    assert first.startswith("the mesh some: ike_subnets: gw1 and gw3 have 1 and 2 networks for each other, but IKEv1 has one at each end; name one")
    assert "gw3 and gw4 have 2 and 1 networks" in second
    assert tunnels("gw3", [mesh], gw3={"ike_subnets": {"some": ["10.3.0.0/16"], "other": several["ike_subnets"]}})["gw1"]["version"] == 1
    assert tunnels("gw3", [PAIRS], gw3=several)["gw1"]["version"] == 2


def test_profiles_of_ones_own() -> None:
    ours = {"ours": {"ike": ["aes128gcm16-prfsha256-x25519"], "esp": ["aes128gcm16-x25519"]}}
    mesh = dict(FULL, proposal="ours")
    everywhere: t.Dict[str, Data] = {host: {"ike_profiles": ours} for host in HOSTS}
    assert tunnels("gw1", [mesh], **everywhere)["gw2"]["proposal"] == ours["ours"]
    everywhere["gw2"] = {}
    assert errors([mesh], **everywhere) == [
        "the mesh backbone: ike_profiles.ours differs between gw1, gw3, gw4 and gw2; set it for the whole group"
    ]


@pytest.mark.parametrize(
    ("meshes", "message"),
    [
        ({"name": "a"}, "ike_meshes must be a list of meshes"),
        ([{"group": "gateways"}], "ike_meshes must be a list of meshes"),
        ([{"name": "a", "group": "nobody"}], "the mesh a: group: there is no group nobody in the inventory"),
        ([dict(FULL, topolog="full")], "the mesh backbone: topolog is not a setting of a mesh; there are name, group, topology"),
        ([dict(FULL, topology="ring")], "the mesh backbone: topology: 'ring' is not one of full, hub_spoke, pairs"),
        ([dict(FULL, auth="eap")], "'eap' is not one of psk, cert"),
        ([dict(FULL, connection=["a"])], "the mesh backbone: connection: ['a'] is not a dictionary of options"),
        ([dict(FULL, child={"local_ts": ["10.0.0.0/8"]})], "child: local_ts follows from the inventory and cannot be set here"),
        ([dict(FULL, proposal=["x"])], "proposal: ['x'] is not a profile or a dictionary"),
        ([dict(FULL, version=3)], "version: 3 is not 1 or 2"),
        ([dict(FULL, transit=True)], "transit needs topology: hub_spoke, not full"),
        ([dict(STAR, hubs=[])], "the mesh star: hubs is not set"),
        ([dict(STAR, hubs=["gw9"])], "the mesh star: hubs: gw9 is not a member"),
        ([dict(PAIRS, pairs=[])], "the mesh some: pairs is not set"),
        ([dict(PAIRS, pairs=[["gw1", "gw9"]])], "the mesh some: pairs: gw9 is not in the inventory; add it there, or take it out of pairs"),
        ([dict(PAIRS, pairs=[["gw1", "gw1"]])], "pairs: ['gw1', 'gw1'] must be two different hosts"),
        ([dict(PAIRS, pairs=[["gw1", "gw2"]], group="few")], "pairs: gw2 is not a member of the mesh's group"),
    ],
)
def test_definitions_that_are_wrong(meshes: t.Any, message: str) -> None:
    assert any(message in text for text in errors(meshes, {"few": ["gw1", "gw3"]}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"gw2": {"ike_address": "192.0.2.300"}}, "gw2: ike_address: '192.0.2.300' is not an address or a host name"),
        ({"gw2": {"ike_address": {"a": 1}}}, "gw2: ike_address: {'a': 1} is not an address"),
        ({"gw2": {"ike_address": ["192.0.2.2", "192.0.2.9"]}}, "only one address of each family"),
        ({"gw2": {"ike_address": "192.0.2.1"}}, "ike_address: gw1 and gw2 have the same address 192.0.2.1"),
        ({"gw2": {"ike_id": "GW1"}}, "ike_id: gw1 and gw2 have the same identity 'gw1'; give each its own"),
        ({"gw2": {"ike_id": ["gw1"]}}, "gw2: ike_id: ['gw1'] is not a name"),
        ({"gw2": {"ike_managed": "perhaps"}}, "gw2: ike_managed: 'perhaps' is neither true nor false"),
        ({"gw2": {"ike_address": "2001:db8::2"}}, "ike_address: gw1 and gw2 have no family (IPv4 or IPv6) in common"),
        ({"gw2": {"ike_subnets": ["2001:db8::/48"]}}, "ike_subnets: gw1 and gw2 have no family (IPv4 or IPv6) in common"),
        ({"gw1": {"ike_dynamic": True}, "gw2": {"ike_dynamic": True}}, "ike_dynamic: gw1 and gw2 both wait to be found"),
        ({"gw2": {"ike_probe_address": 7}}, "gw2: ike_probe_address: 7 is not an address, nor a list of addresses"),
        ({"gw2": {"ike_subnets": 7}}, "gw2: ike_subnets must be a list"),
        ({"gw2": {"ike_profiles": ["x"]}}, "gw2: ike_profiles must be a dictionary"),
    ],
)
def test_variables_that_are_wrong(changes: t.Dict[str, Data], message: str) -> None:
    assert any(message in text for text in errors(**changes))


def test_two_hosts_behind_one_nat_share_an_address() -> None:
    changes: t.Dict[str, Data] = {
        "gw1": {"ike_address": "198.51.100.7", "ike_local_address": "10.0.0.1"},
        "gw2": {"ike_address": "198.51.100.7", "ike_local_address": "10.0.0.2"},
    }
    assert tunnels("gw3", **changes)["gw1"]["remote"]["address"] == "198.51.100.7"


def test_copies_of_a_definition_that_differ() -> None:
    hosts = inventory([FULL], gw2={"ike_meshes": [dict(FULL, auth="cert")]})
    with pytest.raises(_mesh.InventoryError, match="the mesh backbone is not the same for all hosts: auth differs between gw1, gw3, gw4 and gw2"):
        _mesh.mesh(hosts, groups(hosts), list(hosts))
    assert errors([FULL], gw2={"ike_meshes": []}) == [
        "the mesh backbone has members whose ike_meshes does not define it: gw2; define ike_meshes once, for a group that all members are in"
    ]


def test_all_errors_are_told_at_once() -> None:
    found = errors(gw1={"ike_address": None}, gw2={"ike_subnets": "10.2.0.0/16"}, gw3={"ike_auth": "cert"})
    assert len(found) == 3
    hosts = inventory(gw1={"ike_address": None}, gw2={"ike_subnets": []})
    with pytest.raises(_mesh.InventoryError) as caught:
        _mesh.mesh(hosts, groups(hosts), ["gw1"])
    assert str(caught.value).splitlines()[0] == "the inventory has 2 errors:"


def test_networks_only_matter_to_those_who_see_both() -> None:
    """Two customers can have the same networks, but not the two ends of one gateway's tunnels."""
    west, east = {"name": "west", "group": "west"}, {"name": "east", "group": "east"}
    changes: t.Dict[str, Data] = {"gw4": {"ike_subnets": ["10.1.0.0/16"]}}
    apart = {"west": ["gw1", "gw2"], "east": ["gw3", "gw4"]}
    assert list(tunnels("gw1", [west, east], apart, **changes)) == ["gw2"]
    shared = {"west": ["gw1", "gw2"], "east": ["gw2", "gw4"]}
    assert errors([west, east], shared, **changes) == [
        "ike_subnets overlap: 10.1.0.0/16 of gw1 and 10.1.0.0/16 of gw4; each network must be behind one host"
    ]


def test_the_fact_holds_everything() -> None:
    hosts = inventory([FULL], gw4={"ike_managed": False})
    data = _mesh.mesh(hosts, groups(hosts), ["gw1"])
    fact = _mesh.pack(data)
    assert (fact["hosts"], fact["peers"]) == (["gw1", "gw2", "gw3"], ["gw4"])
    assert _mesh.unpack(fact) == data
    with pytest.raises(_mesh.InventoryError, match="the role keymesh.ike.mesh sets mesh_data"):
        _mesh.unpack({"ends": {}})


def test_the_file_of_a_host() -> None:
    hosts = inventory([FULL])
    fact = _mesh.pack(_mesh.mesh(hosts, groups(hosts), ["gw1"]))
    options = {"private_key": "k", "certificate": "c", "authority": "a"}
    text = tunnel_file(fact, "gw1", **options)
    assert text.startswith("# Managed by Ansible: keymesh.ike.tunnels\n")
    assert yaml.safe_load(text) == tunnel_config(fact, host="gw1", **options)
    assert "&" not in text, "shared lists would be written once and referred to"
    through = tunnel_file(fact, "gw1", session="10.2.0.9 50000 192.0.2.1 22", **options)
    assert list(yaml.safe_load(through)["connections"]) == ["gw1--gw2", "gw1--gw3", "gw1--gw4", "management"]
    assert tunnel_file(fact, "gw1", session="203.0.113.5 50000 192.0.2.1 22", **options) == text


GARBAGE: t.Tuple[t.Any, ...] = (
    *(0, 7, -1, 1.5, True, False, "", " ", "x", "%any", "10.0.0.0/33", "::/0", "a\nb"),
    *([], [[]], [None], [7], ["x", 7], [["gw1"]], [["gw1", 7]], [{}], {}, {"a": 1}, {"backbone": 7}, {"ike": 7, "esp": [7]}),
)


@pytest.mark.parametrize("value", GARBAGE, ids=repr)
def test_garbage_is_refused_in_words(value: t.Any) -> None:
    """Whatever a variable or a setting is, there is a message and no traceback, or it makes sense."""
    definitions = [dict(FULL, **{key: value}) for key in (*STAR, *PAIRS, "transit", "auth", "proposal", "version", "child")]
    inventories = [inventory([definition]) for definition in [*definitions, value]]
    inventories += [inventory(gw2={variable: value}) for variable in _mesh.VARIABLES]
    inventories += [inventory([dict(STAR, hubs=value)]), inventory([dict(PAIRS, pairs=value)]), inventory(value)]
    for hosts in inventories:
        try:
            data = _mesh.mesh(hosts, groups(hosts), list(hosts))
        except _mesh.InventoryError as error:
            assert error.problems
        else:
            assert all(_mesh.file_text(_mesh.tunnels(data, host), {}) for host in data["ends"])
