# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter: the configuration file of a host."""

from __future__ import annotations

DOCUMENTATION = r"""
name: tunnel_file
short_description: The configuration file of ikeengine for the tunnels of a host
version_added: 0.2.0
author:
  - keymesh.ike contributors (@keymesh)
description:
  - The result of P(keymesh.ike.tunnel_config#filter) as YAML, several times faster than by C(to_nice_yaml).
positional: host
options:
  _input:
    description: The result of P(keymesh.ike.mesh#filter).
    type: dict
    required: true
  host:
    description: The host whose configuration is wanted.
    type: str
    required: true
  private_key:
    description: See P(keymesh.ike.tunnel_config#filter), as for the following.
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
    description: Options of the Child SA at the end that begins the negotiation.
    type: dict
    default: {}
  responder:
    description: Options of the Child SA at the other end.
    type: dict
    default: {}
  connection:
    description: Options for every connection.
    type: dict
    default: {}
  child:
    description: Options for every Child SA.
    type: dict
    default: {}
  session:
    description: An SSH connection that must not disappear in a tunnel, see P(keymesh.ike.management_bypass#filter).
    type: str
    default: ""
seealso:
  - plugin: keymesh.ike.tunnel_config
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Write the configuration
  ansible.builtin.copy:
    content: >-
      {{ mesh_data | keymesh.ike.tunnel_file(inventory_hostname, private_key='/etc/ikeengine/private/host.key',
           certificate='/etc/ikeengine/x509/host.pem', authority='/etc/ikeengine/x509ca/mesh.pem') }}
    dest: /etc/ikeengine/tunnels.yml
    mode: "0640"
"""

RETURN = r"""
_value:
  description: The text of the file.
  type: str
"""

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.keymesh.ike.plugins.plugin_utils import _mesh
from ansible_collections.keymesh.ike.plugins.plugin_utils._management import management_bypass


def tunnel_file(mesh: t.Mapping[str, t.Any], host: str, session: str = "", **options: t.Any) -> str:
    """The text, see the documentation of the filter."""
    try:
        tunnels = _mesh.tunnels(_mesh.unpack(mesh), host)
        return _mesh.file_text(tunnels, _mesh.plain(options), management_bypass(tunnels, str(session)))
    except _mesh.InventoryError as error:
        raise AnsibleFilterError(f"keymesh.ike.tunnel_file: {error}") from None


class FilterModule:
    """The filter of this file."""

    def filters(self) -> t.Dict[str, t.Callable[..., t.Any]]:
        """Names of the filters."""
        return {"tunnel_file": tunnel_file}
