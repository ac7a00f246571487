# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter: where revocation lists of other CAs are."""

from __future__ import annotations

DOCUMENTATION = r"""
name: crl_files
short_description: Where revocation lists of other CAs are
version_added: 0.2.0
author:
  - keymesh.ike contributors (@keymesh)
description:
  - Gives each revocation list (CRL) a name that depends on where it comes from.
options:
  _input:
    description: Files on the controller, or C(http) and C(https) URLs.
    type: list
    elements: str
    required: true
  directory:
    description: Directory on the controller for what is fetched.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show them
  ansible.builtin.debug:
    msg: "{{ ['http://ca.example.com/ca.crl'] | keymesh.ike.crl_files('/srv/crls') }}"
"""

RETURN = r"""
_value:
  description: The lists.
  type: list
  elements: dict
  contains:
    source:
      description: Where it comes from.
      type: str
    remote:
      description: Whether it is to be fetched.
      type: bool
    file:
      description: The file on the controller.
      type: str
    name:
      description: The name of the file on the gateways.
      type: str
"""

import typing as t

from ansible_collections.keymesh.ike.plugins.plugin_utils._revocation import crl_files


class FilterModule:
    """The filter of this file."""

    def filters(self) -> t.Dict[str, t.Callable[..., t.Any]]:
        """Names of the filters."""
        return {"crl_files": crl_files}
