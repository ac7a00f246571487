#!/usr/bin/python
# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ike_counters_info
short_description: Read the counters of IKE messages
version_added: 0.2.0
description:
  - Returns how many IKE messages of each kind the daemon has sent and received, and how many it refused. Counters that grow where they should not
    say what is wrong with a tunnel, such as C(invalid) for messages that could not be read.
  - The counters begin when the daemon starts. Works with ikeengine, and with strongSwan if its plugin C(counters) is loaded.
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
      - Only the counters of the connection of this name, besides the total.
    type: str
    aliases:
      - ike
seealso:
  - module: keymesh.ike.ike_sa_info
  - module: keymesh.ike.ike_failures_info
"""

EXAMPLES = r"""
- name: Read the counters
  keymesh.ike.ike_counters_info:
  register: vpn

- name: Which connections get messages that they cannot read
  ansible.builtin.debug:
    msg: "{{ vpn.connections | selectattr('counters.invalid', 'gt', 0) | map(attribute='name') }}"
"""

RETURN = r"""
total:
  description:
    - Counters of the whole daemon. The names are those of strongSwan with underscores.
    - C(ike_rekey_init), C(ike_rekey_resp) and C(child_rekey) count rekeyings. C(invalid), C(invalid_spi) count what was refused.
      C(ike_init_in_req), C(ike_init_out_resp), C(ike_auth_in_req), C(create_child_out_req), C(info_in_resp) and so on count messages.
  type: dict
  returned: success
  sample:
    ike_rekey_init: 0
    child_rekey: 12
    invalid: 0
    ike_init_in_req: 3
connections:
  description: The same for each connection that was used, ordered by name.
  type: list
  elements: dict
  returned: success
  contains:
    name:
      description: Name of the connection.
      type: str
      sample: branch--headquarters
    counters:
      description: As RV(total).
      type: dict
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.keymesh.ike.plugins.module_utils._argspec import socket_spec
from ansible_collections.keymesh.ike.plugins.module_utils._vici import Message, ViciError, ViciSession


def numbers(section: Message) -> t.Dict[str, int]:
    """The counters of a section, with names that need no quotes in Jinja."""
    return {key.replace("-", "_"): int(value) for key, value in sorted(section.items())}


def main() -> None:
    module = AnsibleModule(
        argument_spec={"name": {"type": "str", "aliases": ["ike"]}, **socket_spec()}, supports_check_mode=True
    )
    wanted = module.params["name"]
    try:
        with ViciSession(module.params["socket"]) as session:
            total = session.request("get-counters")["counters"]
            each = session.request("get-counters", {"all": True}).get("counters", {})
    except (ViciError, KeyError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        total=numbers(total.get("", {})),
        connections=[
            {"name": name, "counters": numbers(section)}
            for name, section in sorted(each.items())
            if name and wanted in (None, name)
        ],
    )


if __name__ == "__main__":
    main()
