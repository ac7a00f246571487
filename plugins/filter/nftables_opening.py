# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter: the rules that let the VPN through nftables."""

from __future__ import annotations

DOCUMENTATION = r"""
name: nftables_opening
short_description: The rules that let the VPN through nftables
version_added: 0.2.0
author:
  - keymesh.ike contributors (@keymesh)
description:
  - Every base chain of the hooks C(input) and C(forward), and those of C(output) that drop by default, get a jump to a chain that accepts the packets
    of the VPN. Tables of firewalld and of ikeengine itself are left alone.
  - The role P(keymesh.ike.engine#role) uses it.
options:
  _input:
    description: The output of C(nft --json list ruleset), parsed.
    type: dict
    required: true
  ports:
    description: UDP ports of IKE.
    type: list
    elements: int
    required: true
  protocols:
    description: Protocols that carry the packets, V(esp) and V(ah).
    type: list
    elements: str
    required: true
  interfaces:
    description: Devices of the userspace datapath and of route-based tunnels.
    type: list
    elements: str
    required: true
  input:
    description: Whether traffic out of the tunnels may reach the host itself.
    type: bool
    required: true
  forward:
    description: Whether traffic of the tunnels may be forwarded.
    type: bool
    required: true
"""

EXAMPLES = r"""
- name: Apply what is missing
  ansible.builtin.command:
    argv: [nft, --file, "-"]
    stdin: "{{ opening.commands }}"
  vars:
    opening: >-
      {{ listed.stdout | from_json
         | keymesh.ike.nftables_opening(ports=[500, 4500], protocols=['esp'], interfaces=['ike0'], input=true, forward=true) }}
  when: opening.commands | length > 0
"""

RETURN = r"""
_value:
  description:
    - RV(_value.file) opens the firewall after it has been loaded anew, for instance at boot.
    - RV(_value.commands) opens it now; empty if it is open.
  type: dict
  contains:
    file:
      description: Text for C(nft --file).
      type: str
    commands:
      description: Text for C(nft --file).
      type: str
"""

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.keymesh.ike.plugins.plugin_utils._nftables import FirewallError, nftables_opening


def _filter(ruleset: t.Mapping[str, t.Any], **wanted: t.Any) -> t.Dict[str, str]:
    try:
        return nftables_opening(ruleset, **wanted)
    except FirewallError as error:
        raise AnsibleFilterError(str(error)) from None


class FilterModule:
    """The filter of this file."""

    def filters(self) -> t.Dict[str, t.Callable[..., t.Any]]:
        """Names of the filters."""
        return {"nftables_opening": _filter}
