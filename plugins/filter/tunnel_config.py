# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter: from tunnels to the configuration of ikeengine."""

from __future__ import annotations

DOCUMENTATION = r"""
name: tunnel_config
short_description: The configuration of ikeengine for a list of tunnels
version_added: 0.1.0
author:
  - keymesh.ike contributors (@keymesh)
description:
  - Makes C(connections), C(secrets) and C(authorities) from tunnels. No secret is part of the result. Private keys are named by their files, and
    pre-shared keys are in a file of their own (role P(keymesh.ike.psk#role)).
options:
  _input:
    description: Tunnels, from P(keymesh.ike.mesh_tunnels#filter). With O(host), the result of P(keymesh.ike.mesh#filter).
    type: raw
    required: true
  host:
    description: The host whose configuration is wanted. This is faster than to make a list of its tunnels first.
    type: str
    version_added: 0.2.0
  private_key:
    description: File with the private key of the host.
    type: str
    required: true
  certificate:
    description: File with the certificate of the host.
    type: str
    required: true
  authority:
    description: File with the certificate of the certification authority.
    type: str
    required: true
  initiator:
    description: Options of the Child SA at the end that begins the negotiation, such as C(start_action).
    type: dict
    default: {}
  responder:
    description: Options of the Child SA at the other end.
    type: dict
    default: {}
  connection:
    description: Options for every connection, such as C(dpd_delay).
    type: dict
    default: {}
  child:
    description: Options for every Child SA, such as C(rekey_time).
    type: dict
    default: {}
seealso:
  - plugin: keymesh.ike.mesh_tunnels
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Show the configuration of this host
  ansible.builtin.debug:
    msg: >-
      {{ mesh_data | keymesh.ike.tunnel_config(host=inventory_hostname, private_key='/etc/ikeengine/private/host.key',
           certificate='/etc/ikeengine/x509/host.pem', authority='/etc/ikeengine/x509ca/mesh.pem') }}
"""

RETURN = r"""
_value:
  description: A dictionary with the keys C(connections), C(secrets) and C(authorities).
  type: dict
"""

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.keymesh.ike.plugins.plugin_utils import _mesh


def tunnel_config(tunnels: t.Any, host: t.Optional[str] = None, **options: t.Any) -> t.Dict[str, t.Any]:
    """The configuration, see the documentation of the filter."""
    try:
        found = tunnels if host is None else _mesh.tunnels(_mesh.unpack(tunnels), host)
    except _mesh.InventoryError as error:
        raise AnsibleFilterError(f"keymesh.ike.tunnel_config: {error}") from None
    return _mesh.configuration(found, options)


class FilterModule:
    """The filter of this file."""

    def filters(self) -> t.Dict[str, t.Callable[..., t.Any]]:
        """Names of the filters."""
        return {"tunnel_config": tunnel_config}
