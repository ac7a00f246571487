#!/usr/bin/python
# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ike_sa
short_description: Establish, rekey or delete IKE or Child SAs
version_added: 0.1.0
description:
  - Brings a Security Association (SA) of a configured connection into the wanted state, or those of many connections at the same time.
  - With O(child) or O(children) this is about those Child SAs, which protect packets. Without them, it is about IKE SAs alone.
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
      - Exactly one of O(name) and O(names) is needed.
    type: str
    aliases:
      - ike
  names:
    description:
      - Names of several connections. Their SAs are brought into the wanted state at the same time.
      - If some fail, the others are completed, and the module fails in the end with all reasons. An empty list is nothing to do.
    type: list
    elements: str
    version_added: 0.2.0
  child:
    description:
      - Name of the Child SA, a key of the connection's C(children).
    type: str
  children:
    description:
      - Names of several Child SAs, each of them in every one of the connections.
    type: list
    elements: str
    version_added: 0.2.0
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
  reauth:
    description:
      - With O(state=rekeyed) and no child, replace the IKE SA by a new one with a new authentication, and its Child SAs by new ones.
        This proves that keys and certificates that were exchanged meanwhile are valid.
      - ikeengine makes the new SAs before it breaks the old ones. strongSwan does so if C(charon.make_before_break) is set, which is its default since 6.0.
    type: bool
    default: false
    version_added: 0.2.0
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
      - How many seconds to wait for the state of each SA.
    type: int
    default: 30
  parallel:
    description:
      - How many SAs to work on at the same time. With strongSwan at most 8, because each takes one of its threads.
    type: int
    default: 32
    version_added: 0.2.0
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

- name: All tunnels that begin here are up
  keymesh.ike.ike_sa:
    names: [branch--headquarters, branch--lab, branch--warehouse]
    child: net

- name: The peers have authenticated with their new certificates
  keymesh.ike.ike_sa:
    names: [branch--headquarters, branch--lab]
    state: rekeyed
    reauth: true

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
    - With O(names) or O(children), that of the last of them; use RV(tunnels).
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
tunnels:
  description: What became of each SA, in the order of O(names), and for each of them in the order of O(children).
  type: list
  elements: dict
  returned: when the daemon answered
  version_added: 0.2.0
  contains:
    name:
      description: Name of the connection.
      type: str
      sample: branch--headquarters
    child:
      description: Name of the Child SA, V(none) for an IKE SA.
      type: str
      sample: net
    changed:
      description: Whether the SA was not in the wanted state before.
      type: bool
      sample: true
    sa:
      description: As RV(sa).
      type: dict
    failure:
      description: As RV(failure), V(none) if there was none.
      type: dict
failure:
  description: Why the state was not reached. If several failed, the first of them.
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
from ansible_collections.keymesh.ike.plugins.module_utils._sa_fleet import Fleet, Result
from ansible_collections.keymesh.ike.plugins.module_utils._sa_manager import Wanted, label
from ansible_collections.keymesh.ike.plugins.module_utils._vici import ViciError

SPEC = {
    "name": {"type": "str", "aliases": ["ike"]},
    "names": {"type": "list", "elements": "str"},
    "child": {"type": "str"},
    "children": {"type": "list", "elements": "str"},
    "state": {"type": "str", "choices": ["established", "absent", "rekeyed"], "default": "established"},
    "max_age": {"type": "str"},
    "reauth": {"type": "bool", "default": False},
    "force": {"type": "bool", "default": False},
    "wait": {"type": "bool", "default": True},
    "timeout": {"type": "int", "default": 30},
    "parallel": {"type": "int", "default": 32},
    **socket_spec(),
}


def wanted_by(module: AnsibleModule) -> t.List[Wanted]:
    """The SAs that the playbook names, without doublets."""
    params = module.params
    try:
        max_age = None if params["max_age"] is None else seconds(params["max_age"])
    except ValueError as error:
        module.fail_json(msg=f"max_age: {error}")
    children = [params["child"]] if params["children"] is None else params["children"]
    if params["reauth"] and (params["state"] != "rekeyed" or children != [None]):
        module.fail_json(msg="reauth is for IKE SAs: it needs state=rekeyed, and neither child nor children")
    if params["parallel"] < 1:
        module.fail_json(msg=f"parallel: {params['parallel']} is less than 1")
    rest = (params["wait"], params["timeout"], max_age, params["force"], params["reauth"])
    names = [params["name"]] if params["names"] is None else params["names"]
    return list(dict.fromkeys(Wanted(name, child, *rest) for name in names for child in children))


def summary(sas: t.Sequence[t.Mapping[str, t.Any]]) -> t.Dict[str, t.Any]:
    """What the diff shows: the identifiers by which one sees that an SA is a new one."""
    if not sas:
        return {"state": "absent"}
    keys = ("name", "unique_id", "state", "initiator_spi", "responder_spi", "spi_in", "spi_out")
    return {"state": "established", "sas": [{key: sa[key] for key in keys if key in sa} for sa in sas]}


def tunnel(result: Result) -> t.Dict[str, t.Any]:
    """One item of C(tunnels)."""
    after = result.outcome.after
    return {
        "name": result.wanted.name,
        "child": result.wanted.child,
        "changed": result.outcome.changed,
        "sa": after[-1] if after else None,
        "failure": result.failure,
    }


def diff_of(results: t.Sequence[Result]) -> t.Any:
    """The SAs before and after: one diff for one SA, a list of those that changed for several."""
    found = [
        {
            "before_header": label(one.wanted),
            "after_header": label(one.wanted),
            "before": summary(one.outcome.before),
            "after": summary(one.outcome.after),
        }
        for one in results
        if one.outcome.changed or len(results) == 1
    ]
    return found[0] if len(results) == 1 else found


def complaint(results: t.Sequence[Result]) -> str:
    """All failures in one text. The advice follows the reason; the name comes first if there are several SAs."""
    parts = []
    for one in results:
        if one.failure is not None:
            text = ". ".join(part for part in (one.failure["reason"], one.failure["advice"]) if part)
            named = len(results) == 1 or text.startswith(label(one.wanted))
            parts.append(text if named else f"{label(one.wanted)}: {text}".rstrip("."))
    return "; ".join(parts)


def main() -> None:
    module = AnsibleModule(
        argument_spec=SPEC,
        required_one_of=[("name", "names")],
        mutually_exclusive=[("name", "names"), ("child", "children")],
        supports_check_mode=True,
    )
    params = module.params
    fleet = Fleet(params["socket"], params["state"], module.check_mode, params["parallel"])
    try:
        results = fleet.bring(wanted_by(module))
    except ViciError as error:
        module.fail_json(msg=str(error))
    tunnels = [tunnel(result) for result in results]
    answer: t.Dict[str, t.Any] = {
        "changed": any(one["changed"] for one in tunnels),
        "sa": tunnels[-1]["sa"] if tunnels else None,
        "tunnels": tunnels,
    }
    if module._diff:  # pylint: disable=protected-access
        answer["diff"] = diff_of(results)
    failed = [one.failure for one in results if one.failure is not None]
    if failed:
        module.fail_json(msg=complaint(results), failure=failed[0], **answer)
    module.exit_json(**answer)


if __name__ == "__main__":
    main()
