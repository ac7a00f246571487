# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Action: check both ends of every pair. The documentation is in plugins/modules/ike_lint.py."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.keymesh.ike.plugins.plugin_utils import _lint
from ansible_collections.keymesh.ike.plugins.plugin_utils._lint_findings import SEVERITIES, Data, at_least, line

MANY = 50
"""So many findings are in the message; all of them are in the result."""


class ActionModule(ActionBase):
    """The action of this file."""

    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: t.Any = None, task_vars: t.Optional[Data] = None) -> Data:
        """Check."""
        super().run(tmp, task_vars)
        variables = task_vars or {}
        unused, arguments = self.validate_argument_spec(
            argument_spec={
                "hosts": {"type": "list", "elements": "str"},
                "group": {"type": "str", "default": "gateways"},
                "policy": {"type": "str", "default": "default"},
                "ignore": {"type": "list", "elements": "str", "default": []},
                "certificates": {"type": "dict", "default": {}},
                "fail_on": {"type": "str", "choices": [*SEVERITIES, "never"], "default": "error"},
            }
        )
        hosts = arguments["hosts"]
        if hosts is None:
            hosts = variables["ansible_play_hosts_all"]
        try:
            report = _lint.lint(
                variables["hostvars"],
                variables["groups"],
                hosts,
                arguments["group"],
                arguments["policy"],
                arguments["ignore"],
                self._common(variables),
                certificates=arguments["certificates"],
            )
        except _lint.LintError as error:
            raise AnsibleActionFail(f"ike_lint: {error}") from None
        return result(report, arguments["fail_on"])

    def _common(self, variables: Data) -> Data:
        """Variables of the play, which are not variables of its hosts."""
        own = variables["hostvars"].get(variables["inventory_hostname"], {})
        names = [name for name in _lint.READ if name in variables and name not in own]
        return {name: self._templar.template(variables[name]) for name in names}


def result(report: _lint.Report, fail_on: str) -> Data:
    """What the task returns. It fails if something is at least that severe; other findings become warnings."""
    bad = at_least(report.findings, fail_on)
    counts = {severity: sum(one["severity"] == severity for one in report.findings) for severity in SEVERITIES}
    told = ", ".join(f"{number} {severity}{'s' if number != 1 else ''}" for severity, number in counts.items() if number)
    summary = f"{report.hosts} hosts and {report.tunnels} tunnels were checked: {told or 'nothing is wrong'}"
    lines = [line(one) for one in bad[:MANY]] + ([f"and {len(bad) - MANY} more"] if len(bad) > MANY else [])
    mild = [line(one) for one in report.findings if one not in bad and one["severity"] != "info"]
    return {
        "changed": False,
        "failed": bool(bad),
        "msg": "\n".join([summary, *lines]),
        "findings": report.findings,
        "counts": counts,
        "hosts": report.hosts,
        "tunnels": report.tunnels,
        "warnings": mild[:MANY],
    }
