#!/usr/bin/python
# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ike_config
short_description: Validate, plan and apply the configuration of ikeengine
version_added: 0.1.0
description:
  - Makes the running daemon use its configuration file or directory, after an optional change of one file in it.
  - First the whole new configuration is validated. If it has errors, all of them are reported and nothing is changed.
  - Then the daemon plans what to do. SAs of connections that do not change are left alone.
  - In check mode with diff the plan and the change of the file are shown, without secrets.
  - With O(confirm), the target undoes the change by itself unless O(state=confirmed) comes in time. So a change that takes the way to the
    target away does not lock anybody out.
  - Needs ikeengine; strongSwan has neither plans nor this format.
author:
  - keymesh.ike contributors (@keymesh)
extends_documentation_fragment:
  - ansible.builtin.files
  - keymesh.ike._attributes
  - keymesh.ike._attributes.actiongroup_ike
  - keymesh.ike._attributes.platform_linux
  - keymesh.ike._socket
attributes:
  check_mode:
    support: full
    details:
      - The new configuration exists for a moment in a temporary directory beside O(path), where the daemon reads it.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  path:
    description:
      - The configuration file or directory that the daemon was started with.
    type: path
    required: true
  file:
    description:
      - Name of a file directly in the directory O(path), ending in C(.yml) or C(.yaml).
      - Needed with O(content) or O(state=absent) if O(path) is a directory.
    type: str
  content:
    description:
      - New content of the file O(file), or of O(path) itself if that is a file.
      - When not given, the configuration is applied as it is.
    type: str
  state:
    description:
      - V(present) applies the configuration, with O(content) if given.
      - V(absent) applies it without the file O(file), which is removed.
      - V(checkpoint) keeps a copy of the configuration as it is. Everything that is changed in the directory after that, by whatever task, is undone
        unless V(confirmed) comes within O(confirm) seconds. Does nothing on a target without a configuration.
      - V(confirmed) keeps what was applied with O(confirm), or changed after V(checkpoint). It fails if the target has undone it already.
    type: str
    choices:
      - present
      - absent
      - checkpoint
      - confirmed
    default: present
  confirm:
    description:
      - How many seconds the change stays in force if nobody confirms it with O(state=confirmed). Then files and running state are as before.
      - The target does this on its own, also if it cannot be reached any longer, or if the daemon or the host is restarted meanwhile.
      - Without a checkpoint, one is made before the file is changed. O(path) must be a directory.
      - Required with O(state=checkpoint).
    type: int
    version_added: 0.2.0
  restart_command:
    description:
      - How to restart the daemon, if undoing the change needs that.
    type: str
    version_added: 0.2.0
  purge:
    description:
      - Remove other files of the directory O(path) that begin with the same comment line as O(content), as part of the same change.
      - So what was written under another name before is not there twice. Files without this line, such as those of operators, stay.
    type: bool
    default: false
    version_added: 0.2.0
  keep_secrets:
    description:
      - Keep the C(secrets) that the file O(file) has now for identities that O(content) has none for. Connections in other files may need them until
        these are changed, too. The file must be as the role P(keymesh.ike.psk#role) writes it.
    type: bool
    default: false
    version_added: 0.2.0
  prune_file:
    description:
      - Name of another file in the directory O(path), as the role P(keymesh.ike.psk#role) writes it. Secrets in it that belong to no connection in
        O(prune_keep) are removed as part of the same change, because the connections that needed them change or go. Without this file nothing happens.
    type: str
    version_added: 0.2.0
  prune_keep:
    description:
      - Names of the connections, the secrets of which stay in O(prune_file).
    type: list
    elements: str
    default: []
    version_added: 0.2.0
  expect_keys:
    description:
      - Earlier tasks of the play install pre-shared keys.
      - Check mode takes a random key where one is missing, so that it can plan for the rest. Otherwise this has no effect.
    type: bool
    default: false
    version_added: 0.2.0
  binary:
    description:
      - The command line of ikeengine on the target, which validates the configuration.
    type: path
    default: /opt/ikeengine/current/bin/ikeengine
  timeout:
    description:
      - How many seconds the daemon may take.
    type: int
    default: 60
seealso:
  - module: keymesh.ike.ike_sa
  - module: keymesh.ike.ike_sa_info
"""

EXAMPLES = r"""
- name: Apply what is in the configuration directory
  keymesh.ike.ike_config:
    path: /etc/ikeengine

- name: Render a file, validate everything, then apply it
  keymesh.ike.ike_config:
    path: /etc/ikeengine
    file: partner.yml
    content: "{{ lookup('ansible.builtin.template', 'partner.yml.j2') }}"
    mode: "0600"

- name: Drop the partner
  keymesh.ike.ike_config:
    path: /etc/ikeengine
    file: partner.yml
    state: absent

- name: Apply it for two minutes
  keymesh.ike.ike_config:
    path: /etc/ikeengine
    file: partner.yml
    content: "{{ lookup('ansible.builtin.template', 'partner.yml.j2') }}"
    mode: "0600"
    confirm: 120

- name: Come back over a new connection
  ansible.builtin.meta: reset_connection

- name: Keep it
  keymesh.ike.ike_config:
    path: /etc/ikeengine
    state: confirmed
"""

RETURN = r"""
plan:
  description:
    - What the daemon does with each connection (in check mode, what it would do), ordered by name.
    - Empty in check mode if the daemon does not run.
  type: list
  elements: dict
  returned: success
  contains:
    connection:
      description: Name of the connection.
      type: str
      sample: branch--headquarters
    action:
      description:
        - V(unchanged) leaves the connection and its SAs alone. V(add) and V(remove) say what they do.
        - V(child) replaces only the Child SAs whose section changed. V(replace) closes the SAs of the connection.
      type: str
      sample: child
    details:
      description: What differs, without secrets.
      type: list
      elements: str
      sample: ["children.net.remote_ts: 10.2.0.0/16 -> 10.2.0.0/15"]
file_changed:
  description: Whether the content of the file differs from O(content).
  type: bool
  returned: success
purged:
  description: Names of the files that O(purge) removes.
  type: list
  elements: str
  returned: success
others:
  description: What changes in the credentials and in the daemon itself, without secrets.
  type: list
  elements: str
  returned: success
  sample: ["shared key ike-branch--headquarters: changed"]
drops:
  description:
    - The SAs that go down (in check mode, that would), with everything in them. Child SAs that only change are not among them, because the daemon
      establishes the new one before it deletes the old one.
    - Empty if the daemon does not run or does not know it.
  type: list
  elements: dict
  returned: success
  contains:
    connection:
      description: Name of the connection.
      type: str
    child:
      description: Name of the Child SA that goes alone; empty if the whole IKE SA goes.
      type: str
    unique_id:
      description: Number of the SA.
      type: int
    remote_host:
      description: Address of the peer.
      type: str
    remote_id:
      description: Identity of the peer.
      type: str
    established:
      description: Since how many seconds it is up; V(none) if it is not yet.
      type: int
    children:
      description: Names of the Child SAs that go with it.
      type: list
      elements: str
    again:
      description: Whether the connection stays configured, so that the SA comes back with other parameters.
      type: bool
errors:
  description: Every error of the configuration.
  type: list
  elements: str
  returned: failure, when the configuration is not valid
  sample: ["/etc/ikeengine/partner.yml:7: connections.partner.proposals: `aes257` is not an algorithm"]
"""

import os
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.keymesh.ike.plugins.module_utils._argspec import socket_spec
from ansible_collections.keymesh.ike.plugins.module_utils._config import (
    SUFFIXES,
    Candidate,
    keep_secrets,
    prune,
    read_text,
    siblings,
)
from ansible_collections.keymesh.ike.plugins.module_utils._config_manager import ConfigManager
from ansible_collections.keymesh.ike.plugins.module_utils._plan import NOTHING
from ansible_collections.keymesh.ike.plugins.module_utils._trial import Trial

MAX_CONFIRM = 86400


def wanted_content(params: t.Dict[str, t.Any]) -> t.Optional[str]:
    """The new content of the file, with what is to be kept of the old one."""
    content: t.Optional[str] = params["content"]
    if content is None or not (params["keep_secrets"] and params["file"]):
        return content
    return keep_secrets(read_text(os.path.join(params["path"], params["file"])) or "", content)


def pruned_file(params: t.Dict[str, t.Any]) -> t.Tuple[t.Tuple[str, str], ...]:
    """Name and new content of the file that loses secrets, if it loses any."""
    name = params["prune_file"]
    if not (name and params["file"]):
        return ()
    before = read_text(os.path.join(params["path"], name))
    after = prune(before, params["prune_keep"]) if before is not None else None
    return ((name, after),) if after is not None and after != before else ()


def try_or_keep(module: AnsibleModule) -> None:
    """The states V(checkpoint) and V(confirmed)."""
    trial = Trial(module)
    if module.params["file"] is not None or module.params["content"] is not None:
        module.fail_json(msg=f"state={module.params['state']} takes neither file nor content")
    changed = False
    if trial.is_possible and not module.check_mode:
        if module.params["state"] == "confirmed":
            changed = trial.confirm()
        else:
            changed = trial.begin(module.params["confirm"], module.params["restart_command"])
    module.exit_json(changed=changed, plan=[], others=[], drops=[], purged=[], file_changed=False)


def check_arguments(module: AnsibleModule) -> None:
    path, file, content = (module.params[key] for key in ("path", "file", "content"))
    if module.params["confirm"] is not None and not 0 < module.params["confirm"] <= MAX_CONFIRM:
        module.fail_json(msg=f"confirm: {module.params['confirm']} is not between 1 and {MAX_CONFIRM} seconds")
    if module.params["confirm"] is not None and os.path.isfile(path):
        module.fail_json(msg=f"confirm: {path} is a file; only a configuration directory can be restored")
    if file is not None and (os.path.basename(file) != file or not file.endswith(SUFFIXES)):
        module.fail_json(msg=f"file: {file!r} is not the name of a YAML file; it must end in .yml or .yaml")
    if module.params["state"] == "absent":
        if file is None or content is not None:
            module.fail_json(msg="state=absent needs file and takes no content")
    elif file is not None and content is None:
        module.fail_json(msg="file needs content")
    if file is None and content is not None and os.path.isdir(path):
        module.fail_json(msg=f"{path} is a directory; name the file in it with the option file")
    directory = path if file is not None else os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(directory):
        if not module.check_mode:
            module.fail_json(msg=f"the directory {directory} does not exist")
        module.warn(f"{directory} does not exist yet, so neither the configuration nor its effect could be checked")
        module.exit_json(
            changed=module.params["state"] == "present", plan=[], others=[], drops=[], purged=[], file_changed=False
        )


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "file": {"type": "str"},
            # It may hold secrets, although files of their own are the better place for them.
            "content": {"type": "str", "no_log": True},
            "state": {
                "type": "str",
                "choices": ["present", "absent", "checkpoint", "confirmed"],
                "default": "present",
            },
            "purge": {"type": "bool", "default": False},
            # Whether, and where; not which.
            "keep_secrets": {"type": "bool", "default": False, "no_log": False},
            "prune_file": {"type": "str"},
            "prune_keep": {"type": "list", "elements": "str", "default": []},
            "confirm": {"type": "int"},
            "restart_command": {"type": "str"},
            # Whether, not which.
            "expect_keys": {"type": "bool", "default": False, "no_log": False},
            "binary": {"type": "path", "default": "/opt/ikeengine/current/bin/ikeengine"},
            "timeout": {"type": "int", "default": 60},
            **socket_spec(),
        },
        add_file_common_args=True,
        supports_check_mode=True,
        required_if=[("state", "checkpoint", ["confirm"])],
    )
    if module.params["state"] in ("checkpoint", "confirmed"):
        try_or_keep(module)
    check_arguments(module)
    params = module.params
    wants_purge = params["purge"] and params["file"] and params["content"] is not None
    obsolete = siblings(params["path"], params["file"], params["content"]) if wants_purge else []
    candidate = Candidate(
        params["path"],
        params["file"],
        wanted_content(params),
        absent=params["state"] == "absent",
        obsolete=obsolete,
        pruned=pruned_file(params),
    )
    with candidate:
        manager = ConfigManager(module, candidate)
        manager.prepare()
        plan = manager.plan() if manager.validate() else NOTHING
        result: t.Dict[str, t.Any] = {"diff": manager.diff(plan)} if module._diff else {}
        file_changed = manager.changes_content
        changed = manager.settle_attributes()
        if manager.changes_content or not plan.is_empty:
            changed = True
            if not module.check_mode:
                plan = manager.apply()
    module.exit_json(
        changed=changed,
        plan=plan.connections,
        others=plan.others,
        drops=plan.drops,
        purged=obsolete,
        file_changed=file_changed,
        **result,
    )


if __name__ == "__main__":
    main()
