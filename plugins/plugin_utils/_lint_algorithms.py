# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the algorithms of both ends agree, and are strong enough. Private to the collection. Pure functions."""

from __future__ import annotations

import typing as t

from ansible_collections.keymesh.ike.plugins.plugin_utils import _lint_proposals, _proposals
from ansible_collections.keymesh.ike.plugins.plugin_utils._lint_findings import Data, Policy, finding, of_hosts
from ansible_collections.keymesh.ike.plugins.plugin_utils._lint_pairs import End, Pairs

Findings = t.Iterator[Data]
_PFS = "add a key exchange to each ESP proposal, such as aes256gcm16-x25519"


def check(pairs: Pairs, policy: Policy) -> Findings:
    """Proposals of both kinds, perfect forward secrecy, weak algorithms."""
    broken = list(_syntax(pairs))
    yield from broken
    if broken:
        return
    if pairs.other is not None:
        yield from _ike(pairs, pairs.one, pairs.other)
        yield from _esp(pairs, pairs.one, pairs.other)
    for end in pairs.ends:
        yield from _weak(pairs, end, policy)
        yield from _pfs_missing(pairs, end, policy)


def proposals(end: End, kind: str) -> t.Tuple[str, ...]:
    """The proposals of an end for C(ike) or C(esp). Options may write a list as a text with commas."""
    value = end.connection.get("proposals") if kind == "ike" else end.child.get("esp_proposals")
    items = value.split(",") if isinstance(value, str) else value or ()
    return tuple(str(item).strip() for item in items)


def variable(end: End, kind: str) -> str:
    """Where they come from."""
    section, option = ("connection", "proposals") if kind == "ike" else ("child", "esp_proposals")
    return end.variable(section, option, "ike_proposal")


def _syntax(pairs: Pairs) -> Findings:
    for end in pairs.ends:
        for kind in ("ike", "esp"):
            for text in proposals(end, kind):
                for problem in _proposals.problems(kind, text, allow_weak=True):
                    yield of_hosts(
                        "error",
                        "proposal-syntax",
                        end.hosts,
                        variable(end, kind),
                        f"{problem}",
                        "correct it",
                    )


def _both(end: End, other: End, kind: str) -> str:
    names = dict.fromkeys(variable(one, kind) for one in (end, other))
    return ", ".join(names)


def _lists(one: End, other: End, kind: str) -> str:
    ours, theirs = (", ".join(proposals(end, kind)) for end in (one, other))
    return f"{ours} at {one.who}, but {theirs} at {other.who}"


def _ike(pairs: Pairs, one: End, other: End) -> Findings:
    match = _lint_proposals.nearest("ike", proposals(one, "ike"), proposals(other, "ike"))
    if match is not None and match.differing:
        yield finding(
            "error",
            "ike-proposal-mismatch",
            pairs.hosts,
            _both(one, other, "ike"),
            f"no IKE proposal in common: {_lists(one, other, 'ike')}; {match}",
            "set ike_proposal for the whole mesh, and remove what overrides it for one host",
            pairs.count,
        )


def _esp(pairs: Pairs, one: End, other: End) -> Findings:
    match = _lint_proposals.nearest("esp", proposals(one, "esp"), proposals(other, "esp"))
    if match is None or not match.differing:
        return
    where = _both(one, other, "esp")
    if match.differing != ["ke"]:
        yield finding(
            "error",
            "esp-proposal-mismatch",
            pairs.hosts,
            where,
            f"no ESP proposal in common: {_lists(one, other, 'esp')}; {match}",
            "set ike_proposal for the whole mesh, and remove what overrides it for one host",
            pairs.count,
        )
        return
    yield finding(
        "error",
        "pfs-mismatch",
        pairs.hosts,
        where,
        f"the key exchange of Child SAs differs: {_lists(one, other, 'esp')}; the tunnel would come up, and fail at the first rekeying",
        "give both ends the same key exchange in their ESP proposals, or both none",
        pairs.count,
    )


def _weak(pairs: Pairs, end: End, policy: Policy) -> Findings:
    for kind in ("ike", "esp"):
        # The mesh itself was refused if it had weak algorithms without allowing them.
        allowed = {word for text in end.mesh["proposal"][kind] for word in _proposals.weak(text)}
        words = dict.fromkeys(word for text in proposals(end, kind) for word in _proposals.weak(text))
        bad, tolerated = [[w for w in words if (w in allowed) is wanted] for wanted in (False, True)]
        if bad:
            yield of_hosts(
                policy.weak,
                "weak-algorithm",
                end.hosts,
                variable(end, kind),
                f"the {kind.upper()} proposals offer {', '.join(bad)}, which is weak, and the mesh {end.mesh['name']} does not allow it",
                "take another algorithm, or set ike_proposal and allow_weak: true for the mesh",
            )
        if tolerated:
            yield of_hosts(
                policy.weak_allowed,
                "weak-allowed",
                end.hosts,
                variable(end, kind),
                f"the {kind.upper()} proposals offer {', '.join(tolerated)}, which is weak; the mesh {end.mesh['name']} allows it",
                "replace the peers that need it",
            )


def _pfs_missing(pairs: Pairs, end: End, policy: Policy) -> Findings:
    without = [text for text in proposals(end, "esp") if not _lint_proposals.has_key_exchange(text)]
    if without:
        yield of_hosts(
            policy.pfs_missing,
            "pfs-missing",
            end.hosts,
            variable(end, "esp"),
            f"{', '.join(without)} has no key exchange, so who learns the keys of the IKE SA can read all its Child SAs",
            _PFS,
        )
