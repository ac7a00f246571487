# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why a negotiation failed, and what to do about it. Private to the collection.

ikeengine keeps a structured record of every failure (command C(failures)). strongSwan only logs; there the log lines
of the attempt are searched for the words that charon uses.
"""

from __future__ import annotations

import typing as t

from ansible_collections.keymesh.ike.plugins.module_utils._vici import Message, ViciError, ViciSession

Data = t.Dict[str, t.Any]

KEYS = ("alert", "side", "phase", "reason", "peer", "nearest", "advice")
"""Texts of a record, besides the lists C(offered) and C(accepted)."""

# Words in charon's log, the alert they stand for, and the advice. The first match decides.
_SIGNS = (
    (
        "NO_PROPOSAL_CHOSEN notify, no CHILD_SA built",
        "proposal-mismatch-child",
        "The peer has no such Child SA, or no ESP proposal in common; compare children and esp_proposals on both hosts.",
    ),
    (
        "NO_PROPOSAL_CHOSEN",
        "proposal-mismatch-ike",
        "Both ends must have one proposal in common; compare the proposals of this connection on both hosts.",
    ),
    (
        "TS_UNACCEPTABLE",
        "ts-mismatch",
        "local_ts of one end must match remote_ts of the other; compare the traffic selectors on both hosts.",
    ),
    (
        "AUTHENTICATION_FAILED",
        "peer-auth-failed",
        "The peer refused our credentials, or does not know our identity; compare identities, keys and certificates.",
    ),
    (
        "AUTH_FAILED",
        "peer-auth-failed",
        "The peer refused our credentials, or does not know our identity; compare identities, keys and certificates.",
    ),
    (
        "MAC mismatched",
        "peer-auth-failed",
        "The pre-shared keys of the two ends differ.",
    ),
    (
        "no shared key found",
        "local-auth-failed",
        "No pre-shared key is loaded for these two identities; compare the identities of the secret with those of the connection.",
    ),
    (
        "no private key found",
        "local-auth-failed",
        "The private key that belongs to the certificate is not loaded.",
    ),
    (
        "no trusted",
        "cert-no-issuer",
        "The certificate of the peer does not lead to a trusted authority; install the CA certificate of the peer.",
    ),
    (
        "giving up after",
        "peer-init-unreachable",
        "The peer does not answer; check its address, that its daemon runs, and that UDP 500 and 4500 are open between the hosts.",
    ),
)


def empty_record(reason: str) -> Data:
    """A record that says no more than C(reason)."""
    record: Data = dict.fromkeys(KEYS, "")
    record.update(reason=reason, offered=[], accepted=[])
    return record


def from_log(reason: str, events: t.Sequence[Message]) -> Data:
    """A record from the C(control-log) events of a failed command."""
    record = empty_record(reason)
    lines = [event.get("msg", "") for event in events]
    for sign, alert, advice in _SIGNS:
        line = next((line for line in reversed(lines) if sign in line), None)
        if line is not None:
            record.update(reason=f"{reason}: {line}", alert=alert, advice=advice)
            return record
    return record


def from_engine(reason: str, section: Message) -> Data:
    """A record from ikeengine."""
    record = empty_record(reason)
    record.update({key: section[key] for key in KEYS if section.get(key)})
    record.update(offered=section.get("offered", []), accepted=section.get("accepted", []))
    return record


def explain(session: ViciSession, name: str, reason: str, events: t.Sequence[Message]) -> Data:
    """The best record that there is for a failure of the connection C(name)."""
    try:
        answer = session.request("failures", {"connection": name})
    except ViciError:
        return from_log(reason, events)
    # Numbered from 1, the latest first.
    latest = answer.get("failures", {}).get("1")
    return from_engine(reason, latest) if latest else from_log(reason, events)
