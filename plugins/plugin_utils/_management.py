# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The connection that Ansible itself comes over must not disappear in a tunnel. Private to the collection."""

from __future__ import annotations

import ipaddress
import typing as t

Data = t.Dict[str, t.Any]
Address = t.Union[ipaddress.IPv4Address, ipaddress.IPv6Address]

NAME = "management"
"""Name of the connection that holds the policy."""


def management_bypass(tunnels: t.Iterable[Data], session: str) -> Data:
    """The C(connections) with a policy that lets the SSH session pass, empty if no tunnel covers its other end.

    C(session) is SSH_CONNECTION as sshd sets it on the target: addresses and ports of the client and of the server.
    So it is what the target sees, whatever NAT and jump hosts are on the way.
    """
    words = session.split()
    if len(words) != 4:
        return {}
    client, server = _address(words[0]), _address(words[2])
    if not any(_covers(subnet, client) for tunnel in tunnels for subnet in tunnel["remote"]["subnets"]):
        return {}
    return {
        NAME: {
            # The address of a peer that never calls, as strongSwan does it for such policies.
            "remote_addrs": ["127.0.0.1" if client.version == 4 else "::1"],
            "children": {
                "ssh": {
                    "mode": "pass",
                    "local_ts": [f"{server}/{server.max_prefixlen}[tcp/{words[3]}]"],
                    "remote_ts": [f"{client}/{client.max_prefixlen}[tcp]"],
                    "start_action": "trap",
                }
            },
        }
    }


def _address(text: str) -> Address:
    """An address of SSH_CONNECTION: with a zone if it is link-local, and IPv4 mapped to IPv6 if sshd listens so."""
    address = ipaddress.ip_address(text.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped if mapped is not None else address


def _covers(subnet: str, address: Address) -> bool:
    try:
        network = ipaddress.ip_network(subnet)
    except ValueError:
        # Such as `dynamic`: the address of the peer itself, which Ansible does not come from.
        return False
    return network.version == address.version and address in network
