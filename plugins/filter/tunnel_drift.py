# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter: inventory, files, daemon and SAs of a host compared."""

from __future__ import annotations

DOCUMENTATION = r"""
name: tunnel_drift
short_description: Inventory, configuration files, daemon and SAs of a host compared
version_added: 0.2.0
author:
  - keymesh.ike contributors (@keymesh)
description:
  - Names what is configured but not in the inventory, changed by hand, loaded but in no file, down, or up with other algorithms than configured.
positional: running, disk, wanted, failures, versions
options:
  _input:
    description: The tunnels of the host, from P(keymesh.ike.mesh_tunnels#filter).
    type: list
    elements: dict
    required: true
  running:
    description: Result of M(keymesh.ike.ike_sa_info).
    type: dict
    required: true
  disk:
    description: Result of M(keymesh.ike.ike_config) in check mode without content.
    type: dict
    required: true
  wanted:
    description: Result of M(keymesh.ike.ike_config) in check mode with the content that the inventory wants.
    type: dict
    required: true
  failures:
    description: Records of failed negotiations, from C(ikeengine explain --json).
    type: list
    elements: dict
    default: []
  versions:
    description: Versions of the command line (C(tool)), of the running daemon (C(daemon)) and of the collection (C(release)).
    type: dict
"""

EXAMPLES = r"""
- name: Compare
  ansible.builtin.set_fact:
    drift: "{{ tunnels | keymesh.ike.tunnel_drift(running, disk, wanted) }}"
"""

RETURN = r"""
_value:
  description: What was found.
  type: dict
  contains:
    drift:
      description: Whether anything is not as it should be.
      type: bool
    problems:
      description: What is wrong with the host as a whole.
      type: list
      elements: str
    tunnels:
      description:
        - One entry for each connection, with the keys C(name), C(peer), C(inventory), C(file), C(loaded), C(up), C(up_for), C(down), C(down_for),
          C(proposals) and C(problems). Times are in seconds.
      type: list
      elements: dict
"""

import typing as t

from ansible_collections.keymesh.ike.plugins.plugin_utils._drift import host_drift


class FilterModule:
    """The filter of this file."""

    def filters(self) -> t.Dict[str, t.Callable[..., t.Any]]:
        """Names of the filters."""
        return {"tunnel_drift": host_drift}
