# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tunnels of a host, from the ends and meshes of the inventory. Private to the collection. Pure functions."""

from __future__ import annotations

import typing as t

from ansible_collections.keymesh.ike.plugins.plugin_utils import _mesh_topology as topology
from ansible_collections.keymesh.ike.plugins.plugin_utils._mesh_ends import ANY, family
from ansible_collections.keymesh.ike.plugins.plugin_utils._mesh_problems import InventoryError, names

Data = t.Dict[str, t.Any]

CHILD = "net"
"""Name of the one Child SA of every tunnel."""


def pair_name(one: str, other: str) -> str:
    """The name of a pair, the same whichever end asks."""
    return "--".join(sorted((one, other)))


def tunnels(mesh: Data, host: str) -> t.List[Data]:
    """The tunnels of one host, ordered by name. C(mesh) is what C(_mesh.mesh) returns.

    A pair that is in several meshes has one tunnel, that of the mesh whose name comes first. Raises InventoryError.
    """
    ends = mesh["ends"]
    if host not in ends or not ends[host]["subnets"]:
        meshes = "; ".join(f"{one['name']}: {names(one['members'])}" for one in mesh["meshes"]) or "there is no mesh"
        raise InventoryError(
            f"{host} is not a member of a mesh ({meshes}); add it to the group, or leave it out of the play"
        )
    found: t.Dict[str, Data] = {}
    without = set(mesh.get("without", ()))
    for one in mesh["meshes"]:
        if host in one["members"]:
            for peer in topology.neighbours(one, ends, host):
                if peer not in found and peer not in without:
                    found[peer] = tunnel(one, ends, host, peer)
    return sorted(found.values(), key=lambda one: str(one["name"]))


def tunnel(mesh: Data, ends: t.Mapping[str, Data], host: str, peer: str) -> Data:
    """The tunnel of a host with a neighbour in a mesh."""
    initiator = topology.begins(mesh, ends[host], ends[peer])
    first, second = (host, peer) if initiator else (peer, host)
    addresses = topology.addresses(ends[first], ends[second]) or (ANY, ANY)
    probes = topology.probe_addresses(mesh, ends[first], ends[second])
    sides = {
        first: _side(mesh, ends, first, second, addresses[0], probes[0]),
        second: _side(mesh, ends, second, first, addresses[1], probes[1]),
    }
    return {
        "name": pair_name(host, peer),
        "mesh": mesh["name"],
        "peer": peer,
        "peer_managed": ends[peer]["managed"],
        "initiator": initiator,
        "auth": mesh["auth"],
        "proposal": mesh["proposal"],
        "version": mesh["version"],
        "connection": mesh["connection"],
        "child": mesh["child"],
        "local": sides[host],
        "remote": sides[peer],
    }


def _side(mesh: Data, ends: t.Mapping[str, Data], host: str, peer: str, address: str, probe_address: str) -> Data:
    end = ends[host]
    local = [one for one in end["local_addresses"] if family(address) in (0, family(one))]
    return {
        "host": host,
        "managed": end["managed"],
        "dynamic": end["dynamic"],
        "address": address,
        "local_address": local[0] if local else address,
        "id": end["id"],
        "subnets": topology.subnets(mesh, ends, host, peer),
        "probe_address": probe_address,
    }
