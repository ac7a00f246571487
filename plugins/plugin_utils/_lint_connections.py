# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether both ends of a tunnel describe the same one. Private to the collection. Pure functions."""

from __future__ import annotations

import ipaddress
import typing as t

from ansible_collections.keymesh.ike.plugins.plugin_utils._lint_findings import Data, Policy, finding, of_hosts
from ansible_collections.keymesh.ike.plugins.plugin_utils._lint_pairs import End, Pairs
from ansible_collections.keymesh.ike.plugins.plugin_utils._switches import is_off, is_on

Findings = t.Iterator[Data]
_SMALLEST_IPV6 = 1280
_SMALLEST = 576


def check(pairs: Pairs, policy: Policy) -> Findings:
    """Selectors, identities, authentication, versions, modes, who starts, who watches, and sizes."""
    if pairs.other is not None:
        yield from _mirrored(pairs, pairs.one, pairs.other)
        yield from _proven(pairs, pairs.one, pairs.other)
        yield from _same(pairs, pairs.one, pairs.other)
        yield from _awake(pairs, pairs.one, pairs.other, policy)
    yield from _fragmentation(pairs)
    yield from _mtu(pairs)


def _mirrored(pairs: Pairs, one: End, other: End) -> Findings:
    for end, peer in ((one, other), (other, one)):
        ours, theirs = _selectors(end.child.get("local_ts")), _selectors(peer.child.get("remote_ts"))
        if set(ours) == set(theirs):
            continue
        common = _common(ours, theirs)
        yield finding(
            "warning" if common else "error",
            "selectors-mirror",
            pairs.hosts,
            ", ".join(
                dict.fromkeys(
                    (
                        end.variable("child", "local_ts", "ike_subnets"),
                        peer.variable("child", "remote_ts", "ike_subnets"),
                    )
                )
            ),
            f"for {end.who}, the networks behind it are {', '.join(ours)}, but for the other end {', '.join(theirs)}; "
            + ("the tunnel would be for what they have in common" if common else "they have nothing in common"),
            "leave local_ts and remote_ts to ike_subnets",
            pairs.count,
        )


def _selectors(value: t.Any) -> t.List[str]:
    items = value.split(",") if isinstance(value, str) else value or ()
    return [str(item).strip() for item in items]


def _common(ours: t.Sequence[str], theirs: t.Sequence[str]) -> bool:
    """Whether some networks overlap. What is no plain network, such as C(dynamic), gets the benefit of the doubt."""
    try:
        networks = [[ipaddress.ip_network(text) for text in texts] for texts in (ours, theirs)]
    except ValueError:
        return True
    return any(a.version == b.version and a.overlaps(b) for a in networks[0] for b in networks[1])


def _proven(pairs: Pairs, one: End, other: End) -> Findings:
    for end, peer in ((one, other), (other, one)):
        for key, rule, variable, what in (
            ("id", "identity-mismatch", "ike_id", "the identity"),
            ("auth", "auth-mismatch", "ike_auth", "the authentication"),
        ):
            ours, expected = end.connection["local"].get(key), peer.connection["remote"].get(key)
            if ours != expected:
                yield finding(
                    "error",
                    rule,
                    pairs.hosts,
                    variable,
                    f"{what} of {end.who} is {ours}, but {peer.who} expects {expected}",
                    f"set {variable} where both ends read it, in the inventory",
                    pairs.count,
                )


def _same(pairs: Pairs, one: End, other: End) -> Findings:
    versions = [str(end.connection.get("version", 2)) for end in (one, other)]
    if versions[0] != versions[1] and "0" not in versions:
        yield finding(
            "error",
            "version-mismatch",
            pairs.hosts,
            one.variable("connection", "version", other.variable("connection", "version", "ike_meshes: version")),
            f"IKEv{versions[0]} is spoken at {one.who}, but IKEv{versions[1]} at {other.who}",
            "set version for the mesh, not for one host",
            pairs.count,
        )
    modes = [str(end.child.get("mode", "tunnel")) for end in (one, other)]
    if modes[0] != modes[1]:
        yield finding(
            "error",
            "mode-mismatch",
            pairs.hosts,
            one.variable("child", "mode", other.variable("child", "mode", "mode")),
            f"the mode of {one.who} is {modes[0]}, that of {other.who} is {modes[1]}",
            "set mode as an option child of the mesh, not for one host",
            pairs.count,
        )


def _awake(pairs: Pairs, one: End, other: End, policy: Policy) -> Findings:
    actions = [str(end.child.get("start_action", "none")) for end in (one, other)]
    keeps = [is_on(end.child.get("keep_up")) for end in (one, other)]
    if all(action in ("none", "") for action in actions) and not any(keeps):
        yield finding(
            "warning",
            "nobody-starts",
            pairs.hosts,
            one.variable("child", "start_action", other.variable("child", "start_action", "start_action")),
            f"neither {one.who} nor {other.who} starts the tunnel, and no packet does",
            "set start_action to start or trap at one end",
            pairs.count,
        )
    if all(str(end.connection.get("dpd_delay", 0)) in ("0", "0s") for end in (one, other)) and not any(keeps):
        yield finding(
            policy.dpd_off,
            "dpd-off",
            pairs.hosts,
            one.variable("connection", "dpd_delay", "tunnels_connection_options.dpd_delay"),
            f"neither {one.who} nor {other.who} notices when the other end is gone",
            "set dpd_delay, for instance to 30s",
            pairs.count,
        )


def _fragmentation(pairs: Pairs) -> Findings:
    choices = {end.who: str(end.connection.get("fragmentation", "yes")) for end in pairs.ends}
    off = [end for end in pairs.ends if is_off(end.connection.get("fragmentation", "yes"))]
    if not off:
        return
    variable = off[0].variable("connection", "fragmentation", "fragmentation")
    if "force" in choices.values():
        yield finding(
            "error",
            "fragmentation",
            pairs.hosts,
            variable,
            f"{off[0].who} does not understand fragments of IKE messages, but the other end is forced to send them",
            "set fragmentation to yes at both ends",
            pairs.count,
        )
    elif pairs.auth == "cert":
        yield of_hosts(
            "warning",
            "fragmentation",
            off[0].hosts,
            variable,
            "certificates are sent without IKE fragmentation, and many networks lose fragments of IP",
            "set fragmentation to yes",
        )


def _mtu(pairs: Pairs) -> Findings:
    sizes = []
    for end in pairs.ends:
        try:
            sizes.append(int(end.child.get("mtu") or 0))
        except (TypeError, ValueError):
            yield _bad_mtu(
                end, f"{end.child['mtu']!r} is not a number of octets", "write a number, such as 1400"
            )
            return
    ipv6 = any(":" in selector for selector in _selectors(pairs.one.child.get("local_ts")))
    smallest = _SMALLEST_IPV6 if ipv6 else _SMALLEST
    for end, size in zip(pairs.ends, sizes):
        if 0 < size < smallest:
            family = "IPv6 (RFC 8200)" if ipv6 else "IPv4"
            yield _bad_mtu(end, f"{size} octets are less than {family} needs", f"set it to {smallest} or more")
    if len(set(sizes)) > 1 and all(sizes):
        yield finding(
            "warning",
            "mtu",
            pairs.hosts,
            pairs.one.variable("child", "mtu", "mtu"),
            f"packets inside of the tunnel may have {sizes[0]} octets at {pairs.ends[0].who}, but {sizes[1]} at {pairs.ends[1].who}",
            "set mtu as an option child of the mesh",
            pairs.count,
        )


def _bad_mtu(end: End, problem: str, remedy: str) -> Data:
    variable = end.variable("child", "mtu", "mtu")
    return of_hosts("error", "mtu", end.hosts, variable, problem, remedy)
