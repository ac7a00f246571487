# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter: from tunnels to what ike_probe needs to know of them."""

from __future__ import annotations

DOCUMENTATION = r"""
name: tunnel_probes
short_description: What ike_probe needs to know of tunnels
version_added: 0.2.0
author:
  - keymesh.ike contributors (@keymesh)
description:
  - Makes the option O(keymesh.ike.ike_probe#module:tunnels) from the tunnels of a host.
positional: listening
options:
  _input:
    description: Tunnels, from P(keymesh.ike.mesh_tunnels#filter).
    type: list
    elements: dict
    required: true
  listening:
    description: Hosts that have a listener. Of the others, only pings are asked for.
    type: list
    elements: str
    required: true
seealso:
  - module: keymesh.ike.ike_probe
"""

EXAMPLES = r"""
- name: Send traffic
  keymesh.ike.ike_probe:
    tunnels: "{{ mesh_data | keymesh.ike.mesh_tunnels(inventory_hostname) | keymesh.ike.tunnel_probes(ansible_play_batch) }}"
"""

RETURN = r"""
_value:
  description: One dictionary for each tunnel.
  type: list
  elements: dict
"""

import typing as t

from ansible_collections.keymesh.ike.plugins.plugin_utils._mesh_tunnels import CHILD


def tunnel_probes(tunnels: t.Iterable[t.Dict[str, t.Any]], listening: t.Sequence[str]) -> t.List[t.Dict[str, t.Any]]:
    """The option, see the documentation of the filter."""
    return [
        {
            "name": tunnel["name"],
            "child": CHILD,
            "source": tunnel["local"]["probe_address"],
            "target": tunnel["remote"]["probe_address"],
            "listens": tunnel["peer_managed"] and tunnel["peer"] in listening,
        }
        for tunnel in tunnels
    ]


class FilterModule:
    """The filter of this file."""

    def filters(self) -> t.Dict[str, t.Callable[..., t.Any]]:
        """Names of the filters."""
        return {"tunnel_probes": tunnel_probes}
