#!/usr/bin/python
# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ike_sa_info
short_description: Read IKE SAs, Child SAs and configured connections as data
version_added: 0.1.0
description:
  - Returns all Security Associations (SAs) of the daemon as numbers, booleans and lists, so that a playbook can assert on them.
  - Also returns the configured connections and which of them are down.
  - Works with ikeengine and with strongSwan.
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
  child:
    description:
      - Only Child SAs of this name. IKE SAs and connections without such a child are left out.
    type: str
seealso:
  - module: keymesh.ike.ike_sa
"""

EXAMPLES = r"""
- name: Read all SAs
  keymesh.ike.ike_sa_info:
  register: vpn

- name: Nothing is down, and no SA uses a weak cipher
  ansible.builtin.assert:
    that:
      - vpn.down | length == 0
      - vpn.sas | map(attribute='children') | flatten | map(attribute='proposal') | reject('search', 'AES_GCM') | length == 0

- name: Wait for the tunnel to the branch office
  keymesh.ike.ike_sa_info:
    name: branch--headquarters
  register: branch
  until: branch.down | length == 0
  retries: 30
  delay: 1
"""

RETURN = r"""
sas:
  description: The IKE SAs, ordered by name and age.
  type: list
  elements: dict
  returned: success
  contains:
    name:
      description: Name of the connection.
      type: str
      sample: branch--headquarters
    unique_id:
      description: Number of the SA within the daemon. Rekeying gives a new one.
      type: int
      sample: 1
    version:
      description: IKE major version.
      type: int
      sample: 2
    state:
      description: State in strongSwan's words, such as V(CONNECTING), V(ESTABLISHED), V(REKEYING) or V(DELETING).
      type: str
      sample: ESTABLISHED
    initiator:
      description: Whether this host is the original initiator.
      type: bool
      sample: true
    local_host:
      description: Our address.
      type: str
      sample: 192.0.2.1
    local_port:
      description: Our UDP port.
      type: int
      sample: 4500
    local_id:
      description: Our identity.
      type: str
      sample: branch.example.com
    remote_host:
      description: Address of the peer.
      type: str
      sample: 192.0.2.2
    remote_port:
      description: UDP port of the peer.
      type: int
      sample: 4500
    remote_id:
      description: Identity of the peer.
      type: str
      sample: headquarters.example.com
    initiator_spi:
      description: SPI of the initiator, hexadecimal.
      type: str
      sample: b67c540ed033ba20
    responder_spi:
      description: SPI of the responder, hexadecimal.
      type: str
      sample: c3b235402fe50780
    nat:
      description: Which sides are behind a NAT, V(local), V(remote), or V(fake) if UDP encapsulation is forced.
      type: list
      elements: str
      sample: [remote]
    proposal:
      description: The negotiated algorithms.
      type: str
      sample: AES_GCM_16-256/PRF_HMAC_SHA2_384/CURVE_25519
    shared_key:
      description: Name of the pre-shared key that the peer has proven to know. V(none) with strongSwan and if it proved itself in another way.
      type: str
      sample: ike-branch--headquarters-1
    age:
      description: Seconds since the SA was established.
      type: int
      sample: 4711
    rekey_in:
      description: Seconds until the SA is rekeyed, V(none) if it is not.
      type: int
      sample: 8827
    reauth_in:
      description: Seconds until the peers authenticate again, V(none) if they do not.
      type: int
      sample: null
    tasks:
      description: Exchanges that are under way or queued.
      type: list
      elements: str
      sample: []
    children:
      description: The Child SAs, ordered by name and age.
      type: list
      elements: dict
      contains:
        name:
          description: Name of the Child SA.
          type: str
          sample: net
        unique_id:
          description: Number of the SA within the daemon. Rekeying gives a new one.
          type: int
          sample: 1
        reqid:
          description: Number that ties the SA to its policies.
          type: int
          sample: 1
        state:
          description: State in strongSwan's words, such as V(INSTALLED), V(REKEYING) or V(REKEYED).
          type: str
          sample: INSTALLED
        mode:
          description: V(TUNNEL) or V(TRANSPORT).
          type: str
          sample: TUNNEL
        protocol:
          description: V(ESP) or V(AH).
          type: str
          sample: ESP
        encap:
          description: Whether ESP is encapsulated in UDP.
          type: bool
          sample: true
        esn:
          description: Whether extended sequence numbers are used.
          type: bool
          sample: false
        spi_in:
          description: SPI of packets to us, hexadecimal.
          type: str
          sample: 636bf3e2
        spi_out:
          description: SPI of packets to the peer, hexadecimal.
          type: str
          sample: 8a299cf6
        proposal:
          description: The negotiated algorithms. A key exchange appears only once the SA was rekeyed.
          type: str
          sample: AES_GCM_16-256
        bytes_in:
          description: Octets received.
          type: int
          sample: 840
        packets_in:
          description: Packets received.
          type: int
          sample: 10
        idle_in:
          description: Seconds since the last packet came in, V(none) if none did.
          type: int
          sample: 2
        bytes_out:
          description: Octets sent.
          type: int
          sample: 840
        packets_out:
          description: Packets sent.
          type: int
          sample: 10
        idle_out:
          description: Seconds since the last packet went out, V(none) if none did.
          type: int
          sample: 2
        age:
          description: Seconds since the SA was installed.
          type: int
          sample: 4711
        rekey_in:
          description: Seconds until the SA is rekeyed, V(none) if it is not.
          type: int
          sample: 3311
        expires_in:
          description: Seconds until the SA is deleted if it was not rekeyed before.
          type: int
          sample: 3960
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
connections:
  description: The configured connections, ordered by name.
  type: list
  elements: dict
  returned: success
  contains:
    name:
      description: Name of the connection.
      type: str
      sample: branch--headquarters
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
    local_id:
      description: Our identity.
      type: str
      sample: branch.example.com
    remote_id:
      description: Identity that the peer must prove.
      type: str
      sample: headquarters.example.com
    established:
      description: Whether there is an IKE SA that is up.
      type: bool
      sample: true
    children:
      description: The Child SAs that the connection can have.
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
        established:
          description: Whether there is such a Child SA that is up.
          type: bool
          sample: true
down:
  description:
    - What is configured but not up, C(CONNECTION) for an IKE SA without any children configured, otherwise C(CONNECTION/CHILD).
  type: list
  elements: str
  returned: success
  sample: [branch--headquarters/net]
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.keymesh.ike.plugins.module_utils._argspec import socket_spec
from ansible_collections.keymesh.ike.plugins.module_utils._sa import (
    Data,
    established_children,
    established_sas,
    list_connections,
    list_sas,
)
from ansible_collections.keymesh.ike.plugins.module_utils._vici import ViciError, ViciSession


def only_child(items: t.List[Data], child: t.Optional[str]) -> t.List[Data]:
    """The IKE SAs or connections that have this child, with no other children."""
    if child is None:
        return items
    reduced = [dict(item, children=[one for one in item["children"] if one["name"] == child]) for item in items]
    return [item for item in reduced if item["children"]]


def with_state(connections: t.List[Data], sas: t.List[Data]) -> t.List[Data]:
    """The connections, with C(established) for each and for each of their children."""
    return [
        dict(
            one,
            established=bool(established_sas(sas, one["name"])),
            children=[
                dict(child, established=bool(established_children(sas, one["name"], child["name"])))
                for child in one["children"]
            ],
        )
        for one in connections
    ]


def down(connections: t.List[Data]) -> t.List[str]:
    """What is configured but not up. Shunts (pass and drop) need no SA."""
    found = []
    for one in connections:
        needed = [child for child in one["children"] if (child["mode"] or "").upper() not in ("PASS", "DROP")]
        if not one["children"] and not one["established"]:
            found.append(one["name"])
        found += [f"{one['name']}/{child['name']}" for child in needed if not child["established"]]
    return found


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "aliases": ["ike"]},
            "child": {"type": "str"},
            **socket_spec(),
        },
        supports_check_mode=True,
    )
    name, child = module.params["name"], module.params["child"]
    try:
        with ViciSession(module.params["socket"]) as session:
            sas = only_child(list_sas(session, name), child)
            connections = only_child(list_connections(session, name), child)
    except ViciError as error:
        module.fail_json(msg=str(error))
    connections = with_state(connections, sas)
    module.exit_json(sas=sas, connections=connections, down=down(connections))


if __name__ == "__main__":
    main()
