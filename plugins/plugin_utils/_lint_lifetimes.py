# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether keys are replaced in time. Private to the collection. Pure functions."""

from __future__ import annotations

import typing as t

from ansible_collections.keymesh.ike.plugins.module_utils._duration import seconds
from ansible_collections.keymesh.ike.plugins.plugin_utils._lint_findings import Data, Policy, finding, of_hosts
from ansible_collections.keymesh.ike.plugins.plugin_utils._lint_pairs import End, Pairs

Findings = t.Iterator[Data]

_HOUR = 3600
_DAY = 24 * _HOUR
_DEFAULTS = {"connection": 4 * _HOUR, "child": _HOUR}
_SHORTEST = {"connection": 300, "child": 120}
_LONGEST = {"connection": _DAY, "child": 8 * _HOUR}
_SA = {"connection": "the IKE SA", "child": "the Child SA"}


class Times(t.NamedTuple):
    """When an end replaces its SAs, and when the Child SA ends, in seconds. 0 is never."""

    ike: int
    child: int
    life: int


def check(pairs: Pairs, policy: Policy) -> Findings:
    """Lifetimes of each end, and of both together."""
    times = []
    for end in pairs.ends:
        broken = list(_unreadable(pairs, end))
        yield from broken
        if broken:
            return
        times.append(_times(end))
    for end, own in zip(pairs.ends, times):
        yield from _alone(pairs, end, own, policy)
    yield from _together(pairs, times)


def _unreadable(pairs: Pairs, end: End) -> Findings:
    for kind, option in (
        ("connection", "rekey_time"),
        ("connection", "reauth_time"),
        ("child", "rekey_time"),
        ("child", "life_time"),
    ):
        section = end.connection if kind == "connection" else end.child
        try:
            seconds(str(section.get(option, 0)))
        except ValueError as error:
            variable = end.variable(kind, option, option)
            yield of_hosts("error", "option-invalid", end.hosts, variable, str(error), "correct it")


def _times(end: End) -> Times:
    """The values with ikeengine's defaults."""
    reauth = seconds(str(end.connection.get("reauth_time", 0)))
    rekey = seconds(str(end.connection.get("rekey_time", 0 if reauth else _DEFAULTS["connection"])))
    child = seconds(str(end.child.get("rekey_time", _DEFAULTS["child"])))
    life = seconds(str(end.child.get("life_time", child + child // 10)))
    return Times(_first(rekey, reauth), child, life)


def _first(*moments: int) -> int:
    """The first of the moments that come at all."""
    return min((moment for moment in moments if moment), default=0)


def _alone(pairs: Pairs, end: End, times: Times, policy: Policy) -> Findings:
    def about(severity: str, rule: str, kind: str, option: str, message: str, remedy: str) -> Data:
        variable = end.variable(kind, option, f"{OPTIONS_OF[kind]}.{option}")
        return of_hosts(severity, rule, end.hosts, variable, message, remedy)

    if times.child and 0 < times.life <= times.child:
        message = f"the Child SA ends after {times.life} s, but would be rekeyed after {times.child} s"
        yield about("error", "lifetime-order", "child", "life_time", message, "make life_time longer than rekey_time")
    for kind, moment in (("connection", times.ike), ("child", times.child)):
        if 0 < moment < _SHORTEST[kind]:
            message = f"{_SA[kind]} is rekeyed each {moment} s"
            yield about("warning", "lifetime-short", kind, "rekey_time", message, "make rekey_time longer")
        if moment > _LONGEST[kind] or not moment:
            message = f"{_SA[kind]} is " + (f"rekeyed only after {moment} s" if moment else "never rekeyed from here")
            remedy = f"set rekey_time to {_LONGEST[kind] // _HOUR}h or less"
            yield about(policy.lifetime_long, "lifetime-long", kind, "rekey_time", message, remedy)


OPTIONS_OF = {"connection": "tunnels_connection_options", "child": "tunnels_child_options"}


def _together(pairs: Pairs, times: t.Sequence[Times]) -> Findings:
    who = " and ".join(dict.fromkeys(end.who for end in pairs.ends))
    end = pairs.one
    rekey, life = _first(*(one.child for one in times)), _first(*(one.life for one in times))
    if life and (not rekey or life <= rekey) and not any(0 < one.life <= one.child for one in times):
        when = f"rekeys it only after {rekey} s" if rekey else "ever rekeys it"
        yield finding(
            "error",
            "lifetime-expiry",
            pairs.hosts,
            end.variable("child", "life_time", end.variable("child", "rekey_time", "tunnels_child_options.rekey_time")),
            f"between {who}, the Child SA ends after {life} s, and {'one end' if rekey else 'no end'} {when}",
            "set rekey_time at one end to less than the shortest life_time",
            pairs.count,
        )
    ike = _first(*(one.ike for one in times))
    if ike and rekey and ike < rekey:
        yield finding(
            "warning",
            "lifetime-ike",
            pairs.hosts,
            end.variable("connection", "rekey_time", "tunnels_connection_options.rekey_time"),
            f"between {who}, the IKE SA is rekeyed after {ike} s, earlier than the Child SA, which is after {rekey} s",
            "make rekey_time of the connection at least as long as that of the child",
            pairs.count,
        )
