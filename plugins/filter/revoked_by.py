# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter: whose certificates are revoked."""

from __future__ import annotations

DOCUMENTATION = r"""
name: revoked_by
short_description: Whose certificates are revoked
version_added: 0.2.0
author:
  - keymesh.ike contributors (@keymesh)
description:
  - Looks for certificates in the revocation lists (CRLs) of the CAs that have issued them.
options:
  _input:
    description: A dictionary of certificates as M(community.crypto.x509_certificate_info) returns them.
    type: dict
    required: true
  lists:
    description: CRLs as M(community.crypto.x509_crl_info) returns them.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Show whose certificates are revoked
  ansible.builtin.debug:
    msg: "{{ {'gw1': certificate} | keymesh.ike.revoked_by([crl]) }}"
"""

RETURN = r"""
_value:
  description: The keys of the dictionary, the certificates of which are revoked, in order.
  type: list
  elements: str
"""

import typing as t

from ansible_collections.keymesh.ike.plugins.plugin_utils._revocation import revoked_by


class FilterModule:
    """The filter of this file."""

    def filters(self) -> t.Dict[str, t.Callable[..., t.Any]]:
        """Names of the filters."""
        return {"revoked_by": revoked_by}
