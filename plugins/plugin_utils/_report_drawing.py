# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The drawing of a mesh as SVG: nodes on a circle, hubs inside, tunnels coloured by state. Private to the collection."""

from __future__ import annotations

import math
import typing as t
from html import escape

Data = t.Dict[str, t.Any]
Point = t.Tuple[float, float]

_RADIUS = 340.0
_FEW, _MANY = 6, 16
"""Up to so many nodes, tunnels carry their round-trip time; from so many on, labels stand along the radius."""
_FINE = 150
"""Of more tunnels than that, those that work are mere lines, which the script completes."""
_WORST_LAST = ("ok", "one_sided", "failed", "down")
WORDS = {"ok": "works", "one_sided": "works, tested from one end", "failed": "fails", "down": "down"}


def drawing(report: Data) -> str:
    """The picture. Tunnels and nodes carry their names in data-tunnel and data-node."""
    nodes, tunnels = report["nodes"], report["tunnels"]
    places = _places(nodes)
    ordered = sorted(tunnels, key=lambda tunnel: (_WORST_LAST.index(tunnel["state"]), tunnel["name"]))
    plain = [tunnel for tunnel in ordered if tunnel["state"] == "ok"] if len(tunnels) > _FINE else []
    parts = [_plain(plain, places, len(nodes))] if plain else []
    parts += [_tunnel(tunnel, places, len(nodes), len(tunnels)) for tunnel in ordered[len(plain) :]]
    if len(nodes) <= _FEW:
        parts += [_time(tunnel, places) for tunnel in ordered]
    parts += [_node(node, places[node["name"]], len(nodes)) for node in nodes]
    return f'<svg viewBox="{_box(nodes, places)}" role="group" aria-label="Drawing of the mesh">{"".join(parts)}</svg>'


def _box(nodes: t.Sequence[Data], places: t.Mapping[str, Point]) -> str:
    """What is drawn, with room for the names."""
    room = 12 + (9.5 if len(nodes) > _MANY else 6.5) * max((len(node["name"]) for node in nodes), default=0)
    wide, high = max(room, 50.0), room + 20 if len(nodes) > _MANY else 76.0
    xs, ys = zip(*(places.values() or [(0.0, 0.0)]))
    left, top = min(xs) - wide, min(ys) - high
    return f"{left:.0f} {top:.0f} {max(xs) + wide - left:.0f} {max(ys) + high - top:.0f}"


def _places(nodes: t.Sequence[Data]) -> t.Dict[str, Point]:
    hubs = [node["name"] for node in nodes if node["hub"]]
    outer = [node["name"] for node in nodes if not node["hub"]]
    inner_radius = 0.0 if len(hubs) == 1 else _RADIUS * 0.34
    return {**_circle(outer or hubs, _RADIUS), **(_circle(hubs, inner_radius) if outer else {})}


def _circle(names: t.Sequence[str], radius: float) -> t.Dict[str, Point]:
    """From the top, clockwise; two stand side by side."""
    start = math.pi if len(names) == 2 else -math.pi / 2
    angles = [start + 2 * math.pi * index / len(names) for index in range(len(names))]
    return {name: (radius * math.cos(angle), radius * math.sin(angle)) for name, angle in zip(names, angles)}


def _plain(tunnels: t.Sequence[Data], places: t.Mapping[str, Point], nodes: int) -> str:
    """Lines in the order of the names."""
    paths = "".join(f'<path d="{_path(one, places, nodes, 0)}"/>' for one in tunnels)
    return f'<g class="plain">{paths}</g>'


def _path(tunnel: Data, places: t.Mapping[str, Point], nodes: int, digits: int = 1) -> str:
    (x1, y1), (x2, y2) = (places[host] for host in tunnel["hosts"])
    # In a large mesh lines through the middle would be one spot; a bend towards it keeps neighbours apart.
    bend = 0.0 if nodes <= _MANY else 0.35
    middle = ((x1 + x2) / 2 * (1 - bend), (y1 + y2) / 2 * (1 - bend))
    start, bent, end = (f"{x:.{digits}f} {y:.{digits}f}" for x, y in ((x1, y1), middle, (x2, y2)))
    return f"M{start}Q{bent} {end}"


def _tunnel(tunnel: Data, places: t.Mapping[str, Point], nodes: int, tunnels: int) -> str:
    path = _path(tunnel, places, nodes)
    size = "thick" if nodes <= _FEW else "fine" if tunnels > _FINE else "medium"
    name, state = escape(tunnel["name"]), tunnel["state"]
    label = f"{' to '.join(map(escape, tunnel['hosts']))}: {WORDS[state]}"
    focus = ' tabindex="0" role="button"' if tunnels <= 60 or state in ("down", "failed") else ""
    return (
        f'<g class="tunnel {size} {state}" data-tunnel="{name}"{focus} aria-label="{label}"><title>{label}</title>'
        f'<path class="hit" d="{path}"/><path class="line" d="{path}"/></g>'
    )


def _time(tunnel: Data, places: t.Mapping[str, Point]) -> str:
    """The round-trip time in the middle of a line, or what is wrong with it."""
    times = [one["milliseconds"] for one in tunnel["directions"] if one["milliseconds"] is not None]
    text = WORDS[tunnel["state"]] if tunnel["problems"] else f"{max(times):.1f} ms" if times else ""
    if not text:
        return ""
    (x1, y1), (x2, y2) = (places[host] for host in tunnel["hosts"])
    # Not in the very middle, where the diagonals of a square cross.
    x, y = x1 + (x2 - x1) * 0.42, y1 + (y2 - y1) * 0.42
    width = 9.2 * len(text) + 22
    return (
        f'<g class="time {tunnel["state"]}" aria-hidden="true"><rect x="{x - width / 2:.1f}" y="{y - 16:.1f}" '
        f'width="{width:.1f}" height="32" rx="16"/><text x="{x:.1f}" y="{y + 5.5:.1f}">{escape(text)}</text></g>'
    )


def _node(node: Data, place: Point, count: int) -> str:
    x, y = place
    radius = (30 if count <= _FEW else 20 if count <= _MANY else 10) * (1.35 if node["hub"] else 1)
    kinds = ["node", "hub" if node["hub"] else "", "" if node["managed"] else "foreign"]
    kinds.append("bad" if node["failing"] or not (node["reached"] or not node["managed"]) else "")
    if node["hub"]:
        corners = [(radius * math.cos(math.pi / 3 * k), radius * math.sin(math.pi / 3 * k)) for k in range(6)]
        points = " ".join(f"{x + dx:.1f},{y + dy:.1f}" for dx, dy in corners)
        shape = f'<polygon class="shape" points="{points}"/>'
    else:
        shape = f'<circle class="shape" cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}"/>'
    glyph = _glyph(x, y, radius) if count <= _MANY else ""
    name, label = escape(node["name"]), escape(_describe(node))
    return (
        f'<g class="{" ".join(filter(None, kinds))}" data-node="{name}" tabindex="0" role="button" aria-label="{label}">'
        f"<title>{label}</title>{shape}{glyph}{_label(name, place, radius, count, node['hub'])}</g>"
    )


def _describe(node: Data) -> str:
    words = [node["name"], *(["hub"] if node["hub"] else []), *([] if node["managed"] else ["not managed from here"])]
    words.append(f"{node['tunnels']} tunnels" if node["tunnels"] != 1 else "1 tunnel")
    if node["failing"]:
        words.append(f"{node['failing']} of them without working traffic")
    if node["managed"] and not node["reached"]:
        words.append("gave no results")
    return ", ".join(words)


def _glyph(x: float, y: float, radius: float) -> str:
    """A small gateway: two arrows through a wall."""
    a, b = radius * 0.42, radius * 0.16
    return (
        f'<path class="glyph" d="M{x - a:.1f} {y - b:.1f}h{2 * a:.1f}m{-b:.1f} {-b:.1f}l{b:.1f} {b:.1f}l{-b:.1f} {b:.1f}'
        f'M{x + a:.1f} {y + 1.4 * b:.1f}h{-2 * a:.1f}m{b:.1f} {-b:.1f}l{-b:.1f} {b:.1f}l{b:.1f} {b:.1f}"/>'
    )


def _label(name: str, place: Point, radius: float, count: int, hub: bool) -> str:
    x, y = place
    distance = math.hypot(x, y)
    if count <= _MANY or hub:
        below = y >= -1 or hub
        return f'<text class="name" x="{x:.1f}" y="{y + (radius + 27 if below else -radius - 13):.1f}">{name}</text>'
    angle = math.degrees(math.atan2(y, x))
    flipped = abs(angle) > 90
    px, py = x * (1 + (radius + 9) / distance), y * (1 + (radius + 9) / distance)
    turn = angle + 180 if flipped else angle
    return (
        f'<text class="name small" text-anchor="{"end" if flipped else "start"}" dominant-baseline="central" '
        f'transform="translate({px:.1f} {py:.1f}) rotate({turn:.1f})">{name}</text>'
    )
