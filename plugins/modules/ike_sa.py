#!/usr/bin/python
# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ike_sa
short_description: Establish, rekey or delete an IKE or Child SA
version_added: 0.1.0
description:
  - Brings a Security Association (SA) of a configured connection into the wanted state.
  - With O(child) this is about that Child SA, which protects packets. Without it, it is about the IKE SA alone.
  - Works with ikeengine and with strongSwan.
author:
  - keymesh.ike contributors (@keymesh)
extends_documentation_fragment:
  - keymesh.ike._attributes
  - keymesh.ike._attributes.actiongroup_ike
  - keymesh.ike._attributes.platform_linux
  - keymesh.ike._socket
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - O(state=rekeyed) without O(max_age) rekeys each time.
options:
  name:
    description:
      - Name of the connection in the daemon's configuration.
    type: str
    required: true
    aliases:
      - ike
  child:
    description:
      - Name of the Child SA, a key of the connection's C(children).
    type: str
  state:
    description:
      - V(established) negotiates the SA unless it is up. A negotiation that is already under way is waited for, not doubled.
      - V(absent) deletes the SA. With an IKE SA go all its Child SAs.
      - V(rekeyed) replaces the keys of the SA without an interruption. The SA must be established.
    type: str
    choices:
      - established
      - absent
      - rekeyed
    default: established
  max_age:
    description:
      - With O(state=rekeyed), rekey only SAs that are at least this old.
      - A number of seconds, or a number with a unit, such as V(90s), V(30m), V(4h) or V(1d).
      - When not given, the SA is rekeyed in any case.
    type: str
  force:
    description:
      - With O(state=absent), forget the SA without waiting for the peer to answer. For peers that are gone.
    type: bool
    default: false
  wait:
    description:
      - Wait until the state is reached. When V(false), the operation is only begun.
    type: bool
    default: true
  timeout:
    description:
      - How many seconds to wait for the state.
    type: int
    default: 30
seealso:
  - module: keymesh.ike.ike_sa_info
  - module: keymesh.ike.ike_config
"""

EXAMPLES = r"""
- name: The tunnel to the branch office is up
  keymesh.ike.ike_sa:
    name: branch--headquarters
    child: net

- name: Its keys are not older than four hours
  keymesh.ike.ike_sa:
    name: branch--headquarters
    child: net
    state: rekeyed
    max_age: 4h

- name: The old partner is disconnected
  keymesh.ike.ike_sa:
    name: old-partner
    state: absent
    force: true

- name: The same with strongSwan
  keymesh.ike.ike_sa:
    name: branch--headquarters
    socket: /run/charon.vici
"""

RETURN = r"""
sa:
  description:
    - The youngest matching SA that is up, as M(keymesh.ike.ike_sa_info) returns it, V(none) if there is none.
    - With O(child) it is a Child SA (an item of RV(keymesh.ike.ike_sa_info#module:sas[].children)), otherwise an IKE SA.
    - In check mode it has only the keys C(name) and C(state) when the module would create it.
  type: dict
  returned: success
  sample:
    name: net
    unique_id: 3
    state: INSTALLED
    spi_in: 636bf3e2
    spi_out: 8a299cf6
    proposal: AES_GCM_16-256
    age: 12
    rekey_in: 3311
    bytes_in: 840
    bytes_out: 840
failure:
  description: Why the state was not reached.
  type: dict
  returned: failure, when the negotiation failed
  contains:
    reason:
      description: What happened, in one sentence.
      type: str
      sample: the peer refused all proposals
    advice:
      description: What to change, and where. Empty if nothing is known.
      type: str
      sample: Both ends must have one proposal in common; compare proposals on both hosts.
    alert:
      description: The kind of failure, in the words of strongSwan's alert events. Empty if not known.
      type: str
      sample: proposal-mismatch-ike
    side:
      description: Whose decision made it fail, V(local), V(peer) or V(network). Empty with strongSwan.
      type: str
      sample: peer
    phase:
      description: The exchange that failed. Empty with strongSwan.
      type: str
      sample: IKE_AUTH response
    peer:
      description: Address and port of the peer. Empty with strongSwan.
      type: str
      sample: 192.0.2.2[500]
    offered:
      description: What was offered. Empty with strongSwan.
      type: list
      elements: str
      sample: [aes256gcm16-prfsha384-x25519]
    accepted:
      description: What would have been accepted, if that is known.
      type: list
      elements: str
      sample: []
    nearest:
      description: The closest match and its first difference, if that is known.
      type: str
      sample: ""
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.keymesh.ike.plugins.module_utils._argspec import socket_spec
from ansible_collections.keymesh.ike.plugins.module_utils._duration import seconds
from ansible_collections.keymesh.ike.plugins.module_utils._sa_manager import SaFailure, SaManager, Wanted
from ansible_collections.keymesh.ike.plugins.module_utils._vici import ViciError, ViciSession


def wanted_by(module: AnsibleModule) -> Wanted:
    params = module.params
    try:
        max_age = None if params["max_age"] is None else seconds(params["max_age"])
    except ValueError as error:
        module.fail_json(msg=f"max_age: {error}")
    return Wanted(params["name"], params["child"], params["wait"], params["timeout"], max_age, params["force"])


def summary(sas: t.Sequence[t.Mapping[str, t.Any]]) -> t.Dict[str, t.Any]:
    """What the diff shows: the identifiers by which one sees that an SA is a new one."""
    if not sas:
        return {"state": "absent"}
    keys = ("name", "unique_id", "state", "initiator_spi", "responder_spi", "spi_in", "spi_out")
    return {"state": "established", "sas": [{key: sa[key] for key in keys if key in sa} for sa in sas]}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True, "aliases": ["ike"]},
            "child": {"type": "str"},
            "state": {"type": "str", "choices": ["established", "absent", "rekeyed"], "default": "established"},
            "max_age": {"type": "str"},
            "force": {"type": "bool", "default": False},
            "wait": {"type": "bool", "default": True},
            "timeout": {"type": "int", "default": 30},
            **socket_spec(),
        },
        supports_check_mode=True,
    )
    try:
        with ViciSession(module.params["socket"]) as session:
            manager = SaManager(session, wanted_by(module), module.check_mode)
            outcome = getattr(manager, module.params["state"])()
    except SaFailure as error:
        advice = error.record["advice"]
        module.fail_json(msg=f"{error}. {advice}" if advice else str(error), failure=error.record)
    except ViciError as error:
        module.fail_json(msg=str(error))
    result = {"changed": outcome.changed, "sa": outcome.after[-1] if outcome.after else None}
    if module._diff:  # pylint: disable=protected-access
        result["diff"] = {"before": summary(outcome.before), "after": summary(outcome.after)}
    module.exit_json(**result)


if __name__ == "__main__":
    main()
