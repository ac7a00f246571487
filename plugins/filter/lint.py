# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter: check both ends of every pair."""

from __future__ import annotations

DOCUMENTATION = r"""
name: lint
short_description: Check both ends of every tunnel of the inventory
version_added: 0.2.0
author:
  - keymesh.ike contributors (@keymesh)
description:
  - Computes both ends of every pair from the inventory, and returns what does not fit together or is weak. Connects to nothing and changes nothing.
  - The module M(keymesh.ike.ike_lint) does the same as a task, which fails. There is a list of the rules, too.
positional: groups, hosts, group
options:
  _input:
    description: The variable C(hostvars).
    type: dict
    required: true
  groups:
    description: The variable C(groups).
    type: dict
    required: true
  hosts:
    description: Hosts whose meshes are checked, such as C(ansible_play_hosts_all). By default all of O(group).
    type: list
    elements: str
  group:
    description: Group whose members are all connected with each other, for hosts that have neither C(ike_meshes) nor C(ike_group).
    type: str
    default: gateways
  policy:
    description: As in M(keymesh.ike.ike_lint).
    type: str
    choices: [default, strict, lenient]
    default: default
  ignore:
    description: Rules that do not matter.
    type: list
    elements: str
    default: []
seealso:
  - module: keymesh.ike.ike_lint
  - plugin: keymesh.ike.agreeing
    plugin_type: test
"""

EXAMPLES = r"""
- name: Show everything that is wrong
  ansible.builtin.debug:
    msg: "{{ hostvars | keymesh.ike.lint(groups, ansible_play_hosts_all) }}"
  run_once: true
"""

RETURN = r"""
_value:
  description: The findings, the worst first, with the keys of RV(keymesh.ike.ike_lint#module:findings).
  type: list
  elements: dict
"""

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.keymesh.ike.plugins.plugin_utils import _lint


def lint(
    hostvars: t.Mapping[str, t.Any],
    groups: t.Mapping[str, t.Sequence[str]],
    hosts: t.Optional[t.Sequence[str]] = None,
    group: str = "gateways",
    policy: str = "default",
    ignore: t.Sequence[str] = (),
) -> t.List[t.Dict[str, t.Any]]:
    """The findings, see the documentation of the filter."""
    members = groups.get(group, ()) if hosts is None else hosts
    try:
        return _lint.lint(hostvars, groups, members, group, policy, ignore).findings
    except _lint.LintError as error:
        raise AnsibleFilterError(f"keymesh.ike.lint: {error}") from None


class FilterModule:
    """The filter of this file."""

    def filters(self) -> t.Dict[str, t.Callable[..., t.Any]]:
        """Names of the filters."""
        return {"lint": lint}
