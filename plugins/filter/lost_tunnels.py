# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter: the tunnels that a change took down."""

from __future__ import annotations

DOCUMENTATION = r"""
name: lost_tunnels
short_description: The tunnels that were up before a change and are down now
version_added: 0.2.0
author:
  - keymesh.ike contributors (@keymesh)
description:
  - Compares two results of M(keymesh.ike.ike_sa_info). Tunnels that are not configured any more are not lost.
positional: after
options:
  _input:
    description: The result from before the change. A result without SAs, as of a host without a daemon, loses nothing.
    type: dict
    required: true
  after:
    description: The result from after the change.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Nothing was lost
  ansible.builtin.assert:
    that: before | keymesh.ike.lost_tunnels(after) | length == 0
"""

RETURN = r"""
_value:
  description: Names of the tunnels, C(CONNECTION/CHILD).
  type: list
  elements: str
"""

import typing as t

from ansible_collections.keymesh.ike.plugins.plugin_utils._drift import lost_tunnels


class FilterModule:
    """The filter of this file."""

    def filters(self) -> t.Dict[str, t.Callable[..., t.Any]]:
        """Names of the filters."""
        return {"lost_tunnels": lost_tunnels}
