# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter: from the inventory to the tunnels of a host."""

from __future__ import annotations

DOCUMENTATION = r"""
name: mesh_tunnels
short_description: The tunnels of one host with all other members of a group
version_added: 0.1.0
author:
  - keymesh.ike contributors (@keymesh)
description:
  - Every pair of the members gets one tunnel. Both ends compute the same name for it, and the same settings.
  - Reads C(ike_address), C(ike_local_address), C(ike_id), C(ike_subnets), C(ike_probe_address), C(ike_auth) and C(ike_proposal)
    from the variables of all members, whether the play targets them or not.
  - Fails if the inventory is contradictory, for instance if two hosts have overlapping subnets.
positional: members, host
options:
  _input:
    description: The variable C(hostvars).
    type: dict
    required: true
  members:
    description: Names of the hosts, such as C(groups['gateways']).
    type: list
    elements: str
    required: true
  host:
    description: The host whose tunnels are wanted, usually C(inventory_hostname).
    type: str
    required: true
seealso:
  - plugin: keymesh.ike.tunnel_config
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Show whom this host has tunnels with
  ansible.builtin.debug:
    msg: "{{ hostvars | keymesh.ike.mesh_tunnels(groups['gateways'], inventory_hostname) | map(attribute='peer') }}"
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
    peer:
      description: The other host.
      type: str
    initiator:
      description: Whether this host begins the negotiation. Exactly one end does.
      type: bool
    auth:
      description: V(psk) or V(cert).
      type: str
    proposal:
      description: Lists of proposals, with the keys C(ike) and C(esp).
      type: dict
    local:
      description: This end, with the keys C(host), C(address), C(local_address), C(id), C(subnets) and C(probe_address).
      type: dict
    remote:
      description: The other end, with the same keys.
      type: dict
"""

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.keymesh.ike.plugins.plugin_utils._mesh import InventoryError
from ansible_collections.keymesh.ike.plugins.plugin_utils._mesh import mesh_tunnels as tunnels_of


def mesh_tunnels(hostvars: t.Mapping[str, t.Any], members: t.Sequence[str], host: str) -> t.List[t.Dict[str, t.Any]]:
    """The tunnels of C(host), see the documentation of the filter."""
    try:
        return tunnels_of(hostvars, members, host)
    except InventoryError as error:
        raise AnsibleFilterError(f"keymesh.ike.mesh_tunnels: {error}") from error


class FilterModule:
    """The filter of this file."""

    def filters(self) -> t.Dict[str, t.Callable[..., t.Any]]:
        """Names of the filters."""
        return {"mesh_tunnels": mesh_tunnels}
