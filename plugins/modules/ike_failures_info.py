#!/usr/bin/python
# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ike_failures_info
short_description: Read why negotiations failed
version_added: 0.2.0
description:
  - Returns the records that ikeengine keeps of failed negotiations, with offer, acceptance and advice, and what it suspects of tunnels that are up.
  - Needs ikeengine; strongSwan keeps no such records. M(keymesh.ike.ike_sa) reads the reason of a failure from strongSwan's log while it establishes an SA.
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
      - Only failures of the connection of this name.
    type: str
    aliases:
      - ike
  max_age:
    description:
      - Only failures that are not older than that.
      - A number of seconds, or a number with a unit, such as V(90s), V(30m), V(4h) or V(1d).
    type: str
seealso:
  - module: keymesh.ike.ike_sa
"""

EXAMPLES = r"""
- name: Read what failed within the last hour
  keymesh.ike.ike_failures_info:
    max_age: 1h
  register: vpn

- name: Show what to do
  ansible.builtin.debug:
    msg: "{{ item.connection }}: {{ item.reason }}. {{ item.advice }}"
  loop: "{{ vpn.failures }}"
"""

RETURN = r"""
failures:
  description: The failures, the latest first.
  type: list
  elements: dict
  returned: success
  contains: &record
    connection:
      description: Name of the connection. Empty if the peer fits none.
      type: str
      sample: branch--headquarters
    child:
      description: Name of the Child SA, empty if this is about the IKE SA.
      type: str
      sample: net
    age:
      description: Seconds since then.
      type: int
      sample: 12
    reason:
      description: What happened, in one sentence.
      type: str
      sample: the peer refused all proposals
    advice:
      description: What to change, and where. Empty if nothing is known.
      type: str
      sample: Both ends must have one proposal in common; compare proposals on both hosts.
    alert:
      description: The kind of failure, in the words of strongSwan's alert events.
      type: str
      sample: proposal-mismatch-ike
    side:
      description: Whose decision made it fail, V(local), V(peer) or V(network).
      type: str
      sample: peer
    phase:
      description: The exchange that failed.
      type: str
      sample: IKE_AUTH response
    peer:
      description: Address and port of the peer.
      type: str
      sample: 192.0.2.2[500]
    offered:
      description: What was offered.
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
hints:
  description: The same about tunnels that are up, but seem dead.
  type: list
  elements: dict
  returned: success
  contains: *record
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.keymesh.ike.plugins.module_utils._argspec import socket_spec
from ansible_collections.keymesh.ike.plugins.module_utils._duration import seconds
from ansible_collections.keymesh.ike.plugins.module_utils._failure import Data, from_engine
from ansible_collections.keymesh.ike.plugins.module_utils._vici import Message, ViciError, ViciSession


def records(sections: Message) -> t.List[Data]:
    """The records of an answer, in the order of their numbers."""
    ordered = [sections[number] for number in sorted(sections, key=int)]
    return [
        dict(
            from_engine("", section),
            connection=section.get("connection", ""),
            child=section.get("child", ""),
            age=int(section.get("age", 0)),
        )
        for section in ordered
    ]


def main() -> None:
    module = AnsibleModule(
        argument_spec={"name": {"type": "str", "aliases": ["ike"]}, "max_age": {"type": "str"}, **socket_spec()},
        supports_check_mode=True,
    )
    params = module.params
    try:
        max_age = None if params["max_age"] is None else seconds(params["max_age"])
    except ValueError as error:
        module.fail_json(msg=f"max_age: {error}")
    try:
        with ViciSession(params["socket"]) as session:
            answer = session.request("failures", {"connection": params["name"]})
    except ViciError as error:
        module.fail_json(msg=str(error))
    failures = records(answer.get("failures", {}))
    module.exit_json(
        failures=[one for one in failures if max_age is None or one["age"] <= max_age],
        hints=records(answer.get("hints", {})),
    )


if __name__ == "__main__":
    main()
