# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Drift: inventory, configuration files, loaded connections and SAs of one host compared. Private to the collection. Pure functions.

What was read, as the tasks of the role C(tunnels) hand it over:
  C(running)   the result of ike_sa_info
  C(disk)      the result of ike_config in check mode: what the daemon would do with its own files
  C(wanted)    the same with the files as the inventory wants them
  C(failures)  the records of failed negotiations (ikeengine explain)
  C(versions)  C(tool), C(daemon) and C(release), the version that the collection brings
"""

from __future__ import annotations

import typing as t

from ansible_collections.keymesh.ike.plugins.plugin_utils._algorithms import fits
from ansible_collections.keymesh.ike.plugins.plugin_utils._management import NAME as MANAGEMENT

Data = t.Dict[str, t.Any]

_IKE_UP = ("ESTABLISHED", "REKEYING")
_CHILD_UP = ("INSTALLED", "REKEYING")
_DIFFERENT = ("child", "replace")


def lost_tunnels(before: Data, after: Data) -> t.List[str]:
    """The tunnels, C(CONNECTION/CHILD), that were up before and are configured still, but are down. Both are results of ike_sa_info."""
    return sorted(set(after.get("down", [])) & up_tunnels(before.get("sas", [])))


def up_tunnels(sas: t.Iterable[Data]) -> t.Set[str]:
    """The tunnels that carry traffic."""
    return {f"{sa['name']}/{child['name']}" for sa in sas for child in sa["children"] if child["state"] in _CHILD_UP}


def host_drift(
    tunnels: t.Sequence[Data],
    running: Data,
    disk: Data,
    wanted: Data,
    failures: t.Sequence[Data] = (),
    versions: t.Optional[Data] = None,
) -> Data:
    """What one host has and should have: C(tunnels), one entry each, C(problems) of the host, and C(drift), whether there are any."""
    if "sas" not in running:
        problem = f"the daemon does not answer: {running.get('msg') or 'no reason given'}"
        return {"drift": True, "problems": [problem], "tunnels": [_unknown(tunnel) for tunnel in tunnels]}
    problems = [*_version_problems(versions or {}), *_file_problems(disk, wanted)]
    entries = _Comparison(tunnels, running, disk, wanted, failures).entries()
    drift = bool(problems) or any(entry["problems"] for entry in entries)
    return {"drift": drift, "problems": problems, "tunnels": entries}


def drift_table(hosts: t.Mapping[str, Data]) -> t.List[str]:
    """All hosts as a table, and below it what is wrong."""
    rows = [("host", "tunnel", "inventory", "file", "daemon", "SA", "up for", "")]
    for host in sorted(hosts):
        rows += [_row(host, entry) for entry in hosts[host]["tunnels"]]
        if not hosts[host]["tunnels"]:
            rows.append((host, "-", "", "", "", "", "", _verdict(hosts[host]["problems"])))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip() for row in rows]
    found = [f"{host}: {problem}" for host in sorted(hosts) for problem in all_problems(hosts[host])]
    return [*lines, "", *found] if found else [*lines, "", "no drift"]


def all_problems(host: Data) -> t.List[str]:
    """Everything that is wrong with a host, in sentences."""
    return [*host["problems"], *(f"{one['name']}: {text}" for one in host["tunnels"] for text in one["problems"])]


class _Comparison:
    """One entry for each connection that is in the inventory, in a file, or in the daemon."""

    def __init__(
        self, tunnels: t.Sequence[Data], running: Data, disk: Data, wanted: Data, failures: t.Sequence[Data]
    ) -> None:
        self.tunnels = {tunnel["name"]: tunnel for tunnel in tunnels}
        self.is_readable = "plan" in disk
        self.disk = {entry["connection"]: entry for entry in disk.get("plan", [])}
        self.wanted = {entry["connection"]: entry for entry in wanted.get("plan", [])}
        self.loaded = {one["name"] for one in running["connections"]}
        self.children_down = set(running.get("down", []))
        self.sas = running["sas"]
        self.failures = failures

    def entries(self) -> t.List[Data]:
        names = {*self.tunnels, *self.disk, *self.loaded, *(sa["name"] for sa in self.sas)} - {MANAGEMENT}
        return [self._entry(name) for name in sorted(names)]

    def _entry(self, name: str) -> Data:
        sas = [sa for sa in self.sas if sa["name"] == name and sa["state"] in _IKE_UP]
        children = [child for sa in sas for child in sa["children"] if child["state"] in _CHILD_UP]
        ages = [sa["age"] for sa in sas if sa.get("age") is not None]
        down = sorted(child for child in self.children_down if child.partition("/")[0] == name)
        entry: Data = {
            "name": name,
            "peer": self.tunnels[name]["peer"] if name in self.tunnels else "",
            "inventory": name in self.tunnels,
            "file": self.disk.get(name, {"action": "remove"})["action"] != "remove" if self.is_readable else None,
            "loaded": name in self.loaded,
            "up": bool(children),
            "up_for": max(ages) if children and ages else None,
            "down": down,
            "down_for": self._down_for(name) if down else None,
            "proposals": sorted({sa["proposal"] for sa in [*sas, *children] if sa.get("proposal")}),
        }
        return dict(entry, problems=[*self._place(entry), *self._options(name), *self._state(entry, sas, children)])

    def _place(self, entry: Data) -> t.Iterator[str]:
        """Where it is and should not be, or the other way round."""
        name = entry["name"]
        if entry["file"] is None:
            return
        leaves = self.wanted.get(name, {}).get("action") == "remove"
        if entry["inventory"] and not entry["file"]:
            yield "is in the inventory, but not configured; run site_to_site"
        if entry["file"] and not entry["inventory"] and leaves:
            yield "is configured, but not in the inventory; site_to_site removes it"
        if entry["loaded"] and not entry["file"]:
            yield "is loaded, but in no file: it came over the control socket, or its file is gone; the next reload removes the latter"
        if entry["file"] and not entry["loaded"]:
            yield "is configured, but not loaded; run site_to_site, or reload the daemon"

    def _options(self, name: str) -> t.Iterator[str]:
        """The daemon differs from its files, or the files differ from the inventory."""
        disk, wanted = self.disk.get(name, {}), self.wanted.get(name, {})
        if disk.get("action") in _DIFFERENT:
            yield f"runs with other options than its file: {_details(disk)}"
        elif wanted.get("action") in _DIFFERENT:
            yield f"was changed by hand, or the inventory was changed since: {_details(wanted)}"

    def _state(self, entry: Data, sas: t.Sequence[Data], children: t.Sequence[Data]) -> t.Iterator[str]:
        if entry["down"]:
            since = "" if entry["down_for"] is None else f" for at least {_duration(entry['down_for'])}"
            reason = next((one.get("reason") for one in self.failures if one.get("connection") == entry["name"]), "")
            yield f"is down{since}" + (f": {reason}" if reason else "")
        if not entry["inventory"]:
            return
        proposal = self.tunnels[entry["name"]]["proposal"]
        for kind, used in (("ike", sas), ("esp", children)):
            for suite in sorted({str(sa["proposal"]) for sa in used if not fits(sa.get("proposal"), proposal[kind])}):
                yield f"uses {suite}, which is none of {', '.join(proposal[kind])}; rekey it"

    def _down_for(self, name: str) -> t.Optional[int]:
        """The age of the oldest failure on record: since then at least it is down."""
        ages = [int(one["age"]) for one in self.failures if one.get("connection") == name and one.get("age")]
        return max(ages) if ages else None


def _version_problems(versions: Data) -> t.Iterator[str]:
    tool, daemon, release = (versions.get(key) for key in ("tool", "daemon", "release"))
    if tool and daemon and tool != daemon:
        yield f"the daemon is version {daemon}, but {tool} is installed; restart it"
    if tool and release and tool != release:
        yield f"version {tool} is installed, the collection brings {release}; run site_to_site"


def _file_problems(disk: Data, wanted: Data) -> t.Iterator[str]:
    if "plan" not in disk:
        yield f"the configuration files are broken: {disk.get('msg')}"
    elif "plan" not in wanted:
        yield f"the inventory does not give a valid configuration: {wanted.get('msg')}"
    for line in disk.get("others", []):
        yield f"the daemon differs from its files: {line}"
    for name in wanted.get("purged", []):
        yield f"{name} is left over from an earlier run; site_to_site removes it"
    entries = [*wanted.get("plan", []), *disk.get("plan", [])]
    if wanted.get("file_changed") and all(entry["action"] == "unchanged" for entry in entries):
        yield "the file of the tunnels was changed by hand, without effect on them"


def _unknown(tunnel: Data) -> Data:
    entry: Data = dict.fromkeys(("file", "loaded", "up", "up_for", "down_for"))
    return dict(entry, name=tunnel["name"], peer=tunnel["peer"], inventory=True, down=[], proposals=[], problems=[])


def _row(host: str, entry: Data) -> t.Tuple[str, ...]:
    marks = [_mark(entry[key]) for key in ("inventory", "file", "loaded")]
    state = "?" if entry["up"] is None else "up" if entry["up"] else "DOWN" if entry["down"] else "-"
    age = "" if entry["up_for"] is None else _duration(entry["up_for"])
    return (host, entry["name"], *marks, state, age, _verdict(entry["problems"]))


def _mark(value: t.Optional[bool]) -> str:
    return "?" if value is None else "yes" if value else "no"


def _verdict(problems: t.Sequence[str]) -> str:
    return "DRIFT" if problems else ""


def _details(entry: Data) -> str:
    return "; ".join(entry["details"]) or entry["action"]


def _duration(seconds: int) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
