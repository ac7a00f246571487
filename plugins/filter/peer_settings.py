# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter: what the operators of peers that are not ours have to configure."""

from __future__ import annotations

DOCUMENTATION = r"""
name: peer_settings
short_description: What the operator of a peer that is not ours has to configure
version_added: 0.2.0
author:
  - keymesh.ike contributors (@keymesh)
description:
  - For each tunnel of a peer with C(ike_managed=false), the settings at its end, as text, for swanctl.conf and as data.
  - Pre-shared keys are part of it only if they are given.
positional: peer
options:
  _input:
    description: The result of P(keymesh.ike.mesh#filter).
    type: dict
    required: true
  peer:
    description: Name of the peer in the inventory.
    type: str
    required: true
  store:
    description: Where the pre-shared keys are kept. The text says so.
    type: str
    default: the store of pre-shared keys
  secrets:
    description:
      - Pre-shared keys, from P(keymesh.ike.psk_secrets#lookup), if they shall be part of the settings. Use it in tasks with C(no_log).
    type: dict
    default: {}
seealso:
  - plugin: keymesh.ike.mesh
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Show what the partner has to configure
  ansible.builtin.debug:
    msg: "{{ (mesh_data | keymesh.ike.peer_settings('partner')).text.splitlines() }}"
"""

RETURN = r"""
_value:
  description: The settings for all tunnels of the peer.
  type: dict
  contains:
    text:
      description: For a person.
      type: str
    swanctl:
      description: For swanctl.conf, C(connections) and C(secrets).
      type: str
    tunnels:
      description: As data, one dictionary for each tunnel.
      type: list
      elements: dict
"""

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.keymesh.ike.plugins.plugin_utils import _mesh, _mesh_peer


def peer_settings(
    mesh: t.Mapping[str, t.Any],
    peer: str,
    store: str = "the store of pre-shared keys",
    secrets: t.Optional[t.Mapping[str, t.Any]] = None,
) -> t.Dict[str, t.Any]:
    """The settings, see the documentation of the filter."""
    try:
        tunnels = _mesh.tunnels(_mesh.unpack(mesh), peer)
    except _mesh.InventoryError as error:
        raise AnsibleFilterError(f"keymesh.ike.peer_settings: {error}") from None
    found = [_mesh_peer.settings(tunnel, store, secrets or {}) for tunnel in tunnels]
    return {
        "text": "\n".join(_mesh_peer.text(one) for one in found),
        "swanctl": "\n".join(_mesh_peer.swanctl(one) for one in found),
        "tunnels": found,
    }


class FilterModule:
    """The filter of this file."""

    def filters(self) -> t.Dict[str, t.Callable[..., t.Any]]:
        """Names of the filters."""
        return {"peer_settings": peer_settings}
