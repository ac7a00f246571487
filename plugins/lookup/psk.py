# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lookup: the pre-shared key of a pair of hosts."""

from __future__ import annotations

DOCUMENTATION = r"""
name: psk
short_description: The pre-shared key of a pair of hosts, generated once
version_added: 0.1.0
author:
  - keymesh.ike contributors (@keymesh)
description:
  - Reads the key from a directory on the controller. A key that does not exist yet is generated with 256 bits of randomness and kept.
  - Because the store on the controller decides, a host that is rebuilt gets the same keys again.
  - Key files and the directory belong to the user only. A key file that others can read is refused.
  - If the run has a vault password, the files are encrypted with ansible-vault, those of earlier runs too.
  - Use it in tasks with C(no_log).
options:
  _terms:
    description: Names of pairs, as P(keymesh.ike.mesh_tunnels#filter) makes them.
    type: list
    elements: str
    required: true
  store:
    description: Directory on the controller. It is created if needed.
    type: path
    required: true
  create:
    description: Keep a key that had to be generated. Set this to V(false) in check mode, then such a key is thrown away.
    type: bool
    default: true
  generation:
    description:
      - Which key, while one replaces another (playbook C(keymesh.ike.rotate_psk)).
      - V(current) is the one in use. V(next) and V(previous) are also accepted during a rotation, and an error at other times.
    type: str
    choices: [current, next, previous]
    default: current
    version_added: 0.2.0
seealso:
  - plugin: keymesh.ike.derived_psk
    plugin_type: lookup
  - plugin: keymesh.ike.psk_secrets
    plugin_type: lookup
"""

EXAMPLES = r"""
- name: Configure the appliance of a partner with the key of the two gateways
  ansible.builtin.uri:
    url: https://appliance.example.com/api/vpn/psk
    method: PUT
    body_format: json
    body: {psk: "{{ lookup('keymesh.ike.psk', 'gw1--partner', store=inventory_dir ~ '/.ike/psk') }}"}
  delegate_to: localhost
  no_log: true
"""

RETURN = r"""
_raw:
  description: The keys, 64 hexadecimal digits each with C(0x) before them.
  type: list
  elements: str
"""

import typing as t

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from ansible_collections.keymesh.ike.plugins.plugin_utils._psk_store import PskStore, StoreError
from ansible_collections.keymesh.ike.plugins.plugin_utils._psk_vault import Vault


class LookupModule(LookupBase):
    """The lookup of this file."""

    def run(self, terms: t.List[str], variables: t.Optional[t.Dict[str, t.Any]] = None, **kwargs: t.Any) -> t.List[str]:
        """The keys of the pairs C(terms)."""
        self.set_options(var_options=variables, direct=kwargs)
        store = PskStore(self.get_option("store"), Vault.of_loader(self._loader))
        generation = self.get_option("generation")
        try:
            rings = [store.ring(pair, keep=self.get_option("create")) for pair in terms]
        except StoreError as error:
            raise AnsibleLookupError(f"keymesh.ike.psk: {error}") from None
        keys = [getattr(ring, generation) for ring in rings]
        for pair, key in zip(terms, keys):
            if key is None:
                raise AnsibleLookupError(
                    f"keymesh.ike.psk: {pair} has no {generation} key; its key is not being replaced"
                )
        return keys
