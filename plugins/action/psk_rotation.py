# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Action: one step of a rotation in the store of keys. The documentation is in plugins/modules/psk_rotation.py."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.keymesh.ike.plugins.plugin_utils._psk_ring import STATES
from ansible_collections.keymesh.ike.plugins.plugin_utils._psk_rotation import step
from ansible_collections.keymesh.ike.plugins.plugin_utils._psk_secrets import PskError, Source
from ansible_collections.keymesh.ike.plugins.plugin_utils._psk_store import PskStore
from ansible_collections.keymesh.ike.plugins.plugin_utils._psk_vault import Vault


class ActionModule(ActionBase):
    """The action of this file."""

    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: t.Any = None, task_vars: t.Optional[t.Dict[str, t.Any]] = None) -> t.Dict[str, t.Any]:
        """Take the keys of this host one step further."""
        super().run(tmp, task_vars)
        unused, arguments = self.validate_argument_spec(
            argument_spec={
                "tunnels": {"type": "list", "elements": "dict", "required": True},
                "state": {"type": "str", "choices": list(STATES), "required": True},
                "hosts": {"type": "list", "elements": "str", "required": True},
                "confirmed": {"type": "list", "elements": "str", "default": []},
                "store": {"type": "path", "required": True},
                "keys": {"type": "dict", "default": {}, "no_log": True},
                "secret": {"type": "str", "default": "", "no_log": True},
                "epoch": {"type": "str", "default": "1"},
            }
        )
        source = Source(
            PskStore(arguments["store"], Vault.of_loader(self._loader)),
            arguments["keys"],
            arguments["secret"],
            arguments["epoch"],
            not self._task.check_mode,
        )
        wanted = (arguments[name] for name in ("state", "hosts", "confirmed"))
        try:
            return dict(step(arguments["tunnels"], source, *wanted)._asdict())
        except PskError as error:
            raise AnsibleActionFail(str(error)) from None
