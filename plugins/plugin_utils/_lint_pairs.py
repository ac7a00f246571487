# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pairs of an inventory, sorted so that pairs that are alike are looked at once. Private to the collection.

A mesh of 500 hosts has 124750 pairs, but only a few kinds of hosts: what a pair of options gets wrong, it gets wrong for
all pairs of hosts that have these options.
"""

from __future__ import annotations

import json
import typing as t

from ansible_collections.keymesh.ike.plugins.plugin_utils import _mesh_topology as topology
from ansible_collections.keymesh.ike.plugins.plugin_utils._mesh_config import connections
from ansible_collections.keymesh.ike.plugins.plugin_utils._mesh_problems import names
from ansible_collections.keymesh.ike.plugins.plugin_utils._mesh_tunnels import CHILD, tunnel

Data = t.Dict[str, t.Any]

OPTIONS = {
    "connection": "tunnels_connection_options",
    "child": "tunnels_child_options",
    "initiator": "tunnels_initiator_options",
    "responder": "tunnels_responder_options",
}
"""Variables with which a host can change its own end of its tunnels."""
_ADDRESSED = ("local_ts", "remote_ts", "local_addrs", "remote_addrs")
"""Options that make each pair of hosts a case of its own."""
_APART = "!"


class End(t.NamedTuple):
    """One end of a tunnel as its host will configure it. C(hosts) are all that have the same."""

    hosts: t.List[str]
    connection: Data
    options: t.Mapping[str, Data]
    mesh: Data
    begins: bool

    @property
    def child(self) -> Data:
        """The Child SA."""
        return t.cast(Data, self.connection["children"][CHILD])

    @property
    def who(self) -> str:
        """The hosts for a sentence."""
        return names(self.hosts)

    def variable(self, kind: str, option: str, default: str) -> str:
        """Where the value of an option of the C(connection) or the C(child) comes from."""
        if option in self.mesh[kind]:
            return f"ike_meshes ({self.mesh['name']}): {kind}.{option}"
        sources = [kind]
        if kind == "child":
            sources.append("initiator" if self.begins else "responder")
        for source in sources:
            if option in self.options[source]:
                return f"{OPTIONS[source]}.{option}"
        return default


class Pairs(t.NamedTuple):
    """Pairs that are alike. The second end is missing if it is not ours."""

    one: End
    other: t.Optional[End]
    auth: str
    count: int

    @property
    def ends(self) -> t.List[End]:
        """The ends that are ours."""
        return [self.one] if self.other is None else [self.one, self.other]

    @property
    def hosts(self) -> t.List[str]:
        """All hosts of these ends."""
        return sorted({host for end in self.ends for host in end.hosts})


def pairs(mesh_data: Data, options: t.Mapping[str, t.Mapping[str, Data]]) -> t.Iterator[Pairs]:
    """All pairs of the meshes, alike ones together. C(options) are those of each host that is ours."""
    kinds = {host: _kind(found) for host, found in options.items()}
    ends = mesh_data["ends"]
    for mesh in mesh_data["meshes"]:
        groups: t.Dict[t.Tuple[t.Any, ...], t.List[t.Tuple[str, str]]] = {}
        families = {host: _families(ends[host]["subnets"][mesh["name"]]) for host in mesh["members"]}
        for couple in _couples(mesh, ends):
            key = tuple((kinds.get(host), ends[host]["dynamic"], families[host]) for host in couple)
            if any(text and text.startswith(_APART) for text, unused, unused2 in key):
                key = (*key, couple)
            groups.setdefault(key, []).append(couple)
        for couples in groups.values():
            yield _alike(mesh_data, mesh, options, couples)


def _kind(options: t.Mapping[str, Data]) -> str:
    """A text that hosts with the same options have in common."""
    apart = any(option in found for found in options.values() for option in _ADDRESSED)
    return (_APART if apart else "") + json.dumps(options, sort_keys=True, default=str)


def _families(subnets: t.Sequence[str]) -> t.Tuple[bool, ...]:
    return tuple(sorted({":" in subnet for subnet in subnets}))


def couples(mesh_data: Data, auth: str) -> t.List[t.Tuple[str, str]]:
    """All pairs of the meshes with this kind of authentication."""
    meshes = [mesh for mesh in mesh_data["meshes"] if mesh["auth"] == auth]
    return list(dict.fromkeys(couple for mesh in meshes for couple in _couples(mesh, mesh_data["ends"])))


def _couples(mesh: Data, ends: t.Mapping[str, Data]) -> t.Iterator[t.Tuple[str, str]]:
    """Each pair of a mesh once: first the end that begins, or the one that is ours."""
    for host in mesh["members"]:
        for peer in topology.neighbours(mesh, ends, host):
            if host < peer:
                first, second = (host, peer) if topology.begins(mesh, ends[host], ends[peer]) else (peer, host)
                yield (first, second) if ends[first]["managed"] else (second, first)


def _alike(
    mesh_data: Data,
    mesh: Data,
    options: t.Mapping[str, t.Mapping[str, Data]],
    couples: t.Sequence[t.Tuple[str, str]],
) -> Pairs:
    host, peer = couples[0]
    ours = tunnel(mesh, mesh_data["ends"], host, peer)
    one = _end(ours, options[host], mesh, sorted({couple[0] for couple in couples}))
    other = None
    if ours["peer_managed"]:
        mirrored = {
            **ours,
            "initiator": not ours["initiator"],
            "local": ours["remote"],
            "remote": ours["local"],
        }
        other = _end(mirrored, options[peer], mesh, sorted({couple[1] for couple in couples}))
    return Pairs(one, other, ours["auth"], len(couples))


def _end(described: Data, options: t.Mapping[str, Data], mesh: Data, hosts: t.List[str]) -> End:
    files = {"certificate": "host.pem", "authority": "ca.pem"}
    connection = connections([described], {**files, **options})[described["name"]]
    return End(hosts, connection, options, mesh, described["initiator"])
