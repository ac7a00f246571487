# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter: the serial numbers that a CRL has to list."""

from __future__ import annotations

DOCUMENTATION = r"""
name: revoked_serials
short_description: The serial numbers that a CRL has to list
version_added: 0.2.0
author:
  - keymesh.ike contributors (@keymesh)
description:
  - The role P(keymesh.ike.pki#role) keeps each certificate that it has issued in a file C(HOST--SERIAL.pem).
options:
  _input:
    description: Names of these files.
    type: list
    elements: str
    required: true
  revoked:
    description: Names of hosts, all certificates of which are revoked, and serial numbers in hexadecimal.
    type: list
    elements: str
    required: true
  hosts:
    description: All hosts of the inventory.
    type: list
    elements: str
    required: true
  absent:
    description: Whether certificates of hosts that are not in the inventory any more are revoked.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Show them
  ansible.builtin.debug:
    msg: "{{ files | keymesh.ike.revoked_serials(revoked=['gw2'], hosts=groups['all']) }}"
  vars:
    files: [gw1--43f29e01.pem, gw2--5be0217d.pem]
"""

RETURN = r"""
_value:
  description: The serial numbers, in order.
  type: list
  elements: int
"""

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.keymesh.ike.plugins.plugin_utils._revocation import (
    RevocationError,
    issued_serials,
)
from ansible_collections.keymesh.ike.plugins.plugin_utils._revocation import revoked_serials as serials_of


def revoked_serials(
    files: t.Sequence[str], revoked: t.Sequence[t.Any], hosts: t.Sequence[str], absent: bool = False
) -> t.List[int]:
    """The serial numbers, see the documentation of the filter."""
    try:
        return serials_of(issued_serials(files), revoked, set(hosts), absent)
    except RevocationError as error:
        raise AnsibleFilterError(f"keymesh.ike.revoked_serials: {error}") from None


class FilterModule:
    """The filter of this file."""

    def filters(self) -> t.Dict[str, t.Callable[..., t.Any]]:
        """Names of the filters."""
        return {"revoked_serials": revoked_serials}
