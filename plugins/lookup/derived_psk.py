# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lookup: a pre-shared key that is derived from one secret of the mesh."""

from __future__ import annotations

DOCUMENTATION = r"""
name: derived_psk
short_description: The pre-shared key of two identities, derived from one secret
version_added: 0.2.0
author:
  - keymesh.ike contributors (@keymesh)
description:
  - Derives 256 bits with HKDF and SHA-256 (RFC 5869). One secret in a vault is enough for any number of gateways.
  - The salt is the name of the mesh. The info is the epoch and both identities in alphabetical order, each preceded by its length in two octets.
  - The same input gives the same key, so a host that is rebuilt gets its keys again, and the order of the identities does not matter.
  - Whoever knows the secret knows all keys. Whoever knows a key learns nothing about the others.
  - Use it in tasks with C(no_log).
options:
  _terms:
    description: The identities (C(ike_id)) of both ends.
    type: list
    elements: str
    required: true
  secret:
    description:
      - The secret of the mesh. Text of at least 32 characters, or at least 128 bits as C(0x) and hexadecimal or C(0s) and Base64.
      - Take a random one, for instance of C(openssl rand -base64 48).
    type: str
    required: true
  mesh:
    description: Name of the mesh, C(mesh) of a tunnel.
    type: str
    default: default
  epoch:
    description: The key changes with the epoch, a number or a word.
    type: str
    default: '1'
seealso:
  - plugin: keymesh.ike.psk
    plugin_type: lookup
"""

EXAMPLES = r"""
- name: Configure the appliance of a partner
  ansible.builtin.uri:
    url: https://appliance.example.com/api/vpn/psk
    method: PUT
    body_format: json
    body: {psk: "{{ lookup('keymesh.ike.derived_psk', 'gw1.example.com', '203.0.113.9', secret=vault_mesh_secret, mesh='backbone', epoch=2) }}"}
  delegate_to: localhost
  no_log: true
"""

RETURN = r"""
_raw:
  description: One key, 64 hexadecimal digits with C(0x) before them.
  type: list
  elements: str
"""

import typing as t

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from ansible_collections.keymesh.ike.plugins.plugin_utils._psk_derive import WeakSecret, derived_psk


class LookupModule(LookupBase):
    """The lookup of this file."""

    def run(self, terms: t.List[str], variables: t.Optional[t.Dict[str, t.Any]] = None, **kwargs: t.Any) -> t.List[str]:
        """The key of the two identities C(terms)."""
        self.set_options(var_options=variables, direct=kwargs)
        try:
            return [derived_psk(*map(self.get_option, ("secret", "mesh", "epoch")), terms)]
        except WeakSecret as error:
            raise AnsibleLookupError(f"keymesh.ike.derived_psk: the secret {error}") from None
        except ValueError as error:
            raise AnsibleLookupError(f"keymesh.ike.derived_psk: {error}") from None
