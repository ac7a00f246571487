# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What two hosts, or two meshes, must not have in common. Private to the collection. Pure functions."""

from __future__ import annotations

import ipaddress
import itertools
import typing as t

from ansible_collections.keymesh.ike.plugins.plugin_utils._mesh_problems import Problems
from ansible_collections.keymesh.ike.plugins.plugin_utils._mesh_topology import neighbours, subnets

Data = t.Dict[str, t.Any]
Ends = t.Mapping[str, Data]


def check(meshes: t.Sequence[Data], ends: Ends, problems: Problems) -> None:
    """Refuse ambiguous identities, addresses, networks and tunnels."""
    _refuse_equal_identities(meshes, ends, problems)
    _refuse_equal_addresses(meshes, ends, problems)
    _refuse_overlaps(meshes, ends, problems)
    for one, other in itertools.combinations(meshes, 2):
        _refuse_contradictions(one, other, ends, problems)


def _refuse_equal_identities(meshes: t.Sequence[Data], ends: Ends, problems: Problems) -> None:
    for one, other in _same(ends, lambda end: [end["id"].lower()]):
        if _meet(meshes, ends, one, other):
            problems.add(f"ike_id: {one} and {other} have the same identity {ends[one]['id']!r}; give each its own")


def _refuse_equal_addresses(meshes: t.Sequence[Data], ends: Ends, problems: Problems) -> None:
    def known(end: Data) -> t.List[str]:
        # Two hosts behind one NAT share the address outside and have their own inside.
        return [f"{address} {' '.join(end['local_addresses'])}" for address in end["addresses"] if not end["dynamic"]]

    for one, other in _same(ends, known):
        if _meet(meshes, ends, one, other):
            address = " and ".join(sorted(set(ends[one]["addresses"]) & set(ends[other]["addresses"])))
            problems.add(
                f"ike_address: {one} and {other} have the same address {address}; correct one of them,"
                " or give each its own ike_local_address if they are behind the same NAT"
            )


def _same(ends: Ends, keys: t.Callable[[Data], t.List[str]]) -> t.Iterator[t.Tuple[str, str]]:
    """Pairs of hosts that have a key in common: each host with the first one of that key."""
    first: t.Dict[str, str] = {}
    for host in sorted(ends):
        for key in keys(ends[host]):
            other = first.setdefault(key, host)
            if other != host:
                yield other, host


def _refuse_overlaps(meshes: t.Sequence[Data], ends: Ends, problems: Problems) -> None:
    """Two hosts with the same network behind them: nobody could say whom a packet is for."""
    entries = [
        (network.version, int(network.network_address), -network.num_addresses, host, mesh, network)
        for host, end in ends.items()
        for mesh, found in end["subnets"].items()
        for network in map(ipaddress.ip_network, found)
    ]
    outer: t.List[t.Any] = []
    # Networks are either apart or one inside of the other, so the ones that hold the present one are a stack.
    for entry in sorted(entries, key=lambda entry: entry[:5]):
        while outer and not (outer[-1][0] == entry[0] and entry[1] < outer[-1][1] - outer[-1][2]):
            outer.pop()
        for holder in outer:
            if holder[3] != entry[3] and _meet(meshes, ends, holder[3], entry[3], holder[4], entry[4]):
                problems.add(
                    f"ike_subnets overlap: {holder[5]} of {holder[3]} and {entry[5]} of {entry[3]}; each network must be behind one host"
                )
        outer.append(entry)


def _meet(meshes: t.Sequence[Data], ends: Ends, one: str, other: str, mesh: str = "", others_mesh: str = "") -> bool:
    """Whether some host has to tell the two apart: one of them, or a common neighbour."""

    def sees(name: str, host: str) -> t.Set[str]:
        chosen = [one for one in meshes if name in ("", one["name"]) and host in one["members"]]
        return {host, *(peer for one in chosen for peer in neighbours(one, ends, host))}

    return bool(sees(mesh, one) & sees(others_mesh, other))


def _refuse_contradictions(one: Data, other: Data, ends: Ends, problems: Problems) -> None:
    """A pair can be in two meshes if both want the same."""
    for host in sorted(set(one["members"]) & set(other["members"])):
        for peer in sorted(set(neighbours(one, ends, host)) & set(neighbours(other, ends, host))):
            if host < peer:
                differing = [
                    setting
                    for setting in ("auth", "proposal", "version", "connection", "child")
                    if one[setting] != other[setting]
                ]
                pairs = ((host, peer), (peer, host))
                if any(set(subnets(one, ends, *pair)) != set(subnets(other, ends, *pair)) for pair in pairs):
                    differing.append("subnets")
                if differing:
                    problems.add(
                        f"{host}--{peer} is in the meshes {one['name']} and {other['name']} with different settings"
                        f" ({', '.join(differing)}); make them equal, or take the pair out of one mesh"
                    )
