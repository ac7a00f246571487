# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter: judge tunnels by what was measured."""

from __future__ import annotations

DOCUMENTATION = r"""
name: tunnel_results
short_description: Judge tunnels by pings and by the counters of their SAs
version_added: 0.1.0
author:
  - keymesh.ike contributors (@keymesh)
description:
  - A tunnel works if its Child SA is up, every ping was answered, and packets came in through the SA meanwhile.
options:
  _input:
    description: Tunnels, from P(keymesh.ike.mesh_tunnels#filter).
    type: list
    elements: dict
    required: true
  before:
    description: RV(keymesh.ike.ike_sa_info#module:sas) before the pings.
    type: list
    elements: dict
    required: true
  pings:
    description: Results of M(ansible.builtin.command) with C(ping), one for each tunnel, in the same order.
    type: list
    elements: dict
    required: true
  after:
    description: RV(keymesh.ike.ike_sa_info#module:sas) after the pings.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Judge
  ansible.builtin.set_fact:
    results: "{{ tunnels | keymesh.ike.tunnel_results(before=before.sas, pings=pings.results, after=after.sas) }}"
"""

RETURN = r"""
_value:
  description: One dictionary for each tunnel.
  type: list
  elements: dict
  contains:
    name:
      description: Name of the tunnel.
      type: str
    peer:
      description: The other host.
      type: str
    ok:
      description: Whether the tunnel works.
      type: bool
    problem:
      description: What is wrong, empty if nothing is.
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
    packets_in_tunnel:
      description: Packets that came in through the SA meanwhile.
      type: int
"""

import typing as t

from ansible_collections.keymesh.ike.plugins.plugin_utils._report import tunnel_results


class FilterModule:
    """The filter of this file."""

    def filters(self) -> t.Dict[str, t.Callable[..., t.Any]]:
        """Names of the filters."""
        return {"tunnel_results": tunnel_results}
