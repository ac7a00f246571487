# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The verification of a mesh as one HTML page that needs nothing else. Private to the collection. Pure functions."""

from __future__ import annotations

import typing as t
from html import escape

from ansible_collections.keymesh.ike.plugins.plugin_utils._report_assets import SCRIPT, STYLE
from ansible_collections.keymesh.ike.plugins.plugin_utils._report_drawing import WORDS, drawing
from ansible_collections.keymesh.ike.plugins.plugin_utils._report_mesh import STATES
from ansible_collections.keymesh.ike.plugins.plugin_utils._report_pack import as_text, pack

Data = t.Dict[str, t.Any]

_WRITTEN = 150
"""Rows of the table that are there without the script too, the bad ones first. It makes the others."""
_HEXAGON = '<svg class="hex" viewBox="0 0 16 14" aria-hidden="true"><polygon class="shape" points="4,0 12,0 16,7 12,14 4,14 0,7"/></svg>'


def page(report: Data, title: str = "VPN verification") -> str:
    """The page. Everything that comes from hosts is escaped."""
    tunnels = _in_order(report)
    # JSON escapes all but ASCII.
    data = as_text(pack(tunnels)).replace("<", "\\u003c")
    name = escape(title)
    policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{name}: {_verdict(report)}</title>
<style>{STYLE}</style>
</head>
<body>
<a class="skip" href="#tunnels">To the table</a>
<header>
<h1>{name}</h1>
<p class="when">{escape(_when(report))}</p>
<p class="verdict {"ok" if report["ok"] else "bad"}">{"✓" if report["ok"] else "✗"} {_verdict(report)}</p>
{_tiles(report)}
</header>
<main>
{_problems(report)}
<div class="split">
<section class="card" id="drawing" aria-labelledby="drawing-title">
<h2 id="drawing-title">Mesh</h2>
{drawing(report)}
{_legend(report)}
</section>
<section class="card needs-script" aria-labelledby="details-title">
<h2 id="details-title">Tunnel</h2>
<div id="details" aria-live="polite"></div>
</section>
</div>
{_table(report, tunnels)}
</main>
<footer>Written by keymesh.ike.verify. This page is one file and loads nothing.</footer>
<script type="application/json" id="data">{data}</script>
<script>{SCRIPT}</script>
</body>
</html>
"""


def _verdict(report: Data) -> str:
    summary = report["summary"]
    if not summary["directions"]:
        return "nothing was tested"
    return f"{summary['working']} of {summary['directions']} directions work"


def _when(report: Data) -> str:
    meshes = sorted({tunnel["mesh"] for tunnel in report["tunnels"] if tunnel["mesh"]})
    words = [report["time"].replace("T", " ").replace("Z", " UTC"), *([f"mesh {', '.join(meshes)}"] if meshes else [])]
    return " · ".join(word for word in words if word)


def _tiles(report: Data) -> str:
    summary = report["summary"]
    times = [one["milliseconds"] for tunnel in report["tunnels"] for one in tunnel["directions"] if one["milliseconds"] is not None]
    tiles = [("", len(report["nodes"]), "gateways"), ("", summary["tunnels"], "tunnels"), ("ok", summary["ok"], "work")]
    tiles += [(state, summary[state], words) for state, words in (("failed", "fail"), ("down", "down"), ("one_sided", "tested from one end")) if summary[state]]
    if report["missing"]:
        tiles.append(("down", len(report["missing"]), "gateways without results"))
    if times:
        tiles.append(("", f"{max(times):.1f} ms", "slowest round trip"))
    items = "".join(f'<li class="{kind}"><b>{escape(str(number))}</b><span>{words}</span></li>' for kind, number, words in tiles)
    return f'<ul class="tiles">{items}</ul>'


def _problems(report: Data) -> str:
    """Failures first, with the reason and what to do."""
    items = [
        f'<li class="{tunnel["state"]}"><strong>{escape(one["from"])} → {escape(one["peer"])}</strong>'
        f"<span>{escape(_bare(one))}</span><p>{escape(one['advice'])}</p></li>"
        for state in STATES[:2]
        for tunnel in report["tunnels"]
        if tunnel["state"] == state
        for one in tunnel["directions"]
        if not one["ok"]
    ]
    items += [
        f'<li class="down"><strong>{escape(host)}</strong><span>gave no results</span>'
        "<p>Ansible did not reach it, or the play failed there before.</p></li>"
        for host in report["missing"]
    ]
    if not items:
        return ""
    return (
        '<section class="card problems" aria-labelledby="problems-title">'
        f'<h2 id="problems-title">What does not work</h2><ol>{"".join(items)}</ol></section>'
    )


def _bare(result: Data) -> str:
    """The problem without the name of the tunnel, which stands beside it."""
    return str(result["problem"]).removeprefix(f"{result['name']}: ")


def _legend(report: Data) -> str:
    states = [state for state in reversed(STATES) if report["summary"][state]]
    items = [
        f'<li><svg viewBox="0 0 34 12" class="tunnel medium {state}" aria-hidden="true">'
        f'<path class="line" d="M2 6h30"/></svg>{WORDS[state]}</li>'
        for state in states
    ]
    if any(node["hub"] for node in report["nodes"]):
        items.append(f'<li class="hub">{_HEXAGON}hub</li>')
    return f'<ul class="legend">{"".join(items)}</ul>'


def _in_order(report: Data) -> t.List[Data]:
    """The bad ones first."""
    order = {state: number for number, state in enumerate(STATES)}
    return sorted(report["tunnels"], key=lambda tunnel: (order[tunnel["state"]], tunnel["name"]))


def _table(report: Data, tunnels: t.Sequence[Data]) -> str:
    choices = "".join(f'<option value="{state}">{WORDS[state]}</option>' for state in STATES if report["summary"][state])
    heads = "".join(f'<th scope="col">{head}</th>' for head in _COLUMNS)
    return f"""<section class="card" id="tunnels" aria-labelledby="tunnels-title">
<h2 id="tunnels-title">Tunnels</h2>
<div class="tools needs-script">
<label>Filter <input id="filter" type="search" placeholder="host, mesh, algorithm, problem" autocomplete="off"></label>
<label>State <select id="state"><option value="">all</option>{choices}</select></label>
<p id="count" role="status"></p>
</div>
<div class="scroll" role="region" aria-label="Table of tunnels" tabindex="0">
<table><thead><tr>{heads}</tr></thead><tbody>{"".join(map(_row, tunnels[:_WRITTEN]))}</tbody></table>
</div>
{_rest(tunnels)}</section>"""


def _rest(tunnels: t.Sequence[Data]) -> str:
    more = len(tunnels) - _WRITTEN
    return f"<noscript><p>{more} more tunnels are shown with scripts only.</p></noscript>\n" if more > 0 else ""


_COLUMNS = ("Tunnel", "State", "Round trip", "Pings", "MTU", "TCP", "Algorithms", "Age", "Finding")


def _row(tunnel: Data) -> str:
    directions = tunnel["directions"]
    cells = [
        f'<span class="badge {tunnel["state"]}">{WORDS[tunnel["state"]]}</span>',
        _each(directions, lambda one: f"{one['milliseconds']:.1f} ms" if one["milliseconds"] is not None else "–"),
        _each(directions, lambda one: f"{one['received']}/{one['sent']}"),
        _each(directions, lambda one: _mtu(one["mtu"])),
        _each(directions, lambda one: (one["tcp"] or {}).get("result", "–").replace("_", " ")),
        _each(directions, lambda one: (one["child"] or {}).get("proposal") or "–"),
        _each(directions, lambda one: _age((one["child"] or {}).get("age"))),
    ]
    finding = tunnel["problems"] or ([tunnel["note"]] if tunnel["note"] else [])
    name = escape(tunnel["name"])
    tags = "".join(f'<td data-label="{label}">{cell}</td>' for label, cell in zip(_COLUMNS[1:], cells))
    return (
        f'<tr data-tunnel="{name}" data-state="{tunnel["state"]}">'
        f'<th scope="row"><button type="button">{escape(" – ".join(tunnel["hosts"]))}</button></th>{tags}'
        f'<td class="wide" data-label="Finding">{"<br>".join(map(escape, finding)) or "–"}</td></tr>'
    )


def _each(directions: t.Sequence[Data], text: t.Callable[[Data], str]) -> str:
    """One value if both directions have the same, else both."""
    values = list(dict.fromkeys(text(one) for one in directions))
    return escape(" / ".join(values))


def _mtu(mtu: t.Optional[Data]) -> str:
    if not mtu:
        return "–"
    return str(mtu["size"]) if mtu["passed"] else f"{mtu['size']} lost"


def _age(seconds: t.Optional[int]) -> str:
    if seconds is None:
        return "–"
    for unit, length in (("d", 172800), ("h", 7200), ("min", 120)):
        if seconds >= length:
            return f"{seconds // {'d': 86400, 'h': 3600, 'min': 60}[unit]} {unit}"
    return f"{seconds} s"
