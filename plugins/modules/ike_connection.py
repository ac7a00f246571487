#!/usr/bin/python
# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ike_connection
short_description: Load or unload one connection of a running daemon
version_added: 0.2.0
description:
  - Makes a running daemon have one connection with its Child SAs, or not have it. Works with ikeengine and with strongSwan.
  - The connection lives in the daemon's memory only. It is gone when the daemon is restarted, and so it is for tests, for partners of a day, and
    for strongSwan hosts that are configured by other means. The configuration that stays is that of M(keymesh.ike.ike_config).
  - Connections of ikeengine's configuration file are refused, because the next reload would bring back what the file says.
  - When the connection changes, strongSwan leaves its SAs as they were negotiated; M(keymesh.ike.ike_sa) with O(keymesh.ike.ike_sa#module:reauth=true)
    makes new ones. ikeengine closes the SAs that the change concerns.
author:
  - keymesh.ike contributors (@keymesh)
extends_documentation_fragment:
  - keymesh.ike._attributes
  - keymesh.ike._attributes.actiongroup_ike
  - keymesh.ike._attributes.platform_linux
  - keymesh.ike._socket
attributes:
  check_mode:
    support: full
    details:
      - The daemon alone can say whether it accepts O(config), so check mode does not find errors in it.
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - The daemon tells only a part of a connection, so the module remembers in O(record_dir) what it has loaded. A connection that it finds without
        having loaded it is loaded once more.
      - The daemon does not tell secrets. O(secrets) are loaded each time, and are a change only if there was none of that name.
options:
  name:
    description:
      - Name of the connection.
    type: str
    required: true
    aliases:
      - ike
  state:
    description:
      - V(present) loads the connection unless it is loaded like that.
      - V(absent) unloads it, closes its SAs unless O(close_sas=false), and unloads O(secrets).
    type: str
    choices:
      - present
      - absent
    default: present
  config:
    description:
      - The section of the connection, with the names of C(swanctl.conf), such as C(remote_addrs), C(proposals), C(local), C(remote) and C(children).
        Needed with O(state=present).
      - Lists may be lists or texts with commas. C(certs), C(cacerts) and C(pubkeys) are absolute paths of files on the target.
      - Options that the daemon does not know are errors.
    type: dict
  secrets:
    description:
      - Pre-shared keys to load, by a name that is unique in the daemon.
      - With O(state=absent), only the names matter.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the secret in the daemon.
        type: str
        required: true
      secret:
        description:
          - The key as text, or V(0x) and hexadecimal digits, or V(0s) and Base64, as in C(swanctl.conf).
          - Needed with O(state=present).
        type: str
      id:
        description: The identities that the key is for. When empty, for all.
        type: list
        elements: str
        default: []
  close_sas:
    description:
      - With O(state=absent), close the SAs of the connection.
    type: bool
    default: true
  record_dir:
    description:
      - Directory on the target for what was loaded, without secrets. It should not survive a reboot.
    type: path
    default: /run/keymesh.ike
  timeout:
    description:
      - How many seconds the daemon may take for each step.
    type: int
    default: 30
seealso:
  - module: keymesh.ike.ike_connection_info
  - module: keymesh.ike.ike_config
  - module: keymesh.ike.ike_sa
"""

EXAMPLES = r"""
- name: A strongSwan host knows the partner
  keymesh.ike.ike_connection:
    name: partner
    socket: /run/charon.vici
    config:
      version: 2
      local_addrs: [192.0.2.1]
      remote_addrs: [198.51.100.7]
      proposals: [aes256gcm16-prfsha384-x25519]
      local: {auth: psk, id: gw1.example.com}
      remote: {auth: psk, id: partner.example.net}
      children:
        net:
          local_ts: [10.1.0.0/16]
          remote_ts: [10.9.0.0/16]
          esp_proposals: [aes256gcm16-x25519]
          start_action: trap
    secrets:
      - name: ike-partner
        secret: "{{ vaulted_partner_key }}"
        id: [gw1.example.com, partner.example.net]

- name: The partner is gone, with SAs and secret
  keymesh.ike.ike_connection:
    name: partner
    socket: /run/charon.vici
    state: absent
    secrets:
      - name: ike-partner
"""

RETURN = r"""
connection:
  description:
    - The connection as the daemon tells it, an item of RV(keymesh.ike.ike_connection_info#module:connections). V(none) if there is none.
    - In check mode, the connection as it is, not as it would be.
  type: dict
  returned: success
actions:
  description: What was done, or would be done in check mode.
  type: list
  elements: str
  returned: success
  sample: [loaded the secret ike-partner, loaded the connection partner]
"""

import base64
import binascii
import hashlib
import json
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.keymesh.ike.plugins.module_utils._argspec import socket_spec
from ansible_collections.keymesh.ike.plugins.module_utils._connection import (
    ConfigProblem,
    as_message,
    connection,
    listing,
    loaded_names,
)
from ansible_collections.keymesh.ike.plugins.module_utils._record import Record
from ansible_collections.keymesh.ike.plugins.module_utils._sa import list_sas
from ansible_collections.keymesh.ike.plugins.module_utils._vici import (
    Message,
    ViciCommandFailed,
    ViciError,
    ViciSession,
    encode,
)

SECRET = {
    "name": {"type": "str", "required": True},
    "secret": {"type": "str", "no_log": True},
    "id": {"type": "list", "elements": "str", "default": []},
}
SPEC = {
    "name": {"type": "str", "required": True, "aliases": ["ike"]},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "config": {"type": "dict"},
    # The keys in it are secret, their names are not.
    "secrets": {"type": "list", "elements": "dict", "options": SECRET, "default": [], "no_log": False},
    "close_sas": {"type": "bool", "default": True},
    "record_dir": {"type": "path", "default": "/run/keymesh.ike"},
    "timeout": {"type": "int", "default": 30},
    **socket_spec(),
}


def octets(secret: str) -> bytes:
    """The octets of a key as swanctl.conf writes it. Raises ValueError."""
    if secret.startswith("0x"):
        return bytes.fromhex(secret[2:])
    if secret.startswith("0s"):
        return base64.b64decode(secret[2:], validate=True)
    return secret.encode()


class ConnectionManager:
    """Makes the daemon have, or not have, one connection and its secrets."""

    def __init__(self, module: AnsibleModule, session: ViciSession) -> None:
        self.module = module
        self.params = module.params
        self.session = session
        self.record = Record(self.params["record_dir"], self.params["socket"], self.params["name"])
        self.actions: t.List[str] = []
        self.before: t.Optional[t.Dict[str, t.Any]] = None

    @property
    def name(self) -> str:
        return self.params["name"]

    def present(self) -> None:
        message = as_message(self.params["config"])
        digest = hashlib.sha256(encode(message)).hexdigest()
        known = self.raw()
        self.refuse_files(known)
        self.before = self.remembered(known)
        self.load_secrets()
        record = self.record.read()
        if known is not None and record and record["listing"] == known and record["digest"] == digest:
            return
        if self.begin(f"loaded the connection {self.name}"):
            self.session.request("load-conn", {self.name: message})
            # What JSON makes of it is what the next run reads.
            self.record.write(json.loads(json.dumps(self.params["config"])), digest, self.raw() or {})

    def absent(self) -> None:
        known = self.raw()
        self.refuse_files(known)
        self.before = self.remembered(known)
        if known is not None and self.begin(f"unloaded the connection {self.name}"):
            self.session.request("unload-conn", {"name": self.name})
            self.record.forget()
        if self.params["close_sas"]:
            self.close_sas()
        self.unload_secrets()

    def raw(self) -> t.Optional[Message]:
        """The connection as the daemon tells it."""
        return dict(listing(self.session, self.name)).get(self.name)

    def remembered(self, known: t.Optional[Message]) -> t.Optional[t.Dict[str, t.Any]]:
        """What the diff shows as before: what was loaded, or else what the daemon tells of it."""
        if known is None:
            return None
        record = self.record.read()
        return record["wanted"] if record and record["listing"] == known else connection(self.name, known, True)

    def refuse_files(self, known: t.Optional[Message]) -> None:
        if known is not None and self.name not in loaded_names(self.session):
            self.module.fail_json(
                msg=f"the connection {self.name} comes from the daemon's configuration file and would come back with the"
                " next reload; change it there, with ike_config"
            )

    def load_secrets(self) -> None:
        there = self.secret_names() if self.params["secrets"] else set()
        for secret in self.params["secrets"]:
            name = secret["name"]
            if name not in there:
                self.actions.append(f"loaded the secret {name}")
            if not self.module.check_mode:
                data = octets(secret["secret"])
                self.session.request("load-shared", {"id": name, "type": "IKE", "data": data, "owners": secret["id"]})

    def unload_secrets(self) -> None:
        there = self.secret_names() if self.params["secrets"] else set()
        for secret in self.params["secrets"]:
            if secret["name"] in there and self.begin(f"unloaded the secret {secret['name']}"):
                self.session.request("unload-shared", {"id": secret["name"]})

    def secret_names(self) -> t.Set[str]:
        return set(self.session.request("get-shared").get("keys", []))

    def close_sas(self) -> None:
        sas = [sa for sa in list_sas(self.session, self.name) if sa["name"] == self.name and sa["state"] != "DELETING"]
        if not sas or not self.begin(f"closed {len(sas)} SA{'s' if len(sas) > 1 else ''} of {self.name}"):
            return
        for sa in sas:
            try:
                timeout = self.params["timeout"]
                self.session.request("terminate", {"ike-id": sa["unique_id"], "timeout": timeout * 1000}, timeout + 5)
            except ViciCommandFailed:
                # The peer did not answer, or the daemon closed the SA with the connection.
                if any(one["unique_id"] == sa["unique_id"] for one in list_sas(self.session, self.name)):
                    self.session.request("terminate", {"ike-id": sa["unique_id"], "force": True, "timeout": -1})

    def begin(self, action: str) -> bool:
        """Note what is done. Whether it is done for real."""
        self.actions.append(action)
        return not self.module.check_mode

    def diff(self) -> t.Dict[str, t.Any]:
        after = self.params["config"] if self.params["state"] == "present" else None
        header = f"connection {self.name} of {self.params['socket']}"
        return {
            "before": "" if self.before is None else pretty(self.before),
            "after": "" if after is None else pretty(after),
            "before_header": header,
            "after_header": header,
        }


def pretty(section: t.Mapping[str, t.Any]) -> str:
    return json.dumps(section, indent=2, sort_keys=True) + "\n"


def check_arguments(module: AnsibleModule) -> None:
    if module.params["state"] == "absent":
        return
    if not module.params["config"]:
        module.fail_json(msg="state=present needs config, the section of the connection")
    for secret in module.params["secrets"]:
        if secret["secret"] is None:
            module.fail_json(msg=f"secrets: {secret['name']} has no secret, which state=present needs")
        try:
            octets(secret["secret"])
        except (ValueError, binascii.Error):
            module.fail_json(msg=f"secrets: {secret['name']} begins with 0x or 0s, but is not hexadecimal or Base64")


def main() -> None:
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    check_arguments(module)
    params = module.params
    try:
        with ViciSession(params["socket"], params["timeout"]) as session:
            manager = ConnectionManager(module, session)
            getattr(manager, params["state"])()
            now = manager.raw()
    except (ViciError, ConfigProblem) as error:
        module.fail_json(msg=f"{params['name']}: {error}")
    except OSError as error:
        module.fail_json(msg=f"record_dir: {error}; set become, or another record_dir")
    result: t.Dict[str, t.Any] = {"diff": manager.diff()} if module._diff and manager.actions else {}
    module.exit_json(
        changed=bool(manager.actions),
        actions=manager.actions,
        connection=None if now is None else connection(params["name"], now, True),
        **result,
    )


if __name__ == "__main__":
    main()
