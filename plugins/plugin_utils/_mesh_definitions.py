# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The definitions of meshes (C(ike_meshes)) that the hosts of an inventory have. Private to the collection."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.keymesh.ike.plugins.plugin_utils._mesh_problems import Problems, names
from ansible_collections.keymesh.ike.plugins.plugin_utils._mesh_profiles import policy, proposals

Data = t.Dict[str, t.Any]
Groups = t.Mapping[str, t.Sequence[str]]

TOPOLOGIES = ("full", "hub_spoke", "pairs")
AUTH = ("psk", "cert")
DEFAULT_GROUP = "gateways"
_TYPES: t.Dict[str, t.Tuple[t.Any, str]] = {
    "name": (str, "a name"),
    "group": (str, "the name of a group"),
    "topology": (str, "one of " + ", ".join(TOPOLOGIES)),
    "hubs": (list, "a list of hosts"),
    "pairs": (list, "a list of pairs of hosts"),
    "transit": (bool, "true or false"),
    "auth": (str, "one of " + ", ".join(AUTH)),
    "proposal": ((str, dict), "a profile or a dictionary with ike and esp"),
    "version": (int, "1 or 2"),
    "allow_weak": (bool, "true or false"),
    "connection": (dict, "a dictionary of options"),
    "child": (dict, "a dictionary of options"),
}
_COMPUTED = {
    "connection": ("children", "local", "local_addrs", "proposals", "remote", "remote_addrs", "version"),
    "child": ("esp_proposals", "local_ts", "remote_ts"),
}
"""Options that both ends get from the inventory; set for a mesh, they would be the same at both ends and thus wrong."""


def definitions_of(host: str, variables: Data, problems: Problems) -> t.List[Data]:
    """The meshes as this host has them. Without C(ike_meshes) that is one full mesh of its group."""
    value = variables.get("ike_meshes")
    if value is None:
        return [{"name": variables["ike_group"], "group": variables["ike_group"]}]
    if not isinstance(value, list) or not all(isinstance(one, dict) and _is_name(one.get("name")) for one in value):
        problems.add(f"{host}: ike_meshes must be a list of meshes, such as [{{name: backbone, group: gateways}}]")
        return []
    return value


def _is_name(value: t.Any) -> bool:
    return isinstance(value, str) and bool(value)


def members_of(definition: Data, groups: Groups) -> t.List[str]:
    """The members of a mesh: those of its group, or of its pairs if it has no group."""
    if "group" in definition or definition.get("topology") != "pairs":
        return list(groups.get(str(definition.get("group", DEFAULT_GROUP)), ()))
    pairs = definition.get("pairs")
    return sorted(
        {host for pair in pairs if isinstance(pair, list) for host in map(str, pair)} if isinstance(pairs, list) else ()
    )


def meshes(known: t.Mapping[str, Data], groups: Groups, problems: Problems) -> t.List[Data]:
    """All meshes of these hosts, complete and checked, ordered by name."""
    found: t.Dict[str, t.Dict[str, t.List[str]]] = {}
    for host, variables in known.items():
        if variables.get("ike_meshes") is None and not variables["managed"]:
            continue
        for definition in definitions_of(host, variables, problems):
            if variables.get("ike_meshes") is not None and not members_of(definition, groups):
                _tell_emptiness(definition, groups, problems)
            found.setdefault(definition["name"], {}).setdefault(json.dumps(definition, sort_keys=True), []).append(host)
    result = []
    for name in sorted(found):
        copies = [(json.loads(text), hosts) for text, hosts in found[name].items()]
        members = sorted(
            {host for definition, unused in copies for host in members_of(definition, groups)} & set(known)
        )
        _refuse_differences(name, members, copies, known, problems)
        if members:
            result.append(_mesh(copies[0][0], members, known, groups, problems))
    return result


def _tell_emptiness(definition: Data, groups: Groups, problems: Problems) -> None:
    name, group = definition["name"], str(definition.get("group", DEFAULT_GROUP))
    if definition.get("topology") == "pairs" and "group" not in definition:
        problems.add(f"the mesh {name}: pairs is not set; list the pairs of hosts, such as [[gw1, gw2]]")
    elif group not in groups:
        problems.add(f"the mesh {name}: group: there is no group {group} in the inventory; name one, or create it")
    else:
        problems.add(f"the mesh {name}: group: nobody is in the group {group}")


def _refuse_differences(
    name: str,
    members: t.Sequence[str],
    copies: t.Sequence[t.Tuple[Data, t.List[str]]],
    known: t.Mapping[str, Data],
    problems: Problems,
) -> None:
    if len(copies) > 1:
        (first, some), (second, others) = copies[:2]
        keys = sorted(key for key in {*first, *second} if first.get(key) != second.get(key))
        problems.add(
            f"the mesh {name} is not the same for all hosts: {', '.join(keys)} differs between {names(some)} and {names(others)};"
            " define ike_meshes once, for a group that all members are in"
        )
    have = {host for unused, hosts in copies for host in hosts}
    missing = [host for host in members if host not in have and known[host]["managed"]]
    if missing:
        problems.add(
            f"the mesh {name} has members whose ike_meshes does not define it: {names(missing)};"
            " define ike_meshes once, for a group that all members are in"
        )


def _mesh(
    definition: Data, members: t.List[str], known: t.Mapping[str, Data], groups: Groups, problems: Problems
) -> Data:
    """One mesh with all its settings."""
    name = definition["name"]
    _check_settings(definition, problems)
    definition = {key: value for key, value in definition.items() if key in _TYPES and _fits(key, value)}
    mesh = {
        "name": name,
        "members": members,
        "topology": definition.get("topology", "full"),
        "hubs": _strings(definition.get("hubs")),
        "pairs": [_strings(pair) for pair in definition.get("pairs", ()) if isinstance(pair, list)],
        "transit": definition.get("transit") is True,
        "auth": definition.get("auth") or _agreed(name, "auth", "psk", members, known, problems),
        "connection": definition.get("connection") or {},
        "child": definition.get("child") or {},
    }
    if mesh["auth"] not in AUTH:
        problems.add(f"the mesh {name}: ike_auth: {mesh['auth']!r} is not one of {', '.join(AUTH)}")
    mesh.update(_cryptography(definition, members, known, problems))
    return mesh


def _cryptography(definition: Data, members: t.List[str], known: t.Mapping[str, Data], problems: Problems) -> Data:
    name = definition["name"]
    chosen = definition.get("proposal") or _agreed(name, "proposal", "modern", members, known, problems)
    lists, wrong = proposals(chosen, _own_profile(name, chosen, members, known, problems))
    wrong += policy(lists, definition.get("allow_weak") is True)
    for text in wrong:
        problems.add(f"the mesh {name}: ike_proposal: {text}")
    version = definition.get("version", lists["version"])
    if version not in (1, 2):
        problems.add(f"the mesh {name}: version: {version!r} is not 1 or 2")
    return {"proposal": {kind: lists[kind] for kind in ("ike", "esp")}, "version": version}


def _own_profile(
    name: str, chosen: t.Any, members: t.Sequence[str], known: t.Mapping[str, Data], problems: Problems
) -> Data:
    """The profiles of C(ike_profiles), which must be the same for all members as far as they matter here."""
    own: Data = {}
    texts: t.Dict[str, t.List[str]] = {}
    for host in members:
        value = known[host].get("ike_profiles") or {}
        if not isinstance(value, dict):
            problems.add(
                f"{host}: ike_profiles must be a dictionary of profiles, such as {{ours: {{ike: [..], esp: [..]}}}}"
            )
        elif known[host]["managed"]:
            own.update(value)
            if isinstance(chosen, str):
                texts.setdefault(json.dumps(value.get(chosen), sort_keys=True), []).append(host)
    if len(texts) > 1:
        some, others = list(texts.values())[:2]
        problems.add(
            f"the mesh {name}: ike_profiles.{chosen} differs between {names(some)} and {names(others)}; set it for the whole group"
        )
    return own


def _agreed(
    mesh: str, setting: str, default: str, members: t.Sequence[str], known: t.Mapping[str, Data], problems: Problems
) -> t.Any:
    """A variable of hosts that all members must have in common. Peers that are not ours need not have it."""
    variable = "ike_" + setting
    values: t.Dict[str, t.List[str]] = {}
    for host in members:
        value = known[host].get(variable)
        if value or known[host]["managed"]:
            values.setdefault(json.dumps(value or default, sort_keys=True), []).append(host)
    if len(values) > 1:
        told = ", ".join(f"{json.loads(text)!r} on {names(hosts)}" for text, hosts in values.items())
        problems.add(f"{variable} differs: {told}; set it for the whole group, or as {setting} of the mesh {mesh}")
    return json.loads(next(iter(values))) if values else default


def _fits(key: str, value: t.Any) -> bool:
    kind = _TYPES[key][0]
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def _check_settings(definition: Data, problems: Problems) -> None:
    name = definition["name"]
    for key, value in definition.items():
        if key not in _TYPES:
            problems.add(f"the mesh {name}: {key} is not a setting of a mesh; there are {', '.join(_TYPES)}")
        elif not _fits(key, value):
            problems.add(f"the mesh {name}: {key}: {value!r} is not {_TYPES[key][1]}")
    for key, computed in _COMPUTED.items():
        options = definition.get(key)
        for option in sorted(set(options) & set(computed)) if isinstance(options, dict) else ():
            problems.add(
                f"the mesh {name}: {key}: {option} follows from the inventory and cannot be set here; take it out"
            )


def _strings(value: t.Any) -> t.List[str]:
    return [str(one) for one in value] if isinstance(value, list) else []
