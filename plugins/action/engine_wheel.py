# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Action: build the wheel of ikeengine on the controller. The documentation is in plugins/modules/engine_wheel.py."""

from __future__ import annotations

import hashlib
import os
import typing as t

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.keymesh.ike.plugins.plugin_utils._download import DownloadError, Platform, download
from ansible_collections.keymesh.ike.plugins.plugin_utils._wheel import BuildError, build_wheel, read_wheel, write_bundle

EPOCH = 315532800
"""1980-01-01, the first moment that a zip file knows; SOURCE_DATE_EPOCH overrides it."""


class ActionModule(ActionBase):
    """The action of this file."""

    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: t.Any = None, task_vars: t.Optional[t.Dict[str, t.Any]] = None) -> t.Dict[str, t.Any]:
        """Build the wheel."""
        super().run(tmp, task_vars)
        unused, arguments = self.validate_argument_spec(
            argument_spec={
                "source": {"type": "path", "required": True},
                "directory": {"type": "path", "required": True},
                "depends_on": {"type": "list", "elements": "str", "default": []},
                "wheels": {"type": "list", "elements": "path", "default": []},
                "download_for": {
                    "type": "dict",
                    "options": {
                        "python": {"type": "str", "required": True},
                        "machine": {"type": "str", "required": True},
                        "glibc": {"type": "str", "default": ""},
                    },
                },
            }
        )
        try:
            if os.path.isfile(arguments["source"]):
                wheel = read_wheel(arguments["source"])
            else:
                epoch = int(os.environ.get("SOURCE_DATE_EPOCH", EPOCH))
                wheel = build_wheel(arguments["source"], arguments["directory"], epoch)
            wheels = arguments["wheels"]
            if arguments["download_for"] is not None:
                wheels = download(wheel.requirements, Platform(**arguments["download_for"]), arguments["directory"])
            parts = [wheel.sha256, *arguments["depends_on"], *map(os.path.basename, wheels)]
            release = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]
            bundle = write_bundle(os.path.join(arguments["directory"], f"{release}.tar"), [wheel.path, *wheels])
        except (BuildError, DownloadError, OSError, ValueError) as error:
            raise AnsibleActionFail(f"ikeengine cannot be built: {error}") from None
        return {
            "changed": False,
            "path": wheel.path,
            "wheels": wheels,
            "bundle": bundle,
            "sha256": wheel.sha256,
            "release": release,
            "version": wheel.version,
            "requires_python": wheel.requires_python,
            "requirements": wheel.requirements,
        }
