#!/usr/bin/python
# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: psk_rotation
short_description: Take the pre-shared keys of a host one step towards new ones
version_added: 0.2.0
description:
  - Changes which keys the role P(keymesh.ike.psk#role) installs. Between the steps the role must have run on all hosts.
  - Each step can be repeated. A rotation that stopped half way goes on where it was.
  - Works on the store of keys on the controller. This is an action plugin, nothing runs on the target.
  - The playbook C(keymesh.ike.rotate_psk) uses it. It is of little use elsewhere.
author:
  - keymesh.ike contributors (@keymesh)
extends_documentation_fragment:
  - keymesh.ike._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: partial
    details:
      - O(state=begun) after O(state=retired) begins the next rotation.
options:
  tunnels:
    description:
      - Tunnels of the host, from P(keymesh.ike.mesh_tunnels#filter). Those without pre-shared keys do not matter.
    type: list
    elements: dict
    required: true
  state:
    description:
      - V(begun) makes new keys, which are accepted beside those in use.
      - V(switched) uses the new ones, and the old ones are still accepted.
      - V(retired) forgets the old ones.
    type: str
    choices: [begun, switched, retired]
    required: true
  hosts:
    description:
      - The hosts of this run. A random key is replaced only if both ends are among them. A new epoch needs all of them.
    type: list
    elements: str
    required: true
  confirmed:
    description:
      - Peers that are not managed here and that use the new key already. Other such peers keep their key in use.
    type: list
    elements: str
    default: []
  store:
    description:
      - Directory on the controller with the keys and the epoch.
    type: path
    required: true
  keys:
    description:
      - Keys by the names of tunnels that are not replaced here.
    type: dict
    default: {}
  secret:
    description:
      - The secret of the mesh. If it is not empty, keys are derived from it, otherwise they are random.
    type: str
    default: ""
  epoch:
    description:
      - The epoch of derived keys that is wanted.
    type: str
    default: "1"
"""

EXAMPLES = r"""
- name: Accept new keys beside the old ones
  keymesh.ike.psk_rotation:
    tunnels: "{{ tunnels }}"
    state: begun
    hosts: "{{ ansible_play_hosts_all }}"
    store: "{{ inventory_dir }}/.ike/psk"
"""

RETURN = r"""
pairs:
  description: Names of the tunnels whose key is being replaced.
  type: list
  elements: str
  returned: success
  sample: [gw1--gw2]
used:
  description: Names of the secrets that are used for them from now on.
  type: list
  elements: str
  returned: success
  sample: [ike-gw1--gw2-2]
kept:
  description: Tunnels that keep their key, with the reason.
  type: dict
  returned: success
  sample: {"gw1--gw9": "gw9 is not in this run, and both ends have to be"}
unmanaged:
  description: What the operators of peers have to do that are not managed here.
  type: list
  elements: str
  returned: success
  sample: []
"""
