# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter: drift as a table."""

from __future__ import annotations

DOCUMENTATION = r"""
name: drift_table
short_description: The drift of several hosts as a table
version_added: 0.2.0
author:
  - keymesh.ike contributors (@keymesh)
description:
  - A line for each tunnel of each host, and below them what is wrong, in sentences.
options:
  _input:
    description: Host names with their results from P(keymesh.ike.tunnel_drift#filter).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show the drift
  ansible.builtin.debug:
    msg: "{{ {'gw1': drift_of_gw1, 'gw2': drift_of_gw2} | keymesh.ike.drift_table }}"
"""

RETURN = r"""
_value:
  description: The lines of the table.
  type: list
  elements: str
"""

import typing as t

from ansible_collections.keymesh.ike.plugins.plugin_utils._drift import drift_table


class FilterModule:
    """The filter of this file."""

    def filters(self) -> t.Dict[str, t.Callable[..., t.Any]]:
        """Names of the filters."""
        return {"drift_table": drift_table}
