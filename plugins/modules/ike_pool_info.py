#!/usr/bin/python
# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ike_pool_info
short_description: Read the pools of virtual IP addresses and their leases
version_added: 0.2.0
description:
  - Returns how much of each pool is taken, and by whom. Works with ikeengine and with strongSwan.
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
      - Only the pool of this name.
    type: str
seealso:
  - module: keymesh.ike.ike_sa_info
"""

EXAMPLES = r"""
- name: Read the pools
  keymesh.ike.ike_pool_info:
  register: vpn

- name: No pool is exhausted
  ansible.builtin.assert:
    that: vpn.pools | selectattr('free', 'lt', 5) | length == 0

- name: Who is online, and with which address
  ansible.builtin.debug:
    msg: "{{ vpn.pools | map(attribute='leases') | flatten | selectattr('online') | items2dict(key_name='identity', value_name='address') }}"
"""

RETURN = r"""
pools:
  description: The pools, ordered by name.
  type: list
  elements: dict
  returned: success
  contains:
    name:
      description: Name of the pool.
      type: str
      sample: guests
    base:
      description: First address, or the network in some versions of strongSwan.
      type: str
      sample: 10.4.0.1
    size:
      description: Number of addresses.
      type: int
      sample: 14
    online:
      description: Addresses of peers that are connected.
      type: int
      sample: 1
    offline:
      description: Addresses that are kept for peers that were connected once.
      type: int
      sample: 0
    free:
      description: Addresses that can be given to new peers. Those that are kept for others can be, too, when there are no more.
      type: int
      sample: 13
    leases:
      description: The addresses that are given or kept, ordered by address.
      type: list
      elements: dict
      contains:
        address:
          description: The address.
          type: str
          sample: 10.4.0.1
        identity:
          description: The peer that it belongs to.
          type: str
          sample: alice@example.com
        online:
          description: Whether the peer is connected.
          type: bool
          sample: true
"""

import ipaddress
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.keymesh.ike.plugins.module_utils._argspec import socket_spec
from ansible_collections.keymesh.ike.plugins.module_utils._vici import Message, ViciError, ViciSession

Data = t.Dict[str, t.Any]


def described(name: str, section: Message) -> Data:
    """One pool of C(get-pools)."""
    size, online, offline = (int(section.get(key, 0)) for key in ("size", "online", "offline"))
    leases = [lease(entry) for entry in section.get("leases", {}).values()]
    return {
        "name": name,
        "base": section.get("base"),
        "size": size,
        "online": online,
        "offline": offline,
        "free": max(0, size - online - offline),
        "leases": sorted(leases, key=lambda one: order(one["address"])),
    }


def lease(entry: Message) -> Data:
    return {
        "address": entry.get("address"),
        "identity": entry.get("identity"),
        "online": entry.get("status") == "online",
    }


def order(address: t.Optional[str]) -> t.Tuple[int, int, str]:
    """Addresses by their value; whatever is none comes first."""
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return 0, 0, str(address)
    return parsed.version, int(parsed), ""


def main() -> None:
    module = AnsibleModule(argument_spec={"name": {"type": "str"}, **socket_spec()}, supports_check_mode=True)
    try:
        with ViciSession(module.params["socket"]) as session:
            answer = session.request("get-pools", {"leases": True, "name": module.params["name"]})
    except ViciError as error:
        module.fail_json(msg=str(error))
    pools = [described(name, section) for name, section in sorted(answer.items()) if isinstance(section, dict)]
    module.exit_json(pools=pools)


if __name__ == "__main__":
    main()
