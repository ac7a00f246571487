# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.keymesh.ike.plugins.module_utils import _failure
from ansible_collections.keymesh.ike.plugins.module_utils._vici import ViciSession
from ansible_collections.keymesh.ike.tests.unit.plugins.fake_daemon import FakeDaemon


def log(*lines: str) -> list:
    return [{"msg": line} for line in lines]


@pytest.mark.parametrize(
    ("line", "alert"),
    [
        ("received NO_PROPOSAL_CHOSEN notify error", "proposal-mismatch-ike"),
        ("received NO_PROPOSAL_CHOSEN notify, no CHILD_SA built", "proposal-mismatch-child"),
        ("received TS_UNACCEPTABLE notify, no CHILD_SA built", "ts-mismatch"),
        ("received AUTHENTICATION_FAILED notify error", "peer-auth-failed"),
        ("no shared key found for 'a' - 'b'", "local-auth-failed"),
        ("no trusted ECDSA public key found for 'b'", "cert-no-issuer"),
        ("giving up after 5 retransmits", "peer-init-unreachable"),
    ],
)
def test_words_of_charon_are_recognised(line: str, alert: str) -> None:
    record = _failure.from_log("establishing failed", log("initiating", line, "destroying"))
    assert record["alert"] == alert
    assert record["reason"] == f"establishing failed: {line}"
    assert record["advice"]


def test_other_words_leave_the_reason_alone() -> None:
    record = _failure.from_log("establishing failed", log("something else"))
    assert (record["reason"], record["alert"], record["advice"]) == ("establishing failed", "", "")


def test_the_records_of_ikeengine_are_better_than_the_log(daemon: FakeDaemon) -> None:
    daemon.failures = {
        "alert": "ts-mismatch",
        "side": "peer",
        "phase": "IKE_AUTH response",
        "reason": "the peer refused our traffic selectors",
        "offered": ["10.1.0.0/16 === 10.2.0.0/16"],
        "advice": "compare local_ts",
    }
    with ViciSession(daemon.socket) as session:
        record = _failure.explain(session, "a--b", "failed", log("received NO_PROPOSAL_CHOSEN notify error"))
    assert record == {
        "alert": "ts-mismatch",
        "side": "peer",
        "phase": "IKE_AUTH response",
        "reason": "the peer refused our traffic selectors",
        "peer": "",
        "nearest": "",
        "offered": ["10.1.0.0/16 === 10.2.0.0/16"],
        "accepted": [],
        "advice": "compare local_ts",
    }
    assert daemon.requests[-1] == ("failures", {"connection": "a--b"})


def test_all_records_have_the_same_keys(daemon: FakeDaemon) -> None:
    keys = _failure.empty_record("").keys()
    assert _failure.from_log("", log("TS_UNACCEPTABLE")).keys() == keys
    assert _failure.from_engine("", {"alert": "x", "age": "3"}).keys() == keys
    with ViciSession(daemon.socket) as session:
        assert _failure.explain(session, "a--b", "failed", []).keys() == keys
    daemon.failures = {}
    with ViciSession(daemon.socket) as session:
        assert _failure.explain(session, "a--b", "failed", [])["reason"] == "failed"
