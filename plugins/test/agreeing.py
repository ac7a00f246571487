# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Test: do both ends of every pair agree?"""

from __future__ import annotations

DOCUMENTATION = r"""
name: agreeing
short_description: Whether both ends of every tunnel of the inventory fit together
version_added: 0.2.0
author:
  - keymesh.ike contributors (@keymesh)
description:
  - Is true if P(keymesh.ike.lint#filter) finds no error. Warnings do not matter.
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
    description: Hosts whose meshes are checked. By default all of O(group).
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
  - plugin: keymesh.ike.lint
    plugin_type: filter
"""

EXAMPLES = r"""
- name: The inventory can be rolled out
  ansible.builtin.assert:
    that: hostvars is keymesh.ike.agreeing(groups, ansible_play_hosts_all)
  run_once: true
"""

RETURN = r"""
_value:
  description: Whether there is no error.
  type: bool
"""

import typing as t

from ansible_collections.keymesh.ike.plugins.filter.lint import lint


def agreeing(hostvars: t.Mapping[str, t.Any], groups: t.Mapping[str, t.Sequence[str]], *args: t.Any, **more: t.Any) -> bool:
    """Whether there is no error, see the documentation of the test."""
    return not any(one["severity"] == "error" for one in lint(hostvars, groups, *args, **more))


class TestModule:
    """The test of this file."""

    def tests(self) -> t.Dict[str, t.Callable[..., bool]]:
        """Names of the tests."""
        return {"agreeing": agreeing}
