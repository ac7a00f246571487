# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Changes that the target undoes unless they are confirmed, with the command line of ikeengine. Private to the collection."""

from __future__ import annotations

import json
import os
import typing as t

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule


class Trial:
    """The commands C(checkpoint), C(confirm) and C(rollback) for one configuration directory."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.binary: str = module.params["binary"]
        self.path = os.path.abspath(module.params["path"])

    @property
    def is_possible(self) -> bool:
        """Whether there is anything yet that could be broken."""
        return os.access(self.binary, os.X_OK) and os.path.isdir(self.path)

    def begin(self, seconds: int, restart_command: t.Optional[str]) -> bool:
        """Copy the configuration and set the deadline. Returns whether the copy was made now. Fails the module."""
        restart = ["--restart", restart_command] if restart_command else []
        return self._run("checkpoint", "--confirm", str(seconds), *restart)["taken"]

    def confirm(self) -> bool:
        """Keep the change. Returns whether there was one. Fails the module if it is too late."""
        return self._run("confirm")["confirmed"]

    def roll_back(self) -> str:
        """Undo the change now; what went wrong with that, if anything."""
        status, unused, err = self._command("rollback", "--now")
        return "" if status == 0 else err.strip()

    def _run(self, command: str, *arguments: str) -> t.Dict[str, t.Any]:
        status, out, err = self._command(command, *arguments)
        if status != 0:
            reason = err.strip() or f"{self.binary} {command} failed without a word"
            if "invalid choice" in reason:
                reason = f"{self.binary} is too old for changes that must be confirmed; run the role keymesh.ike.engine first"
            self.module.fail_json(msg=reason)
        return t.cast(t.Dict[str, t.Any], json.loads(out))

    def _command(self, command: str, *arguments: str) -> t.Tuple[int, str, str]:
        socket = self.module.params["socket"]
        call = [self.binary, "--socket", socket, command, "--json", "--config", self.path, *arguments]
        return t.cast(t.Tuple[int, str, str], self.module.run_command(call))
