# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter: the policy that keeps Ansible's own connection out of the tunnels."""

from __future__ import annotations

DOCUMENTATION = r"""
name: management_bypass
short_description: The policy that keeps Ansible's own connection out of the tunnels
version_added: 0.2.0
author:
  - keymesh.ike contributors (@keymesh)
description:
  - When one of the networks behind a peer contains the address that Ansible comes from, such as V(0.0.0.0/0), the tunnel would swallow the SSH
    connection. This makes a policy with C(mode=pass) for just this connection. Otherwise the result is empty.
positional: session
options:
  _input:
    description: Tunnels, from P(keymesh.ike.mesh_tunnels#filter).
    type: list
    elements: dict
    required: true
  session:
    description: The variable C(SSH_CONNECTION) of the target. Without one, as on a local connection, the result is empty.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show what would protect a session
  ansible.builtin.debug:
    msg: "{{ tunnels | keymesh.ike.management_bypass('198.51.100.7 50022 192.0.2.1 22') }}"
"""

RETURN = r"""
_value:
  description: A dictionary for the section C(connections) with one connection or none.
  type: dict
"""

import typing as t

from ansible_collections.keymesh.ike.plugins.plugin_utils._management import management_bypass


class FilterModule:
    """The filter of this file."""

    def filters(self) -> t.Dict[str, t.Callable[..., t.Any]]:
        """Names of the filters."""
        return {"management_bypass": management_bypass}
