# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Security Associations and connections as data. Private to the collection.

VICI tells everything as strings and leaves out what does not apply. Playbooks get numbers, booleans and lists, and
always the same keys.
"""

from __future__ import annotations

import typing as t

from ansible_collections.keymesh.ike.plugins.module_utils._vici import Message, ViciSession

Data = t.Dict[str, t.Any]

IKE_UP = ("ESTABLISHED", "REKEYING")
"""States in which an IKE SA carries traffic for its Child SAs."""
CHILD_UP = ("INSTALLED", "REKEYING")
"""States in which a Child SA protects packets and is not replaced yet."""


def list_sas(session: ViciSession, name: t.Optional[str] = None) -> t.List[Data]:
    """All IKE SAs with their Child SAs, or those of one connection, ordered by name and age.

    Without C(noblock), with which strongSwan leaves out the IKE SAs that it works on at the moment.
    """
    events = session.stream("list-sas", "list-sa", {"ike": name})
    sas = [ike_sa(key, section) for event in events for key, section in event.items()]
    return sorted(sas, key=lambda sa: (sa["name"], sa["unique_id"]))


def list_connections(session: ViciSession, name: t.Optional[str] = None) -> t.List[Data]:
    """All configured connections, or the one of that name, ordered by name."""
    events = session.stream("list-conns", "list-conn", {"ike": name})
    found = [connection(key, section) for event in events for key, section in event.items()]
    return sorted(found, key=lambda one: one["name"])


def ike_sa(name: str, section: Message) -> Data:
    """One IKE SA from a C(list-sa) event."""
    children = [child_sa(key, child) for key, child in section.get("child-sas", {}).items()]
    return {
        "name": name,
        "unique_id": _number(section, "uniqueid"),
        "version": _number(section, "version"),
        "state": section.get("state"),
        "initiator": _flag(section, "initiator"),
        "local_host": section.get("local-host"),
        "local_port": _number(section, "local-port"),
        "local_id": section.get("local-id"),
        "remote_host": section.get("remote-host"),
        "remote_port": _number(section, "remote-port"),
        "remote_id": section.get("remote-id"),
        "initiator_spi": section.get("initiator-spi"),
        "responder_spi": section.get("responder-spi"),
        "nat": [side for side in ("local", "remote", "fake") if _flag(section, "nat-" + side)],
        "proposal": _proposal(section),
        "shared_key": section.get("shared-key"),
        "age": _number(section, "established"),
        "rekey_in": _number(section, "rekey-time"),
        "reauth_in": _number(section, "reauth-time"),
        "tasks": [task for kind in ("active", "passive", "queued") for task in section.get("tasks-" + kind, [])],
        "children": sorted(children, key=lambda child: (child["name"], child["unique_id"])),
    }


def child_sa(key: str, section: Message) -> Data:
    """One Child SA from a C(list-sa) event."""
    return {
        "name": section.get("name", key),
        "unique_id": _number(section, "uniqueid"),
        "reqid": _number(section, "reqid"),
        "state": section.get("state"),
        "mode": section.get("mode"),
        "protocol": section.get("protocol"),
        "encap": _flag(section, "encap"),
        "esn": _flag(section, "esn"),
        "spi_in": section.get("spi-in"),
        "spi_out": section.get("spi-out"),
        "proposal": _proposal(section),
        "bytes_in": _number(section, "bytes-in") or 0,
        "packets_in": _number(section, "packets-in") or 0,
        "idle_in": _number(section, "use-in"),
        "bytes_out": _number(section, "bytes-out") or 0,
        "packets_out": _number(section, "packets-out") or 0,
        "idle_out": _number(section, "use-out"),
        "age": _number(section, "install-time"),
        "rekey_in": _number(section, "rekey-time"),
        "expires_in": _number(section, "life-time"),
        "local_ts": section.get("local-ts", []),
        "remote_ts": section.get("remote-ts", []),
    }


def connection(name: str, section: Message) -> Data:
    """One configured connection from a C(list-conn) event."""
    children = section.get("children", {})
    return {
        "name": name,
        "version": section.get("version"),
        "local_addrs": section.get("local_addrs", []),
        "remote_addrs": section.get("remote_addrs", []),
        "local_id": _first_round(section, "local").get("id"),
        "remote_id": _first_round(section, "remote").get("id"),
        "children": [_child_config(key, children[key]) for key in sorted(children)],
    }


def _child_config(name: str, section: Message) -> Data:
    return {
        "name": name,
        "mode": section.get("mode"),
        "local_ts": section.get("local-ts", []),
        "remote_ts": section.get("remote-ts", []),
    }


def _first_round(section: Message, side: str) -> Message:
    rounds = sorted(key for key in section if key.startswith(side + "-") or key == side)
    return section[rounds[0]] if rounds else {}


def established_sas(sas: t.Iterable[Data], name: t.Optional[str]) -> t.List[Data]:
    """The IKE SAs that are up, of one connection if C(name) is given."""
    return [sa for sa in sas if sa["state"] in IKE_UP and name in (None, sa["name"])]


def established_children(sas: t.Iterable[Data], name: t.Optional[str], child: str) -> t.List[Data]:
    """The Child SAs of that name that are up, in the IKE SAs of one connection if C(name) is given."""
    return [
        one
        for sa in sas
        if name in (None, sa["name"])
        for one in sa["children"]
        if one["name"] == child and one["state"] in CHILD_UP
    ]


def _number(section: Message, key: str) -> t.Optional[int]:
    try:
        return int(section[key])
    except (KeyError, ValueError):
        return None


def _flag(section: Message, key: str) -> bool:
    return section.get(key) in ("yes", "1")


def _proposal(section: Message) -> t.Optional[str]:
    """The algorithms in the form that C(swanctl --list-sas) prints."""
    parts = [
        _with_size(section, "encr-alg", "encr-keysize"),
        _with_size(section, "integ-alg", "integ-keysize"),
        section.get("prf-alg"),
        section.get("dh-group"),
    ]
    parts += [section.get(f"ake{number}") for number in range(1, 8)]
    return "/".join(part for part in parts if part) or None


def _with_size(section: Message, algorithm: str, size: str) -> t.Optional[str]:
    name = section.get(algorithm)
    return f"{name}-{section[size]}" if name and section.get(size) else name
