# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Validates, plans and applies a configuration: what the module C(ike_config) does. Private to the collection."""

from __future__ import annotations

import json
import os
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.keymesh.ike.plugins.module_utils._config import Candidate, Removal, file_diff, read_text
from ansible_collections.keymesh.ike.plugins.module_utils._plan import NOTHING, Plan, from_response
from ansible_collections.keymesh.ike.plugins.module_utils._trial import Trial
from ansible_collections.keymesh.ike.plugins.module_utils._vici import (
    ViciError,
    ViciSession,
    ViciUnknownCommand,
    ViciUnreachable,
)

_NO_KEY = "no pre-shared key for "
"""How ikeengine says that a connection lacks its key."""

_NOT_IKEENGINE = "; ike_config needs ikeengine, other daemons have no such configuration"


def found_errors(out: str, err: str) -> t.List[str]:
    """The errors in the output of C(ikeengine check --json), or any other output of a command that failed."""
    try:
        errors = json.loads(out)["errors"]
    except (ValueError, KeyError, TypeError):
        return [line for line in (err or out).splitlines() if line.strip()] or ["ikeengine check failed without a word"]
    return [f"{error['file']}:{error['line']}: {error['key']}: {error['message']}" for error in errors]


class ConfigManager:
    """Takes one candidate through validation, plan and application."""

    def __init__(self, module: AnsibleModule, candidate: Candidate) -> None:
        self.module = module
        self.candidate = candidate
        self.before = read_text(candidate.target) if candidate.changes_file else None
        self.after = None if candidate.absent else candidate.content

    @property
    def changes_content(self) -> bool:
        others = bool(self.candidate.obsolete or self.candidate.pruned)
        return self.candidate.changes_file and (self.before != self.after or others)

    def prepare(self) -> None:
        """The daemon must be able to read the copy like the real file, in check mode too."""
        if self.after is None:
            return
        check_mode, self.module.check_mode = self.module.check_mode, False
        arguments = self.module.load_file_common_arguments(self.module.params, path=self.candidate.changed_file)
        self.module.set_fs_attributes_if_different(arguments, False)
        self.module.check_mode = check_mode

    def validate(self) -> bool:
        """Fails the module with every error, unless the configuration is valid. False if that cannot be known yet."""
        binary = self.module.params["binary"]
        if not os.access(binary, os.X_OK):
            if self.module.check_mode:
                self.module.warn(f"{binary} does not exist yet, the configuration was not validated")
                return False
            self.module.fail_json(msg=f"{binary} is not there; install ikeengine first or set the option binary")
        errors = self._errors(binary)
        if self._expects_keys and any(_NO_KEY in error for error in errors):
            self.candidate.invent_key(self.module.params["socket"])
            errors = self._errors(binary)
        if not errors:
            return True
        if self.module.check_mode and all(error.endswith("does not exist") for error in errors):
            self.module.warn(
                "files that other tasks create are missing, so the effect is not known: " + "; ".join(errors)
            )
            return False
        self.module.fail_json(msg="the configuration is not valid: " + "; ".join(errors), errors=errors)

    @property
    def _expects_keys(self) -> bool:
        params = self.module.params
        return bool(self.module.check_mode and params["expect_keys"] and params["file"])

    def _errors(self, binary: str) -> t.List[str]:
        """What is wrong with the candidate."""
        status, out, err = self.module.run_command([binary, "check", "--json", "--config", self.candidate.root])
        if status == 0:
            return []
        return [self.candidate.in_words_of_the_real_path(error) for error in found_errors(out, err)]

    def plan(self) -> Plan:
        """What the daemon would do. Empty in check mode if there is no daemon yet."""
        try:
            return self._ask("plan", self.candidate.root)
        except ViciUnreachable as error:
            if not self.module.check_mode:
                self.module.fail_json(msg=str(error))
            self.module.warn(f"{error}; what it would change is not known")
            return NOTHING
        except ViciUnknownCommand as error:
            self.module.fail_json(msg=str(error) + _NOT_IKEENGINE)
        except ViciError as error:
            self.module.fail_json(msg=self.candidate.in_words_of_the_real_path(str(error)))

    def settle_attributes(self) -> bool:
        """Give the file its owner, group and mode, if it exists. Returns whether they differed."""
        if self.after is None or self.before is None:
            return False
        arguments = self.module.load_file_common_arguments(self.module.params, path=self.candidate.target)
        return self.module.set_fs_attributes_if_different(arguments, False)

    def apply(self) -> Plan:
        """Write the file and let the daemon apply the configuration. If it refuses, the old file comes back."""
        params = self.module.params
        trial = Trial(self.module) if params["confirm"] else None
        if trial is not None:
            trial.begin(params["confirm"], params["restart_command"])
        try:
            with Removal(self.candidate.path, [*self.candidate.obsolete, *dict(self.candidate.pruned)]):
                for name in dict(self.candidate.pruned):
                    os.rename(os.path.join(self.candidate.root, name), os.path.join(self.candidate.path, name))
                if self.changes_content:
                    self._write()
                return self._ask("apply", self.candidate.path, params["confirm"])
        except ViciError as error:
            if trial is not None:
                trouble = trial.roll_back()
                self.module.fail_json(msg=f"{error}; " + (trouble or "the configuration is as it was before"))
            if self.changes_content:
                self._restore()
            self.module.fail_json(msg=f"{error}; the file is as it was before" if self.changes_content else str(error))

    def _ask(self, command: str, path: str, confirm: t.Optional[int] = None) -> Plan:
        timeout = self.module.params["timeout"]
        with ViciSession(self.module.params["socket"], timeout) as session:
            return from_response(session.request(command, {"path": os.path.abspath(path), "confirm-within": confirm}))

    def _write(self) -> None:
        target = self.candidate.target
        if self.candidate.absent:
            os.unlink(target)
            return
        if not self._create():
            self.module.atomic_move(
                self.candidate.changed_file, target, unsafe_writes=self.module.params["unsafe_writes"]
            )
        self.module.set_fs_attributes_if_different(
            self.module.load_file_common_arguments(self.module.params, path=target), True
        )

    def _create(self) -> bool:
        """Move a new file into place with the mode that it has; atomic_move would open it to others for a moment."""
        if self.before is not None:
            return False
        try:
            os.rename(self.candidate.changed_file, self.candidate.target)
        except OSError:
            return False
        return True

    def _restore(self) -> None:
        target = self.candidate.target
        if self.before is None:
            os.unlink(target)
            return
        with Candidate(self.candidate.path, self.candidate.file, self.before) as previous:
            self.module.atomic_move(previous.changed_file, target, unsafe_writes=self.module.params["unsafe_writes"])
            self.module.set_fs_attributes_if_different(
                self.module.load_file_common_arguments(self.module.params, path=target), True
            )

    def diff(self, plan: Plan) -> t.List[t.Dict[str, str]]:
        """The change of the file and the plan, each without secrets."""
        prepared = [file_diff(self.candidate.target, self.before, self.after)] if self.changes_content else []
        rest = dict(self.candidate.pruned)
        for name in [*self.candidate.obsolete, *rest]:
            path = os.path.join(self.candidate.path, name)
            prepared.append(file_diff(path, read_text(path), rest.get(name)))
        if not plan.is_empty:
            prepared.append(f"plan for the daemon at {self.module.params['socket']}\n{plan}")
        return [{"prepared": part} for part in prepared if part]
