# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs a module in this process."""

from __future__ import annotations

import typing as t
from unittest import mock

import pytest
from ansible.module_utils import basic

from ansible_collections.keymesh.ike.tests.unit.plugins.fake_daemon import FakeDaemon

Result = t.Dict[str, t.Any]


class Exited(Exception):
    """The module has ended."""

    def __init__(self, result: Result) -> None:
        super().__init__(result.get("msg", "ok"))
        self.result = result


def run(module: t.Any, arguments: Result, check_mode: bool = False, diff: bool = False) -> Result:
    """The result of a module. C(failed) is always there, C(warnings) are those that it gave."""
    warnings: t.List[str] = []

    def leave(failed: bool) -> t.Callable[..., None]:
        def end(self: basic.AnsibleModule, *args: t.Any, **result: t.Any) -> None:
            if args:
                result["msg"] = args[0]
            raise Exited(dict({"changed": False, "warnings": warnings}, failed=failed, **result))

        return end

    parameters = dict(arguments, _ansible_check_mode=check_mode, _ansible_diff=diff)
    with mock.patch.multiple(basic.AnsibleModule, exit_json=leave(False), fail_json=leave(True)), mock.patch.object(
        basic.AnsibleModule, "warn", lambda self, text: warnings.append(text)
    ), mock.patch.object(basic, "_load_params", lambda: parameters), pytest.raises(Exited) as exited:
        module.main()
    return t.cast(Exited, exited.value).result


@pytest.fixture
def daemon() -> t.Iterator[FakeDaemon]:
    with FakeDaemon() as fake:
        yield fake
