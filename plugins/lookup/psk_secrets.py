# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lookup: all pre-shared keys of a host, as a section of the configuration."""

from __future__ import annotations

DOCUMENTATION = r"""
name: psk_secrets
short_description: The section secrets with the pre-shared keys of a host
version_added: 0.2.0
author:
  - keymesh.ike contributors (@keymesh)
description:
  - Makes the section C(secrets) of the configuration for all tunnels of a host that use pre-shared keys.
  - Each pair has one key, and two while one replaces the other (playbook C(keymesh.ike.rotate_psk)). The first one is used, all are accepted.
  - The role P(keymesh.ike.psk#role) uses it. Use it in tasks with C(no_log).
options:
  _terms:
    description: Tunnels, from P(keymesh.ike.mesh_tunnels#filter). With O(host), the result of P(keymesh.ike.mesh#filter).
    type: list
    elements: dict
    required: true
  host:
    description: The host whose keys are wanted. This is faster than to make a list of its tunnels first.
    type: str
  store:
    description: Directory on the controller with the keys, and with the epoch of derived keys. It is created if needed.
    type: path
    required: true
  keys:
    description: Keys by the names of tunnels that do not come from elsewhere. A list of keys means that all are accepted and the first is used.
    type: dict
    default: {}
  secret:
    description: The secret of the mesh. If it is not empty, keys are derived from it, otherwise they are random.
    type: str
    default: ''
  epoch:
    description: The epoch of derived keys. A new one is accepted at once, and used after the playbook C(keymesh.ike.rotate_psk).
    type: str
    default: '1'
  create:
    description: Keep what had to be generated. Set this to V(false) in check mode.
    type: bool
    default: true
seealso:
  - plugin: keymesh.ike.psk
    plugin_type: lookup
  - plugin: keymesh.ike.derived_psk
    plugin_type: lookup
"""

EXAMPLES = r"""
- name: Install the keys
  keymesh.ike.ike_config:
    path: /etc/ikeengine
    file: psk.yml
    content: "{{ {'secrets': query('keymesh.ike.psk_secrets', mesh_data, host=inventory_hostname, store=inventory_dir ~ '/.ike/psk') | first} | to_nice_yaml }}"
    mode: "0600"
  no_log: true
"""

RETURN = r"""
_raw:
  description: One dictionary, C(ike-TUNNEL-GENERATION) to C(id) (both identities) and C(secret).
  type: list
  elements: dict
"""

import typing as t

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from ansible_collections.keymesh.ike.plugins.plugin_utils import _mesh
from ansible_collections.keymesh.ike.plugins.plugin_utils._psk_secrets import PskError, Source, secrets_section
from ansible_collections.keymesh.ike.plugins.plugin_utils._psk_store import PskStore
from ansible_collections.keymesh.ike.plugins.plugin_utils._psk_vault import Vault


class LookupModule(LookupBase):
    """The lookup of this file."""

    def run(
        self,
        terms: t.List[t.Dict[str, t.Any]],
        variables: t.Optional[t.Dict[str, t.Any]] = None,
        **kwargs: t.Any,
    ) -> t.List[t.Dict[str, t.Any]]:
        """The section for the tunnels C(terms)."""
        self.set_options(var_options=variables, direct=kwargs)
        source = Source(
            PskStore(self.get_option("store"), Vault.of_loader(self._loader)),
            self.get_option("keys"),
            self.get_option("secret"),
            self.get_option("epoch"),
            self.get_option("create"),
        )
        host = self.get_option("host")
        try:
            tunnels = terms if host is None else _mesh.tunnels(_mesh.unpack(terms[0]), host)
            return [secrets_section(tunnels, source)]
        except (PskError, _mesh.InventoryError) as error:
            raise AnsibleLookupError(f"keymesh.ike.psk_secrets: {error}") from None
