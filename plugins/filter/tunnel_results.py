# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter: judge tunnels by what was measured."""

from __future__ import annotations

DOCUMENTATION = r"""
name: tunnel_results
short_description: Judge tunnels by what ike_probe has measured
version_added: 0.1.0
author:
  - keymesh.ike contributors (@keymesh)
description:
  - A tunnel works if its Child SA is up, every ping was answered, packets as large as the tunnel carries pass, TCP passes in both directions,
    the traffic went through the SA and nothing left in the clear, and the algorithms in use are those of the tunnel's proposal.
  - The first thing that is wrong explains the others, so there is one problem, with an advice.
options:
  _input:
    description: Tunnels, from P(keymesh.ike.mesh_tunnels#filter).
    type: list
    elements: dict
    required: true
  probe:
    description: The result of M(keymesh.ike.ike_probe) on this host. If the module has failed, no tunnel works.
    type: dict
    required: true
    version_added: 0.2.0
"""

EXAMPLES = r"""
- name: Judge
  ansible.builtin.set_fact:
    results: "{{ tunnels | keymesh.ike.tunnel_results(probe) }}"
"""

RETURN = r"""
_value:
  description: One dictionary for each tunnel, in the direction from the host to its peer.
  type: list
  elements: dict
  contains:
    name:
      description: Name of the tunnel.
      type: str
    mesh:
      description: Name of the mesh.
      type: str
    from:
      description: The host.
      type: str
    peer:
      description: The other host.
      type: str
    peer_managed:
      description: Whether the other end is configured by us. If not, only this direction is tested.
      type: bool
    ok:
      description: Whether the tunnel works.
      type: bool
    problem:
      description: What is wrong, empty if nothing is.
      type: str
    advice:
      description: What to do about it.
      type: str
    established:
      description: Whether the Child SA is up.
      type: bool
    sent:
      description: Pings sent.
      type: int
    received:
      description: Pings answered.
      type: int
    milliseconds:
      description: Average time of a ping, V(none) if not known.
      type: float
    mtu:
      description: As RV(keymesh.ike.ike_probe#module:probes[].mtu).
      type: dict
    tcp:
      description: As RV(keymesh.ike.ike_probe#module:probes[].tcp).
      type: dict
    clear:
      description: As RV(keymesh.ike.ike_probe#module:probes[].clear).
      type: int
    packets_in_tunnel:
      description: Packets that came in through the SA meanwhile.
      type: int
    packets_out_tunnel:
      description: Packets that went out through the SA meanwhile.
      type: int
    source:
      description: Address that the traffic came from.
      type: str
    target:
      description: Address that it went to.
      type: str
    ike:
      description: The IKE SA (SPIs, algorithms, age and so on), V(none) if there is none.
      type: dict
    child:
      description: The Child SA (SPIs, algorithms, age, counters and so on), V(none) if there is none.
      type: dict
    proposal:
      description: The proposals of the tunnel, C(ike) and C(esp).
      type: dict
"""

import typing as t

from ansible_collections.keymesh.ike.plugins.plugin_utils._report import tunnel_results


class FilterModule:
    """The filter of this file."""

    def filters(self) -> t.Dict[str, t.Callable[..., t.Any]]:
        """Names of the filters."""
        return {"tunnel_results": tunnel_results}
