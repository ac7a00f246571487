# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who has a tunnel with whom, who begins, and which networks it is for. Private to the collection. Pure functions."""

from __future__ import annotations

import ipaddress
import typing as t

from ansible_collections.keymesh.ike.plugins.plugin_utils._mesh_ends import family
from ansible_collections.keymesh.ike.plugins.plugin_utils._mesh_problems import Problems, names

Data = t.Dict[str, t.Any]
Ends = t.Mapping[str, Data]

MOST_SELECTORS = 255
"""Traffic selectors that a TS payload can count (RFC 7296 section 3.13)."""


def neighbours(mesh: Data, ends: Ends, host: str) -> t.List[str]:
    """The members that this member has tunnels with. Two peers that are both not ours get none."""
    if mesh["topology"] == "pairs":
        found = [other for pair in mesh["pairs"] if host in pair for other in pair if other != host]
    elif mesh["topology"] == "hub_spoke" and host not in mesh["hubs"]:
        found = mesh["hubs"]
    else:
        found = mesh["members"]
    ours = ends[host]["managed"]
    return sorted({peer for peer in found if peer != host and peer in ends and (ours or ends[peer]["managed"])})


def begins(mesh: Data, one: Data, other: Data) -> bool:
    """Whether C(one) begins the negotiation. Exactly one of the ends does."""
    if one["dynamic"] != other["dynamic"]:
        return bool(one["dynamic"])
    if one["managed"] != other["managed"]:
        return bool(one["managed"])
    if mesh["topology"] == "hub_spoke":
        hubs = [end["host"] in mesh["hubs"] for end in (one, other)]
        if hubs[0] != hubs[1]:
            return hubs[1]
    return bool(one["host"] < other["host"])


def addresses(initiator: Data, responder: Data) -> t.Optional[t.Tuple[str, str]]:
    """The addresses of a pair: of the first family in the initiator's list that both have."""
    for ours in initiator["addresses"]:
        for theirs in responder["addresses"]:
            if family(ours) == family(theirs) or 0 in (family(ours), family(theirs)):
                return ours, theirs
    return None


def subnets(mesh: Data, ends: Ends, host: str, peer: str) -> t.List[str]:
    """The networks at the host's end of the tunnel with the peer.

    With C(transit), the first hub stands for all other spokes too. Neighbouring networks become one.
    """
    own: t.List[str] = ends[host]["subnets"][mesh["name"]]
    if not carries(mesh, host, peer):
        return own
    others = [
        ipaddress.ip_network(subnet)
        for spoke in mesh["members"]
        if spoke != peer and spoke not in mesh["hubs"]
        for subnet in ends[spoke]["subnets"][mesh["name"]]
    ]
    return own + [
        str(network)
        for version in (4, 6)
        for network in ipaddress.collapse_addresses([one for one in others if one.version == version])
    ]


def carries(mesh: Data, host: str, peer: str) -> bool:
    """Whether the host is the hub through which this spoke reaches the others."""
    return bool(mesh["transit"] and mesh["hubs"] and host == mesh["hubs"][0] and peer not in mesh["hubs"])


def probe_addresses(mesh: Data, initiator: Data, responder: Data) -> t.Tuple[str, str]:
    """An address in the networks of each end, both of one family."""
    ours, theirs = (end["probe_addresses"][mesh["name"]] for end in (initiator, responder))
    for one in ours:
        for other in theirs:
            if family(one) == family(other):
                return one, other
    return ours[0], theirs[0]


def check(mesh: Data, ends: Ends, everybody: t.Collection[str], problems: Problems) -> None:
    """The shape of a mesh: does everybody exist who is named, and can the pairs talk to each other?"""
    name = mesh["name"]
    for hub in mesh["hubs"]:
        if hub not in mesh["members"]:
            problems.add(
                f"the mesh {name}: hubs: {hub} is not a member; put it into the group of the mesh, or take it out of hubs"
            )
    if mesh["topology"] == "hub_spoke" and not mesh["hubs"]:
        problems.add(f"the mesh {name}: hubs is not set; name the hosts that all others have tunnels with")
    if mesh["topology"] not in ("full", "hub_spoke", "pairs"):
        problems.add(f"the mesh {name}: topology: {mesh['topology']!r} is not one of full, hub_spoke, pairs")
    for setting, topology in (("hubs", "hub_spoke"), ("transit", "hub_spoke"), ("pairs", "pairs")):
        if mesh[setting] and mesh["topology"] != topology:
            problems.add(f"the mesh {name}: {setting} needs topology: {topology}, not {mesh['topology']}")
    _check_pairs(mesh, ends, everybody, problems)


def _check_pairs(mesh: Data, ends: Ends, everybody: t.Collection[str], problems: Problems) -> None:
    name = mesh["name"]
    if mesh["topology"] == "pairs" and not mesh["pairs"]:
        problems.add(f"the mesh {name}: pairs is not set; list the pairs of hosts, such as [[gw1, gw2]]")
    for pair in mesh["pairs"]:
        if len(set(pair)) != 2 or len(pair) != 2:
            problems.add(f"the mesh {name}: pairs: {pair} must be two different hosts")
        for host in pair:
            if host not in mesh["members"]:
                where = "not a member of the mesh's group" if host in everybody else "not in the inventory"
                problems.add(f"the mesh {name}: pairs: {host} is {where}; add it there, or take it out of pairs")
        if len(pair) == 2 and all(host in ends and not ends[host]["managed"] for host in pair):
            problems.add(
                f"the mesh {name}: pairs: {names(pair)} both have ike_managed: false, so nobody would configure the tunnel"
            )


def check_reachability(mesh: Data, ends: Ends, problems: Problems) -> None:
    """Whether the ends of each pair have a family of addresses, and one of networks, in common."""
    kinds: t.Dict[t.Tuple[t.Any, ...], t.List[str]] = {}
    for host in mesh["members"]:
        end = ends[host]
        outer = tuple(sorted(map(family, end["addresses"])))
        inner = tuple(sorted({6 if ":" in subnet else 4 for subnet in end["subnets"][mesh["name"]]}))
        kinds.setdefault((end["dynamic"], outer, inner), []).append(host)
    # Most members are alike, and most kinds fit each other; only pairs that do not need a closer look.
    for kind, hosts in kinds.items():
        for other, peers in kinds.items():
            for setting, reason in _obstacles(kind, other):
                for host in hosts:
                    found = [peer for peer in neighbours(mesh, ends, host) if peer in peers and host < peer]
                    if found:
                        problems.add(f"the mesh {mesh['name']}: {setting}: {host} and {names(found)} {reason}")


def check_single_networks(mesh: Data, ends: Ends, problems: Problems) -> None:
    """A Child SA of IKEv1 has one traffic selector at each end (RFC 2409 section 5.5), and a tunnel has one Child SA."""
    if mesh["version"] != 1:
        return
    for host in mesh["members"]:
        for peer in neighbours(mesh, ends, host):
            counts = [len(subnets(mesh, ends, *pair)) for pair in ((host, peer), (peer, host))]
            if host < peer and max(counts) > 1:
                problems.add(
                    f"the mesh {mesh['name']}: ike_subnets: {host} and {peer} have {counts[0]} and {counts[1]} networks for each other, but IKEv1 has one"
                    f" at each end; name one that holds the others, as ike_subnets: {{{mesh['name']}: [..]}}, or leave version out"
                )


def _obstacles(one: t.Tuple[t.Any, ...], other: t.Tuple[t.Any, ...]) -> t.Iterator[t.Tuple[str, str]]:
    if one[0] and other[0]:
        yield "ike_dynamic", "both wait to be found: neither knows an address of the other; give one an ike_address"
    elif one[1] and other[1] and 0 not in one[1] + other[1] and not set(one[1]) & set(other[1]):
        yield "ike_address", "have no family (IPv4 or IPv6) in common; give one of them an address of both"
    if one[2] and other[2] and not set(one[2]) & set(other[2]):
        yield "ike_subnets", "have no family (IPv4 or IPv6) in common, so no packet could pass"


def check_transit(mesh: Data, ends: Ends, problems: Problems) -> None:
    """Whether what a hub stands for fits into its messages."""
    if (
        not mesh["transit"]
        or sum(len(ends[host]["subnets"][mesh["name"]]) for host in mesh["members"]) <= MOST_SELECTORS
    ):
        return
    for peer in mesh["members"]:
        if carries(mesh, mesh["hubs"][0], peer):
            count = len(subnets(mesh, ends, mesh["hubs"][0], peer))
            if count > MOST_SELECTORS:
                problems.add(
                    f"the mesh {mesh['name']}: transit: {mesh['hubs'][0]} would have {count} traffic selectors with {peer}, but IKE counts"
                    f" to {MOST_SELECTORS}; give neighbouring networks to the spokes (ike_subnets), so that they can be joined"
                )
