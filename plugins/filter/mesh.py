# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter: read the meshes of the inventory once."""

from __future__ import annotations

DOCUMENTATION = r"""
name: mesh
short_description: The meshes of the inventory as plain data
version_added: 0.2.0
author:
  - keymesh.ike contributors (@keymesh)
description:
  - Reads the variables C(ike_*) of all members of the meshes, each host once, checks them, and returns what tunnels are computed from.
  - The inventory alone decides who is a member, whether the play targets a host or not.
  - Fails with everything that is wrong with the inventory, each with the host, the variable and what to do.
positional: groups, hosts, group, without
options:
  _input:
    description: The variable C(hostvars).
    type: dict
    required: true
  groups:
    description: The variable C(groups).
    type: dict
    required: true
  hosts:
    description: Hosts whose meshes are wanted, such as C(ansible_play_hosts_all). All members of these meshes are part of the result.
    type: list
    elements: str
    required: true
  group:
    description: Group whose members are all connected with each other, for hosts that have neither C(ike_meshes) nor C(ike_group).
    type: str
    default: gateways
  without:
    description: Hosts that are being removed. Nobody has tunnels with them.
    type: list
    elements: str
    default: []
    version_added: 0.2.0
seealso:
  - plugin: keymesh.ike.mesh_tunnels
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Read the inventory once for all hosts
  ansible.builtin.set_fact:
    vpn: "{{ hostvars | keymesh.ike.mesh(groups, ansible_play_hosts_all) }}"
  run_once: true

- name: Show whom each host has tunnels with
  ansible.builtin.debug:
    msg: "{{ vpn | keymesh.ike.mesh_tunnels(inventory_hostname) | map(attribute='peer') }}"
"""

RETURN = r"""
_value:
  description: The members and the meshes. Other filters compute the tunnels of a host from it.
  type: dict
  contains:
    hosts:
      description: The members that are ours.
      type: list
      elements: str
    peers:
      description: The members that are not ours (C(ike_managed=false)).
      type: list
      elements: str
    meshes:
      description:
        - The meshes ordered by name, with the keys C(name), C(members), C(topology), C(hubs), C(pairs), C(transit), C(auth), C(proposal),
          C(version), C(connection) and C(child).
      type: list
      elements: dict
    plain:
      description: All of it as JSON, for the other filters.
      type: str
"""

import typing as t

from ansible.errors import AnsibleError, AnsibleFilterError
from jinja2.exceptions import UndefinedError

from ansible_collections.keymesh.ike.plugins.plugin_utils import _mesh


def mesh(
    hostvars: t.Mapping[str, t.Any],
    groups: t.Mapping[str, t.Sequence[str]],
    hosts: t.Sequence[str],
    group: str = "gateways",
    without: t.Sequence[str] = (),
) -> t.Dict[str, t.Any]:
    """The meshes, see the documentation of the filter."""
    try:
        return _mesh.pack(_mesh.mesh(hostvars, groups, hosts, group, without, (AnsibleError, UndefinedError)))
    except _mesh.InventoryError as error:
        raise AnsibleFilterError(f"keymesh.ike.mesh: {error}") from None


class FilterModule:
    """The filter of this file."""

    def filters(self) -> t.Dict[str, t.Callable[..., t.Any]]:
        """Names of the filters."""
        return {"mesh": mesh}
