# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter: from the inventory to the tunnels of a host."""

from __future__ import annotations

DOCUMENTATION = r"""
name: mesh_tunnels
short_description: The tunnels of one host
version_added: 0.1.0
author:
  - keymesh.ike contributors (@keymesh)
description:
  - Both ends compute the same name for a tunnel, and the same settings.
  - The input is what the filter P(keymesh.ike.mesh#filter) has read from the inventory, or C(hostvars) itself. The former is much faster when many hosts
    need it, because looking up the variables of a host takes long.
  - The inventory alone decides, whether the play targets a host or not.
  - Fails with everything that is wrong if the inventory is contradictory, for instance if two hosts have overlapping subnets.
positional: members, host
options:
  _input:
    description: The result of P(keymesh.ike.mesh#filter), or the variable C(hostvars).
    type: dict
    required: true
  members:
    description:
      - With the result of P(keymesh.ike.mesh#filter), the host whose tunnels are wanted, usually C(inventory_hostname).
      - With C(hostvars), the variable C(groups), or a list of hosts such as C(groups['gateways']), which are all connected with each other.
    type: raw
    required: true
  host:
    description: With C(hostvars), the host whose tunnels are wanted, usually C(inventory_hostname).
    type: str
  auth:
    description: Only tunnels with this kind of authentication.
    type: str
    choices:
      - psk
      - cert
    version_added: 0.2.0
  initiator:
    description: Only tunnels that the host begins, or only those that it does not begin.
    type: bool
    version_added: 0.2.0
  peers:
    description: Only tunnels with one of these hosts.
    type: list
    elements: str
    version_added: 0.2.0
seealso:
  - plugin: keymesh.ike.mesh
    plugin_type: filter
  - plugin: keymesh.ike.tunnel_config
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Show whom this host has tunnels with
  ansible.builtin.debug:
    msg: "{{ hostvars | keymesh.ike.mesh_tunnels(groups, inventory_hostname) | map(attribute='peer') }}"

- name: The same after the role keymesh.ike.mesh
  ansible.builtin.debug:
    msg: "{{ mesh_data | keymesh.ike.mesh_tunnels(inventory_hostname) | map(attribute='peer') }}"
"""

RETURN = r"""
_value:
  description: One dictionary for each tunnel, ordered by name.
  type: list
  elements: dict
  contains:
    name:
      description: The names of both hosts in alphabetical order, joined by C(--).
      type: str
    mesh:
      description: Name of the mesh.
      type: str
    peer:
      description: The other host.
      type: str
    peer_managed:
      description: Whether the other host is ours. If not, only this end is configured.
      type: bool
    initiator:
      description: Whether this host begins the negotiation. Exactly one end does.
      type: bool
    auth:
      description: V(psk) or V(cert).
      type: str
    proposal:
      description: Lists of proposals, with the keys C(ike) and C(esp).
      type: dict
    version:
      description: IKE version.
      type: int
    connection:
      description: Options of the connection that the mesh sets.
      type: dict
    child:
      description: Options of the Child SA that the mesh sets.
      type: dict
    local:
      description:
        - This end, with the keys C(host), C(managed), C(dynamic), C(address), C(local_address), C(id), C(subnets) and C(probe_address).
        - C(address) is V(%any) if C(dynamic).
      type: dict
    remote:
      description: The other end, with the same keys.
      type: dict
"""

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.keymesh.ike.plugins.plugin_utils import _mesh


def mesh_tunnels(
    inventory: t.Mapping[str, t.Any],
    members: t.Any,
    host: t.Optional[str] = None,
    auth: t.Optional[str] = None,
    initiator: t.Optional[bool] = None,
    peers: t.Optional[t.Sequence[str]] = None,
) -> t.List[t.Dict[str, t.Any]]:
    """The tunnels of a host, see the documentation of the filter."""
    chosen = None if peers is None else set(peers)
    try:
        found = (
            _mesh.tunnels(_mesh.unpack(inventory), members)
            if host is None
            else _mesh.mesh_tunnels(inventory, members, host)
        )
    except _mesh.InventoryError as error:
        raise AnsibleFilterError(f"keymesh.ike.mesh_tunnels: {error}") from None
    return [
        tunnel
        for tunnel in found
        if auth in (None, tunnel["auth"])
        and initiator in (None, tunnel["initiator"])
        and (chosen is None or tunnel["peer"] in chosen)
    ]


class FilterModule:
    """The filter of this file."""

    def filters(self) -> t.Dict[str, t.Callable[..., t.Any]]:
        """Names of the filters."""
        return {"mesh_tunnels": mesh_tunnels}
