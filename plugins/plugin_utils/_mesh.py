# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the inventory to tunnels, and from tunnels to a configuration. Private to the collection.

Pure functions, so that no logic sits in templates. A mesh is a group of the inventory; every pair of its members gets
a tunnel. Both ends compute the same pair from the whole inventory, so `--limit` changes nothing.
"""

from __future__ import annotations

import ipaddress
import typing as t

Data = t.Dict[str, t.Any]

PROFILES: t.Dict[str, t.Dict[str, t.List[str]]] = {
    # What current implementations agree on best: authenticated encryption and Curve25519.
    "modern": {
        "ike": ["aes256gcm16-prfsha384-x25519", "aes256gcm16-prfsha384-ecp384"],
        "esp": ["aes256gcm16-x25519", "aes256gcm16-ecp384"],
    },
    # The algorithms of CNSA 1.0 (RFC 9206).
    "cnsa": {
        "ike": ["aes256gcm16-prfsha384-ecp384"],
        "esp": ["aes256gcm16-ecp384"],
    },
    # For appliances without Curve25519 or AES-GCM; still nothing below 112 bits of strength.
    "compatible": {
        "ike": ["aes256-sha256-ecp256", "aes256-sha256-modp2048"],
        "esp": ["aes256gcm16-ecp256", "aes256-sha256-ecp256", "aes256-sha256-modp2048"],
    },
}
AUTH = ("psk", "cert")
CHILD = "net"
"""Name of the one Child SA of every tunnel."""


class InventoryError(ValueError):
    """The inventory cannot become tunnels. The text names the host and the variable."""


def pair_name(one: str, other: str) -> str:
    """The name of a pair, the same whichever end asks."""
    return "--".join(sorted((one, other)))


def proposals(profile: t.Union[str, t.Mapping[str, t.Any]]) -> t.Dict[str, t.List[str]]:
    """The proposals of a named profile, or of a dictionary with C(ike) and C(esp)."""
    if isinstance(profile, str):
        if profile not in PROFILES:
            raise InventoryError(
                f"ike_proposal: there is no profile {profile!r}; there are {', '.join(sorted(PROFILES))}"
            )
        return PROFILES[profile]
    if set(profile) != {"ike", "esp"} or not all(profile.values()):
        raise InventoryError(
            "ike_proposal: a dictionary must have exactly the keys ike and esp, each a list of proposals"
        )
    return {kind: [profile[kind]] if isinstance(profile[kind], str) else list(profile[kind]) for kind in ("ike", "esp")}


def mesh_tunnels(hostvars: t.Mapping[str, t.Any], members: t.Sequence[str], host: str) -> t.List[Data]:
    """The tunnels of one host with all other members, ordered by name.

    The first of each pair in alphabetical order initiates, so that both ends never do at once. Raises InventoryError.
    """
    if host not in members:
        raise InventoryError(f"{host} is not a member of the mesh ({', '.join(sorted(members)) or 'nobody is'})")
    # Looking a host up is slow in Ansible, so once is enough.
    known = {member: hostvars[member] for member in members}
    ends = {member: end(member, known[member]) for member in members}
    _refuse_overlaps(list(ends.values()))
    return [
        {
            "name": pair_name(host, peer),
            "peer": peer,
            "initiator": host < peer,
            "auth": _agreed(known, host, peer, "ike_auth", "psk", AUTH),
            "proposal": proposals(_agreed(known, host, peer, "ike_proposal", "modern")),
            "local": ends[host],
            "remote": ends[peer],
        }
        for peer in sorted(members)
        if peer != host
    ]


def end(host: str, variables: t.Mapping[str, t.Any]) -> Data:
    """What the inventory says of one end. Raises InventoryError."""
    address = variables.get("ike_address")
    if not address:
        raise InventoryError(f"{host}: ike_address is not set; it is the address that peers reach the host at")
    subnets = variables.get("ike_subnets")
    if not subnets or isinstance(subnets, str):
        raise InventoryError(
            f"{host}: ike_subnets must be a list of the networks behind the host, such as [10.1.0.0/16]"
        )
    return {
        "host": host,
        "address": str(address),
        "local_address": str(variables.get("ike_local_address") or address),
        "id": str(variables.get("ike_id") or host),
        "subnets": [str(_network(host, subnet)) for subnet in subnets],
        "probe_address": _probe_address(host, variables.get("ike_probe_address"), subnets),
    }


def connections(tunnels: t.Iterable[Data], options: t.Mapping[str, t.Any]) -> Data:
    """The `connections` of ikeengine's configuration.

    Of C(options): C(certificate) and C(authority) are files, C(initiator) and C(responder) are what a Child SA gets
    in that role (C(start_action) and so on), C(connection) and C(child) are merged into every connection and child.
    """
    return {tunnel["name"]: _connection(tunnel, options) for tunnel in tunnels}


def secrets(tunnels: t.Iterable[Data], options: t.Mapping[str, t.Any]) -> Data:
    """The `secrets`: the C(private_key) if certificates are used. The role psk has a file of its own for its keys."""
    return {
        "private-" + tunnel["local"]["host"]: {"file": options["private_key"]}
        for tunnel in tunnels
        if tunnel["auth"] == "cert"
    }


def authorities(tunnels: t.Iterable[Data], options: t.Mapping[str, t.Any]) -> Data:
    """The `authorities`: the one in C(authority) if certificates are used."""
    if any(tunnel["auth"] == "cert" for tunnel in tunnels):
        return {"mesh": {"file": options["authority"]}}
    return {}


def _connection(tunnel: Data, options: t.Mapping[str, t.Any]) -> Data:
    local, remote = tunnel["local"], tunnel["remote"]
    ours: Data = {"auth": "psk", "id": local["id"]}
    theirs: Data = {"auth": "psk", "id": remote["id"]}
    if tunnel["auth"] == "cert":
        ours.update(auth="pubkey", certs=[options["certificate"]])
        theirs.update(auth="pubkey", cacerts=[options["authority"]])
    return {
        "local_addrs": [local["local_address"]],
        "remote_addrs": [remote["address"]],
        "proposals": tunnel["proposal"]["ike"],
        **options.get("connection", {}),
        "local": ours,
        "remote": theirs,
        "children": {
            CHILD: {
                "local_ts": local["subnets"],
                "remote_ts": remote["subnets"],
                "esp_proposals": tunnel["proposal"]["esp"],
                **options.get("initiator" if tunnel["initiator"] else "responder", {}),
                **options.get("child", {}),
            }
        },
    }


def _agreed(
    hostvars: t.Mapping[str, t.Any], one: str, other: str, name: str, default: str, choices: t.Sequence[str] = ()
) -> t.Any:
    """A variable that both ends of a tunnel must have in common."""
    value, theirs = (hostvars[host].get(name) or default for host in (one, other))
    if value != theirs:
        raise InventoryError(f"{name} differs: {value!r} on {one}, {theirs!r} on {other}; set it for the whole group")
    if choices and value not in choices:
        raise InventoryError(f"{name}: {value!r} is not one of {', '.join(choices)}")
    return value


def _network(host: str, subnet: t.Any) -> t.Union[ipaddress.IPv4Network, ipaddress.IPv6Network]:
    try:
        return ipaddress.ip_network(str(subnet))
    except ValueError as error:
        raise InventoryError(f"{host}: ike_subnets: {error}") from error


def _probe_address(host: str, configured: t.Any, subnets: t.Sequence[t.Any]) -> str:
    """An address of the host inside its subnets, that answers pings through the tunnels."""
    networks = [_network(host, subnet) for subnet in subnets]
    if not configured:
        first = networks[0]
        return str(first[0] if first.num_addresses == 1 else first[1])
    try:
        address = ipaddress.ip_address(str(configured))
    except ValueError as error:
        raise InventoryError(f"{host}: ike_probe_address: {error}") from error
    if not any(address in network for network in networks):
        raise InventoryError(f"{host}: ike_probe_address {address} is in none of its ike_subnets")
    return str(address)


def _refuse_overlaps(ends: t.Sequence[Data]) -> None:
    """Two hosts with the same network behind them: nobody could say whom a packet is for."""
    networks = [(one["host"], _network(one["host"], subnet)) for one in ends for subnet in one["subnets"]]
    for index, (host, network) in enumerate(networks):
        for other, theirs in networks[index + 1 :]:
            if host != other and network.version == theirs.version and network.overlaps(theirs):
                raise InventoryError(f"ike_subnets overlap: {network} of {host} and {theirs} of {other}")
