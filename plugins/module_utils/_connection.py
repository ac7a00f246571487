# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Connections as swanctl.conf writes them, as C(load-conn) wants them and as C(list-conns) tells them.

Private to the collection.
"""

from __future__ import annotations

import typing as t

from ansible_collections.keymesh.ike.plugins.module_utils._vici import Message, ViciSession

Data = t.Dict[str, t.Any]

LISTS = (
    "local_addrs",
    "remote_addrs",
    "proposals",
    "vips",
    "pools",
    "groups",
    "cert_policy",
    "ah_proposals",
    "esp_proposals",
    "local_ts",
    "remote_ts",
)
"""Options that are lists in VICI, whether or not there is only one value."""
FILES = ("certs", "cacerts", "pubkeys")
"""Options that name files; VICI wants what is in them."""


class ConfigProblem(ValueError):
    """A connection that cannot be sent. The text names the option."""


def as_message(section: t.Mapping[str, t.Any], path: str = "config") -> Message:
    """A section for C(load-conn): lists where VICI wants them, and the content of files. Raises ConfigProblem."""
    message: Message = {}
    for key, value in section.items():
        where = f"{path}.{key}"
        if value is None:
            continue
        if isinstance(value, dict):
            message[key] = as_message(value, where)
        elif key in FILES:
            message[key] = [_content(str(file), where) for file in _items(value)]
        elif key in LISTS:
            message[key] = _items(value)
        elif isinstance(value, (list, tuple)):
            message[key] = [str(item) for item in value]
        else:
            message[key] = value
    return message


def _items(value: t.Any) -> t.List[str]:
    """swanctl.conf separates the items of a list by commas."""
    if isinstance(value, (list, tuple)):
        return [str(item) for item in value]
    return [part.strip() for part in str(value).split(",") if part.strip()]


def _content(file: str, where: str) -> bytes:
    if not file.startswith("/"):
        raise ConfigProblem(f"{where}: {file!r} is not an absolute path of a file on the target")
    try:
        with open(file, "rb") as source:
            return source.read()
    except OSError as error:
        raise ConfigProblem(f"{where}: {file}: {error.strerror}") from error


def list_connections(session: ViciSession, name: t.Optional[str] = None) -> t.List[Data]:
    """All connections of the daemon, or the one of that name, ordered by name."""
    own = loaded_names(session)
    return sorted((connection(key, raw, key in own) for key, raw in listing(session, name)), key=lambda one: one["name"])


def listing(session: ViciSession, name: t.Optional[str] = None) -> t.List[t.Tuple[str, Message]]:
    """What C(list-conns) tells, as it is."""
    events = session.stream("list-conns", "list-conn", {"ike": name})
    return [(key, section) for event in events for key, section in event.items() if name in (None, key)]


def loaded_names(session: ViciSession) -> t.Set[str]:
    """The connections that came over the control socket."""
    return set(session.request("get-conns").get("conns", []))


def connection(name: str, section: Message, loaded: bool) -> Data:
    """One connection. All keys are always there."""
    children = section.get("children", {})
    return {
        "name": name,
        "source": "vici" if loaded else "file",
        "version": section.get("version"),
        "local_addrs": section.get("local_addrs", []),
        "remote_addrs": section.get("remote_addrs", []),
        "rekey_time": _number(section, "rekey_time"),
        "reauth_time": _number(section, "reauth_time"),
        "dpd_delay": _number(section, "dpd_delay"),
        "unique": section.get("unique"),
        "local": _rounds(section, "local"),
        "remote": _rounds(section, "remote"),
        "children": [_child(key, children[key]) for key in sorted(children)],
    }


def _rounds(section: Message, side: str) -> t.List[Data]:
    """The rounds of authentication; strongSwan numbers them."""
    keys = sorted(key for key in section if key == side or key.startswith(side + "-"))
    return [
        {
            "auth": section[key].get("class"),
            "id": section[key].get("id"),
            "groups": section[key].get("groups", []),
            "certs": section[key].get("certs", []),
            "cacerts": section[key].get("cacerts", []),
        }
        for key in keys
    ]


def _child(name: str, section: Message) -> Data:
    return {
        "name": name,
        "mode": section.get("mode"),
        "local_ts": section.get("local-ts", []),
        "remote_ts": section.get("remote-ts", []),
        "rekey_time": _number(section, "rekey_time"),
        "rekey_bytes": _number(section, "rekey_bytes"),
        "rekey_packets": _number(section, "rekey_packets"),
        "dpd_action": section.get("dpd_action"),
        "close_action": section.get("close_action"),
    }


def _number(section: Message, key: str) -> int:
    """strongSwan leaves out what is zero."""
    try:
        return int(section[key])
    except (KeyError, ValueError):
        return 0
