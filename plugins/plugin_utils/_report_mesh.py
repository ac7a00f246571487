# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The verification of a whole mesh as data, and as JUnit XML. Private to the collection. Pure functions."""

from __future__ import annotations

import re
import typing as t
from xml.etree import ElementTree

Data = t.Dict[str, t.Any]

STATES = ("down", "failed", "one_sided", "ok")
"""Of a tunnel, the worst first: down (no SA), failed (it does not carry traffic as it should), one_sided (works, but only
one end was asked), ok."""


def mesh_report(results: t.Mapping[str, t.Sequence[Data]], time: str = "", missing: t.Sequence[str] = ()) -> Data:
    """Nodes, tunnels with their directions, and a summary. C(missing) are hosts of the play that gave no results."""
    pairs: t.Dict[str, t.List[Data]] = {}
    for host in sorted(results):
        for result in results[host]:
            pairs.setdefault(result["name"], []).append(result)
    tunnels = [_tunnel(name, pairs[name], missing) for name in sorted(pairs)]
    counts = {state: sum(tunnel["state"] == state for tunnel in tunnels) for state in STATES}
    directions = [direction for tunnel in tunnels for direction in tunnel["directions"]]
    return {
        "time": time,
        "ok": counts["ok"] + counts["one_sided"] == len(tunnels) and not missing,
        "summary": dict(
            counts, tunnels=len(tunnels), directions=len(directions), working=sum(one["ok"] for one in directions)
        ),
        "missing": sorted(missing),
        "nodes": _nodes(tunnels, results, missing),
        "tunnels": tunnels,
    }


def _tunnel(name: str, directions: t.Sequence[Data], missing: t.Sequence[str]) -> Data:
    first = directions[0]
    problems = [one["problem"] for one in directions if not one["ok"]]
    note = ""
    if not first["peer_managed"]:
        note = f"{first['peer']} is not managed from here: only the direction from {first['from']} is tested."
    elif len(directions) == 1:
        why = "was not reached" if first["peer"] in missing else "is not part of this run"
        note = f"{first['peer']} {why}: only the direction from {first['from']} is tested."
    return {
        "name": name,
        "mesh": first["mesh"],
        "hosts": sorted([first["from"], first["peer"]]),
        "state": _state(directions),
        "note": note,
        "problems": problems,
        "directions": list(directions),
    }


def _state(directions: t.Sequence[Data]) -> str:
    if not all(one["established"] for one in directions):
        return "down"
    if not all(one["ok"] for one in directions):
        return "failed"
    return "ok" if len(directions) > 1 else "one_sided"


def _nodes(tunnels: t.Sequence[Data], results: t.Mapping[str, t.Any], missing: t.Sequence[str]) -> t.List[Data]:
    names = sorted({host for tunnel in tunnels for host in tunnel["hosts"]} | set(results) | set(missing))
    degrees = {name: sum(name in tunnel["hosts"] for tunnel in tunnels) for name in names}
    hubs = _hubs(degrees)
    unmanaged = {one["peer"] for tunnel in tunnels for one in tunnel["directions"] if not one["peer_managed"]}
    return [
        {
            "name": name,
            "tunnels": degrees[name],
            "failing": sum(name in tunnel["hosts"] and tunnel["state"] in ("down", "failed") for tunnel in tunnels),
            "hub": name in hubs,
            "managed": name not in unmanaged,
            "reached": name in results,
        }
        for name in names
    ]


def _hubs(degrees: t.Mapping[str, int]) -> t.Set[str]:
    """Those with many more tunnels than most have."""
    ordered = sorted(degrees.values())
    median = ordered[len(ordered) // 2] if ordered else 0
    return {name for name, degree in degrees.items() if degree >= 3 and degree >= 2 * median}


def junit(report: Data) -> str:
    """One test case for each direction, in a suite for each host."""
    root = ElementTree.Element("testsuites", {"name": "keymesh.ike.verify"})
    hosts = sorted(
        {one["from"] for tunnel in report["tunnels"] for one in tunnel["directions"]} | set(report["missing"])
    )
    total = failed = 0
    for host in hosts:
        found = [one for tunnel in report["tunnels"] for one in tunnel["directions"] if one["from"] == host]
        suite = ElementTree.SubElement(root, "testsuite", {"name": host, "errors": "0", "skipped": "0"})
        if report["time"]:
            suite.set("timestamp", report["time"].rstrip("Z"))
        failures = sum(not one["ok"] for one in found) + (host in report["missing"])
        suite.attrib.update(tests=str(len(found) + (host in report["missing"])), failures=str(failures), time="0")
        for one in found:
            _case(suite, one)
        if host in report["missing"]:
            case = ElementTree.SubElement(
                suite, "testcase", {"classname": f"ike.{host}", "name": "reached", "time": "0"}
            )
            ElementTree.SubElement(case, "failure", {"message": f"{host} was not reached", "type": "Missing"})
        total, failed = total + int(suite.attrib["tests"]), failed + failures
    root.attrib.update(tests=str(total), failures=str(failed), errors="0", time="0")
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _case(suite: ElementTree.Element, result: Data) -> None:
    seconds = (result["milliseconds"] or 0) / 1000
    name = f"{result['from']} to {result['peer']}"
    attributes = {"classname": f"ike.{result['name']}", "name": name, "time": f"{seconds:.6f}"}
    case = ElementTree.SubElement(suite, "testcase", attributes)
    if not result["ok"]:
        kind = "Down" if not result["established"] else "Failed"
        failure = ElementTree.SubElement(case, "failure", {"message": _printable(result["problem"]), "type": kind})
        failure.text = _printable(result["advice"])


def _printable(text: str) -> str:
    """XML 1.0 has no place for control characters."""
    return re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", text)
