# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter: the commands that take the rules of the VPN out of nftables."""

from __future__ import annotations

DOCUMENTATION = r"""
name: nftables_closing
short_description: The commands that take the rules of the VPN out of nftables
version_added: 0.2.0
author:
  - keymesh.ike contributors (@keymesh)
description:
  - The reverse of P(keymesh.ike.nftables_opening#filter).
options:
  _input:
    description: The output of C(nft --json list ruleset), parsed.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Take the rules of the VPN out
  ansible.builtin.command:
    argv: [nft, --file, "-"]
    stdin: "{{ listed.stdout | from_json | keymesh.ike.nftables_closing }}"
"""

RETURN = r"""
_value:
  description: Text for C(nft --file); empty if there is nothing to take out.
  type: str
"""

import typing as t

from ansible_collections.keymesh.ike.plugins.plugin_utils._nftables import nftables_closing


class FilterModule:
    """The filter of this file."""

    def filters(self) -> t.Dict[str, t.Callable[..., t.Any]]:
        """Names of the filters."""
        return {"nftables_closing": nftables_closing}
