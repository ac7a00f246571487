# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the inventory to tunnels. Private to the collection. Pure functions.

An inventory becomes tunnels in two steps. C(mesh) reads the variables of all hosts once, checks everything, and returns
plain data; reading them is what takes long in Ansible. C(tunnels) computes the tunnels of a host from that. Both look
at the inventory and never at the play, so C(--limit) changes nothing.
"""

from __future__ import annotations

import json
import typing as t

from ansible_collections.keymesh.ike.plugins.plugin_utils import _mesh_conflicts, _mesh_definitions, _mesh_topology
from ansible_collections.keymesh.ike.plugins.plugin_utils._mesh_config import (
    authorities,
    configuration,
    connections,
    file_text,
    secrets,
)
from ansible_collections.keymesh.ike.plugins.plugin_utils._mesh_ends import end, flag
from ansible_collections.keymesh.ike.plugins.plugin_utils._mesh_problems import InventoryError, Problems
from ansible_collections.keymesh.ike.plugins.plugin_utils._mesh_profiles import PROFILES
from ansible_collections.keymesh.ike.plugins.plugin_utils._mesh_tunnels import CHILD, pair_name, tunnels

__all__ = [
    "CHILD",
    "InventoryError",
    "PROFILES",
    "authorities",
    "configuration",
    "connections",
    "file_text",
    "mesh",
    "mesh_tunnels",
    "pack",
    "pair_name",
    "plain",
    "secrets",
    "tunnels",
    "unpack",
]

Data = t.Dict[str, t.Any]
Groups = t.Mapping[str, t.Sequence[str]]

VARIABLES = (
    "ike_address",
    "ike_auth",
    "ike_dynamic",
    "ike_group",
    "ike_id",
    "ike_local_address",
    "ike_managed",
    "ike_meshes",
    "ike_probe_address",
    "ike_profiles",
    "ike_proposal",
    "ike_subnets",
)
"""All that a host says about its tunnels."""


def mesh(
    hostvars: t.Mapping[str, t.Any],
    groups: Groups,
    hosts: t.Sequence[str],
    group: str = _mesh_definitions.DEFAULT_GROUP,
    without: t.Sequence[str] = (),
    unreadable: t.Tuple[t.Type[Exception], ...] = (),
) -> Data:
    """The meshes of these hosts as plain data: C(ends) by host, and C(meshes).

    C(group) is the default of C(ike_group). Nobody has tunnels with the hosts in C(without). C(unreadable) are the
    errors that a variable raises which cannot be templated.

    Of the other members of their meshes nothing more is needed than that they are in the inventory. Raises
    InventoryError with everything that is wrong.
    """
    problems = Problems()
    known = _read(_Reader(hostvars, group, unreadable, problems), groups, hosts)
    meshes = _mesh_definitions.meshes(known, groups, problems)
    ends = {
        host: end(host, variables, [one["name"] for one in meshes if host in one["members"]], problems)
        for host, variables in known.items()
        if any(host in one["members"] for one in meshes)
    }
    everybody = {host for group in groups for host in groups[group]}
    for one in meshes:
        _mesh_topology.check(one, ends, everybody, problems)
    # What follows makes sense only if the single values do.
    problems.refuse()
    for one in meshes:
        _mesh_topology.check_reachability(one, ends, problems)
        _mesh_topology.check_transit(one, ends, problems)
        _mesh_topology.check_single_networks(one, ends, problems)
    _mesh_conflicts.check(meshes, ends, problems)
    problems.refuse()
    return {"ends": ends, "meshes": meshes, "without": list(without)}


def pack(data: Data) -> Data:
    """The meshes as a fact of Ansible: what playbooks ask for, and C(plain), the whole as JSON.

    Ansible wraps each value that a filter reads from a fact, which takes twenty times as long as to compute with it.
    """
    members = sorted(data["ends"])
    return {
        "hosts": [host for host in members if data["ends"][host]["managed"]],
        "peers": [host for host in members if not data["ends"][host]["managed"]],
        "meshes": data["meshes"],
        "plain": json.dumps(data),
    }


def unpack(fact: t.Mapping[str, t.Any]) -> Data:
    """The meshes from a fact. Raises InventoryError."""
    if not isinstance(fact, t.Mapping) or "plain" not in fact:
        raise InventoryError(
            "this is not what the filter keymesh.ike.mesh returns; the role keymesh.ike.mesh sets mesh_data to it"
        )
    return t.cast(Data, json.loads(fact["plain"]))


def mesh_tunnels(
    inventory: t.Mapping[str, t.Any], members: t.Union[Groups, t.Sequence[str]], host: str
) -> t.List[Data]:
    """The tunnels of one host, straight from C(hostvars) and C(groups).

    C(members) is C(groups), or a list of hosts that are all connected with each other. Raises InventoryError.
    """
    groups = members
    if not isinstance(groups, t.Mapping):
        variables = inventory[host] if host in inventory else {}
        if variables.get("ike_meshes") and variables.get("groups"):
            groups = variables["groups"]
        else:
            groups = {variables.get("ike_group") or _mesh_definitions.DEFAULT_GROUP: list(members)}
    return tunnels(mesh(inventory, groups, [host]), host)


class _Reader(t.NamedTuple):
    """Reads the variables of a host."""

    hostvars: t.Mapping[str, t.Any]
    group: str
    unreadable: t.Tuple[t.Type[Exception], ...]
    problems: Problems

    def variables(self, host: str) -> Data:
        """All that matter, as plain data."""
        looked_up = self.hostvars[host]
        found = {name: self._value(host, name, looked_up) for name in VARIABLES}
        found["ike_group"] = str(found["ike_group"] or self.group)
        found["managed"] = flag(host, found, "ike_managed", True, self.problems)
        return found

    def _value(self, host: str, name: str, looked_up: t.Mapping[str, t.Any]) -> t.Any:
        try:
            return plain(looked_up.get(name))
        except self.unreadable as error:
            reason = str(error).splitlines()[0]
            self.problems.add(f"{host}: {name} cannot be had: {reason}; correct its template, or define what it needs")
            return None


def _read(reader: _Reader, groups: Groups, hosts: t.Sequence[str]) -> t.Dict[str, Data]:
    """The variables of the hosts and of everybody who is in a mesh with them, each host looked up once."""
    known: t.Dict[str, Data] = {}
    seen: t.Set[str] = set()
    waiting = list(hosts)
    while waiting:
        host = str(waiting.pop())
        if host in known or host not in reader.hostvars:
            continue
        known[host] = reader.variables(host)
        for definition in _mesh_definitions.definitions_of(host, known[host], Problems()):
            text = repr(definition)
            if text not in seen:
                members = _mesh_definitions.members_of(definition, groups)
                if host in members:
                    seen.add(text)
                    waiting.extend(members)
    return known


def plain(value: t.Any) -> t.Any:
    """Plain Python data, without what Ansible attaches to it."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (int, float)):
        return int(value) if isinstance(value, int) else float(value)
    if isinstance(value, t.Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [plain(one) for one in value]
    return str(value)
