# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter: the verification of a mesh as JSON, JUnit XML or a page."""

from __future__ import annotations

DOCUMENTATION = r"""
name: tunnel_report
short_description: The verification of a mesh as data, JUnit XML or an HTML page
version_added: 0.2.0
author:
  - keymesh.ike contributors (@keymesh)
description:
  - Puts the results of all hosts together to tunnels with a state each.
  - The page is one file that loads nothing, with a drawing of the mesh, the failures first, and a table.
options:
  _input:
    description: Host names with their results from P(keymesh.ike.tunnel_results#filter).
    type: dict
    required: true
  format:
    description: V(data) for a dictionary, V(json) for the same as text, V(junit) for XML that CI servers read, V(html) for the page.
    type: str
    choices: [data, json, junit, html]
    default: data
  time:
    description: When it was verified, such as V(2026-11-21T19:00:00Z).
    type: str
    default: ""
  missing:
    description: Hosts that should have given results.
    type: list
    elements: str
    default: []
  title:
    description: Title of the page.
    type: str
    default: VPN verification
seealso:
  - plugin: keymesh.ike.tunnel_results
    plugin_type: filter
  - plugin: keymesh.ike.tunnel_matrix
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Write the page
  ansible.builtin.copy:
    content: "{{ results_of_all | keymesh.ike.tunnel_report('html', time=now(utc=true).strftime('%Y-%m-%dT%H:%M:%SZ')) }}"
    dest: /tmp/vpn.html
    mode: "0644"
  delegate_to: localhost
"""

RETURN = r"""
_value:
  description:
    - The text, or with O(format=data) a dictionary with C(ok), C(summary), C(missing), C(nodes) and C(tunnels).
    - Each tunnel has a C(state), V(ok), V(one_sided) (works, but only one end was asked), V(failed) or V(down), and C(directions).
  type: raw
"""

import json
import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.keymesh.ike.plugins.plugin_utils._report_mesh import junit, mesh_report
from ansible_collections.keymesh.ike.plugins.plugin_utils._report_page import page


def tunnel_report(
    results: t.Mapping[str, t.Sequence[t.Dict[str, t.Any]]],
    format: str = "data",
    time: str = "",
    missing: t.Sequence[str] = (),
    title: str = "VPN verification",
) -> t.Any:
    """The report, see the documentation of the filter."""
    report = mesh_report(results, time, missing)
    if format == "data":
        return report
    if format == "json":
        return json.dumps(report, indent=2) + "\n"
    if format == "junit":
        return junit(report)
    if format == "html":
        return page(report, title)
    raise AnsibleFilterError(f"tunnel_report: format: {format!r} is not one of data, json, junit, html")


class FilterModule:
    """The filter of this file."""

    def filters(self) -> t.Dict[str, t.Callable[..., t.Any]]:
        """Names of the filters."""
        return {"tunnel_report": tunnel_report}
