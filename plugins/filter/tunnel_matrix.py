# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter: the results of a verification as a table."""

from __future__ import annotations

DOCUMENTATION = r"""
name: tunnel_matrix
short_description: The results of a verification as a table
version_added: 0.1.0
author:
  - keymesh.ike contributors (@keymesh)
description:
  - A row for each host and a column for each peer, with the time of a ping or C(FAIL), then a summary, and the reasons of all failures with an advice.
options:
  _input:
    description: Host names with their results from P(keymesh.ike.tunnel_results#filter).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show the matrix
  ansible.builtin.debug:
    msg: "{{ {'gw1': results_of_gw1, 'gw2': results_of_gw2} | keymesh.ike.tunnel_matrix }}"
"""

RETURN = r"""
_value:
  description: The lines of the table.
  type: list
  elements: str
"""

import typing as t

from ansible_collections.keymesh.ike.plugins.plugin_utils._report import tunnel_matrix


class FilterModule:
    """The filter of this file."""

    def filters(self) -> t.Dict[str, t.Callable[..., t.Any]]:
        """Names of the filters."""
        return {"tunnel_matrix": tunnel_matrix}
