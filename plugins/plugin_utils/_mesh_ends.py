# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the variables of a host say about its end of tunnels. Private to the collection. Pure functions."""

from __future__ import annotations

import ipaddress
import re
import typing as t

from ansible_collections.keymesh.ike.plugins.plugin_utils._mesh_problems import Problems

Data = t.Dict[str, t.Any]
Network = t.Union[ipaddress.IPv4Network, ipaddress.IPv6Network]

ANY = "%any"
"""In place of an address that is not known."""

_LABEL = r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)"
_HOST_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*\.?", re.ASCII)
_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


def end(host: str, variables: t.Mapping[str, t.Any], meshes: t.Sequence[str], problems: Problems) -> Data:
    """The end of one host in the meshes that it is a member of. What is wrong goes to C(problems)."""
    dynamic = flag(host, variables, "ike_dynamic", False, problems)
    networks = {mesh: _subnets(host, variables.get("ike_subnets"), mesh, problems) for mesh in meshes}
    return {
        "host": host,
        "managed": flag(host, variables, "ike_managed", True, problems),
        "dynamic": dynamic,
        "addresses": [ANY] if dynamic else _addresses(host, variables, problems),
        "local_addresses": _local_addresses(host, variables, problems),
        "id": _identity(host, variables, problems),
        "subnets": {mesh: [str(network) for network in found] for mesh, found in networks.items()},
        "probe_addresses": _probe_addresses(host, variables.get("ike_probe_address"), networks, problems),
    }


def family(address: str) -> int:
    """4 or 6; 0 for what may be either: a host name, or any address."""
    try:
        return ipaddress.ip_address(address).version
    except ValueError:
        return 0


def flag(host: str, variables: t.Mapping[str, t.Any], name: str, default: bool, problems: Problems) -> bool:
    """A boolean variable."""
    value = variables.get(name)
    if value is None:
        return default
    word = str(value).lower()
    if word not in _TRUE + _FALSE:
        problems.add(f"{host}: {name}: {value!r} is neither true nor false")
    return word in _TRUE


def _addresses(host: str, variables: t.Mapping[str, t.Any], problems: Problems) -> t.List[str]:
    value = variables.get("ike_address")
    if not value:
        problems.add(
            f"{host}: ike_address is not set; it is the address that peers reach the host at (ike_dynamic: true if nobody knows it)"
        )
        return []
    return _one_of_each_family(host, "ike_address", value, problems, may_be_name=True)


def _local_addresses(host: str, variables: t.Mapping[str, t.Any], problems: Problems) -> t.List[str]:
    value = variables.get("ike_local_address")
    return _one_of_each_family(host, "ike_local_address", value, problems) if value else []


def _one_of_each_family(
    host: str, name: str, value: t.Any, problems: Problems, may_be_name: bool = False
) -> t.List[str]:
    """An address, or a list with one IPv4 and one IPv6 address."""
    if not isinstance(value, (str, list, tuple)):
        problems.add(f"{host}: {name}: {value!r} is not an address, nor a list with an IPv4 and an IPv6 address")
        return []
    found = [_address(host, name, one, problems, may_be_name) for one in ([value] if isinstance(value, str) else value)]
    addresses = [address for address in found if address]
    if len(set(map(family, addresses))) != len(addresses):
        problems.add(
            f"{host}: {name}: {', '.join(addresses)}: only one address of each family can be used; take one out"
        )
    return addresses


def _address(host: str, name: str, value: t.Any, problems: Problems, may_be_name: bool) -> t.Optional[str]:
    text = str(value)
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        if may_be_name and _HOST_NAME.fullmatch(text) and not text.replace(".", "").isdigit():
            return text
    kind = "an address or a host name" if may_be_name else "an address"
    problems.add(f"{host}: {name}: {text!r} is not {kind}")
    return None


def _identity(host: str, variables: t.Mapping[str, t.Any], problems: Problems) -> str:
    value = variables.get("ike_id")
    if isinstance(value, (dict, list, tuple)):
        problems.add(f"{host}: ike_id: {value!r} is not a name, an e-mail address, an address or a distinguished name")
    return str(value or host)


def _subnets(host: str, value: t.Any, mesh: str, problems: Problems) -> t.List[Network]:
    """The networks behind the host in one mesh."""
    if isinstance(value, t.Mapping):
        if not value.get(mesh):
            problems.add(f"{host}: ike_subnets has no networks for the mesh {mesh}; add {mesh}: [10.1.0.0/16]")
            return []
        value = value[mesh]
    if not value or isinstance(value, str) or not isinstance(value, t.Iterable):
        problems.add(
            f"{host}: ike_subnets must be a list of the networks behind the host, such as [10.1.0.0/16], or such a list for each mesh"
        )
        return []
    found = [_network(host, subnet, problems) for subnet in value]
    return [network for network in found if network is not None]


def _network(host: str, subnet: t.Any, problems: Problems) -> t.Optional[Network]:
    try:
        return ipaddress.ip_network(str(subnet))
    except ValueError as error:
        problems.add(f"{host}: ike_subnets: {error}")
        return None


def _probe_addresses(
    host: str, value: t.Any, networks: t.Mapping[str, t.Sequence[Network]], problems: Problems
) -> t.Dict[str, t.List[str]]:
    """For each mesh the addresses of the host that answer pings, one for each family at most, the best first."""
    configured = []
    if value and not isinstance(value, (str, list)):
        problems.add(f"{host}: ike_probe_address: {value!r} is not an address, nor a list of addresses")
        value = None
    for one in [value] if isinstance(value, str) and value else value or []:
        try:
            configured.append(ipaddress.ip_address(str(one)))
        except ValueError as error:
            problems.add(f"{host}: ike_probe_address: {error}")
    for address in configured:
        if not any(address in network for found in networks.values() for network in found):
            problems.add(f"{host}: ike_probe_address {address} is in none of its ike_subnets")
    return {mesh: _of_each_family(configured, found) for mesh, found in networks.items()}


def _of_each_family(configured: t.Sequence[t.Any], networks: t.Sequence[Network]) -> t.List[str]:
    inside = [address for address in configured if any(address in network for network in networks)]
    firsts = [network[0] if network.num_addresses == 1 else network[1] for network in networks]
    by_family: t.Dict[int, str] = {}
    for address in [*inside, *firsts]:
        by_family.setdefault(address.version, str(address))
    return list(by_family.values())
