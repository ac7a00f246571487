# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What IKEv1 cannot do, and what it should not be used for. Private to the collection. Pure functions."""

from __future__ import annotations

import typing as t

from ansible_collections.keymesh.ike.plugins.plugin_utils import _proposals
from ansible_collections.keymesh.ike.plugins.plugin_utils._lint_algorithms import proposals, variable
from ansible_collections.keymesh.ike.plugins.plugin_utils._lint_findings import Data, Policy, finding, of_hosts
from ansible_collections.keymesh.ike.plugins.plugin_utils._lint_pairs import End, Pairs
from ansible_collections.keymesh.ike.plugins.plugin_utils._switches import is_on

Findings = t.Iterator[Data]


def check(pairs: Pairs, policy: Policy) -> Findings:
    """Proposals for another version, Aggressive Mode with a pre-shared key, and IKEv1 where nobody needs it."""
    for end in pairs.ends:
        if version(end) == "1":
            yield from _proposals_of_ikev2(end)
        if version(end) != "2":
            yield from _aggressive(end, policy)
    if pairs.other is not None and version(pairs.one) == version(pairs.other) == "1":
        yield _needless(pairs, policy)


def version(end: End) -> str:
    """The IKE version of an end."""
    return str(end.connection.get("version", 2))


def _proposals_of_ikev2(end: End) -> Findings:
    for kind in ("ike", "esp"):
        for text in proposals(end, kind):
            problem = _proposals.of_ikev2(kind, text)
            if problem:
                yield of_hosts(
                    "error",
                    "ikev1-proposal",
                    end.hosts,
                    variable(end, kind),
                    f"proposal {text}: {problem}",
                    "take a profile for IKEv1, such as legacy_ikev1, or leave version out",
                )


def _aggressive(end: End, policy: Policy) -> Findings:
    if is_on(end.connection.get("aggressive")) and end.connection["local"].get("auth") == "psk":
        yield of_hosts(
            policy.aggressive_psk,
            "aggressive-psk",
            end.hosts,
            end.variable("connection", "aggressive", "aggressive"),
            "Aggressive Mode with a pre-shared key gives a hash of the key to whoever asks, who can then guess it offline",
            "leave aggressive out, or set ike_auth to cert",
        )


def _needless(pairs: Pairs, policy: Policy) -> Data:
    return finding(
        policy.ikev1,
        "ikev1",
        pairs.hosts,
        pairs.one.variable("connection", "version", "ike_meshes: version"),
        "IKEv1 is spoken between two hosts that are both ours, and that could speak IKEv2",
        "leave version out, and keep IKEv1 for peers that are not ours",
        pairs.count,
    )
