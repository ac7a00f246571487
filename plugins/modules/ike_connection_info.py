#!/usr/bin/python
# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ike_connection_info
short_description: Read the connections of a daemon as data
version_added: 0.2.0
description:
  - Returns the connections of the daemon with their rounds of authentication and their Child SAs, whether they come from its configuration file or
    were loaded by M(keymesh.ike.ike_connection), swanctl or others.
  - Which of them are up says M(keymesh.ike.ike_sa_info). Works with ikeengine and with strongSwan.
author:
  - keymesh.ike contributors (@keymesh)
extends_documentation_fragment:
  - keymesh.ike._attributes
  - keymesh.ike._attributes.actiongroup_ike
  - keymesh.ike._attributes.info_module
  - keymesh.ike._attributes.platform_linux
  - keymesh.ike._socket
options:
  name:
    description:
      - Only the connection of this name.
    type: str
    aliases:
      - ike
seealso:
  - module: keymesh.ike.ike_connection
  - module: keymesh.ike.ike_sa_info
"""

EXAMPLES = r"""
- name: Read the connections of a strongSwan host
  keymesh.ike.ike_connection_info:
    socket: /run/charon.vici
  register: vpn

- name: Nobody may connect with a pre-shared key
  ansible.builtin.assert:
    that: vpn.connections | map(attribute='remote') | flatten | selectattr('auth', 'search', 'shared') | length == 0
"""

RETURN = r"""
connections:
  description: The connections, ordered by name.
  type: list
  elements: dict
  returned: success
  contains:
    name:
      description: Name of the connection.
      type: str
      sample: branch--headquarters
    source:
      description:
        - V(vici) if the connection was loaded over the control socket, as all of strongSwan's are with swanctl.
        - V(file) if it is one of the daemon's own configuration.
      type: str
      sample: file
    version:
      description: IKE version, as the daemon calls it.
      type: str
      sample: IKEv2
    local_addrs:
      description: Our addresses.
      type: list
      elements: str
      sample: [192.0.2.1]
    remote_addrs:
      description: Addresses of the peer.
      type: list
      elements: str
      sample: [192.0.2.2]
    rekey_time:
      description: Seconds after which the IKE SA is rekeyed, V(0) if it is not.
      type: int
      sample: 14400
    reauth_time:
      description: Seconds after which the peers authenticate again, V(0) if they do not.
      type: int
      sample: 0
    dpd_delay:
      description: Seconds of silence after which the peer is asked whether it is alive, V(0) if it is not.
      type: int
      sample: 30
    unique:
      description: What happens to older SAs of the same peer, as the daemon calls it.
      type: str
      sample: UNIQUE_NO
    local:
      description: How we authenticate, one item for each round.
      type: list
      elements: dict
      contains: &round
        auth:
          description: Kind of authentication, as the daemon calls it.
          type: str
          sample: public key
        id:
          description: Identity, V(none) for any.
          type: str
          sample: branch.example.com
        groups:
          description: Groups that are required.
          type: list
          elements: str
          sample: []
        certs:
          description: Subjects of the certificates.
          type: list
          elements: str
          sample: ["CN=branch.example.com"]
        cacerts:
          description: Subjects of the authorities that may vouch.
          type: list
          elements: str
          sample: ["CN=Mesh CA"]
    remote:
      description: How the peer must authenticate, one item for each round.
      type: list
      elements: dict
      contains: *round
    children:
      description: The Child SAs that the connection can have, ordered by name.
      type: list
      elements: dict
      contains:
        name:
          description: Name of the Child SA.
          type: str
          sample: net
        mode:
          description: Mode, as the daemon calls it.
          type: str
          sample: TUNNEL
        local_ts:
          description: Our traffic selectors.
          type: list
          elements: str
          sample: [10.1.0.0/16]
        remote_ts:
          description: Traffic selectors of the peer.
          type: list
          elements: str
          sample: [10.2.0.0/16]
        rekey_time:
          description: Seconds after which the Child SA is rekeyed, V(0) if it is not.
          type: int
          sample: 3600
        rekey_bytes:
          description: Octets after which it is rekeyed, V(0) if it is not.
          type: int
          sample: 0
        rekey_packets:
          description: Packets after which it is rekeyed, V(0) if it is not.
          type: int
          sample: 0
        dpd_action:
          description: What happens when the peer is dead.
          type: str
          sample: start
        close_action:
          description: What happens when the peer closes the SA.
          type: str
          sample: none
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.keymesh.ike.plugins.module_utils._argspec import socket_spec
from ansible_collections.keymesh.ike.plugins.module_utils._connection import list_connections
from ansible_collections.keymesh.ike.plugins.module_utils._vici import ViciError, ViciSession


def main() -> None:
    module = AnsibleModule(
        argument_spec={"name": {"type": "str", "aliases": ["ike"]}, **socket_spec()}, supports_check_mode=True
    )
    try:
        with ViciSession(module.params["socket"]) as session:
            connections = list_connections(session, module.params["name"])
    except ViciError as error:
        module.fail_json(msg=str(error))
    module.exit_json(connections=connections)


if __name__ == "__main__":
    main()
