# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a verification found, from what was measured. Private to the collection. Pure functions."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.keymesh.ike.plugins.plugin_utils._mesh import CHILD

Data = t.Dict[str, t.Any]

_UP = ("INSTALLED", "REKEYING")
_COUNTS = re.compile(r"(\d+) packets transmitted, (\d+) (?:packets )?received")
_TIMES = re.compile(r"= [\d.]+/([\d.]+)/")


def tunnel_results(
    tunnels: t.Sequence[Data], before: t.Sequence[Data], pings: t.Sequence[Data], after: t.Sequence[Data]
) -> t.List[Data]:
    """One judgement for each tunnel.

    C(before) and C(after) are the SAs around the pings, as ike_sa_info returns them; C(pings) are the results of the
    ping command, in the order of C(tunnels).
    """
    return [_judge(tunnel, before, ping, after) for tunnel, ping in zip(tunnels, pings)]


def _judge(tunnel: Data, before: t.Sequence[Data], ping: Data, after: t.Sequence[Data]) -> Data:
    sent, received, milliseconds = parse_ping(ping.get("stdout", ""))
    established = bool(_children(tunnel["name"], after))
    through = _packets_between(tunnel["name"], before, after)
    result: Data = {
        "name": tunnel["name"],
        "peer": tunnel["peer"],
        "established": established,
        "sent": sent,
        "received": received,
        "milliseconds": milliseconds,
        "packets_in_tunnel": through,
    }
    problem = _problem(tunnel, result, ping)
    return dict(result, ok=not problem, problem=problem)


def _problem(tunnel: Data, result: Data, ping: Data) -> str:
    """What is wrong, in one sentence; empty if nothing is."""
    name, target = tunnel["name"], tunnel["remote"]["probe_address"]
    if not result["established"]:
        return f"{name}: there is no Child SA"
    if result["sent"] == 0:
        return f"{name}: ping did not run: {ping.get('stderr') or ping.get('msg') or 'no output'}".strip()
    if result["received"] == 0:
        return f"{name}: no answer from {target} to {result['sent']} pings"
    if result["received"] < result["sent"]:
        return f"{name}: only {result['received']} of {result['sent']} pings to {target} were answered"
    if result["packets_in_tunnel"] == 0:
        return f"{name}: {target} answers, but not through the tunnel"
    return ""


def parse_ping(text: str) -> t.Tuple[int, int, t.Optional[float]]:
    """Packets sent and received, and the average time in milliseconds, from the output of ping."""
    counts, times = _COUNTS.search(text), _TIMES.search(text)
    if counts is None:
        return 0, 0, None
    return int(counts.group(1)), int(counts.group(2)), float(times.group(1)) if times else None


def _children(name: str, sas: t.Sequence[Data]) -> t.List[Data]:
    return [
        child
        for sa in sas
        if sa["name"] == name
        for child in sa["children"]
        if child["name"] == CHILD and child["state"] in _UP
    ]


def _packets_between(name: str, before: t.Sequence[Data], after: t.Sequence[Data]) -> int:
    """Packets that came in between. A rekeying may have replaced an SA meanwhile, so only what is there now counts."""
    old = _packets_in(name, before)
    return sum(packets - old.get(number, 0) for number, packets in _packets_in(name, after).items())


def _packets_in(name: str, sas: t.Sequence[Data]) -> t.Dict[int, int]:
    return {child["unique_id"]: child["packets_in"] for sa in sas if sa["name"] == name for child in sa["children"]}


def tunnel_matrix(results: t.Mapping[str, t.Sequence[Data]]) -> t.List[str]:
    """A table with a row for each host and a column for each peer: the ping time, C(FAIL), or C(-) for no tunnel."""
    hosts = sorted(results)
    peers = sorted({result["peer"] for found in results.values() for result in found} | set(hosts))
    cells = {(host, result["peer"]): _cell(result) for host, found in results.items() for result in found}
    rows = [["from \\ to", *peers]]
    rows += [[host, *(cells.get((host, peer), "-") for peer in peers)] for host in hosts]
    widths = [max(len(row[column]) for row in rows) for column in range(len(peers) + 1)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    failures = [f"{host}: {result['problem']}" for host in hosts for result in results[host] if not result["ok"]]
    count = sum(len(found) for found in results.values())
    return [*lines, f"{count - len(failures)} of {count} directions work", *failures]


def _cell(result: Data) -> str:
    if not result["ok"]:
        return "FAIL"
    return f"{result['milliseconds']:.1f} ms" if result["milliseconds"] is not None else "ok"
