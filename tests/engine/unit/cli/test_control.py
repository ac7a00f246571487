from __future__ import annotations

import json
from typing import Any

import pytest

LOG = [
    ("control-log", {"group": "IKE", "level": 1, "msg": "initiating IKE_SA site-b[1] to 192.0.2.2"}),
    ("control-log", {"group": "CHD", "level": 1, "msg": "CHILD_SA net{1} established"}),
]


def test_initiate_shows_the_log_and_the_result(daemon: Any, run: Any) -> None:
    daemon.answers["initiate"] = (LOG, {"success": "yes"})
    outcome = run("initiate", "--child", "net", "--ike", "site-b")
    assert outcome.code == 0
    assert outcome.err == ("[IKE] initiating IKE_SA site-b[1] to 192.0.2.2\n[CHD] CHILD_SA net{1} established\n")
    assert outcome.out == "child net: established\n"
    assert daemon.requests == [
        ("initiate", {"child": b"net", "ike": b"site-b", "timeout": b"60000", "loglevel": b"1"}),
    ]


def test_quiet_and_json_show_no_log(daemon: Any, run: Any) -> None:
    daemon.answers["initiate"] = (LOG, {"success": "yes"})
    assert run("initiate", "--ike", "site-b", "-q").err == ""
    outcome = run("initiate", "--ike", "site-b", "--json")
    assert (json.loads(outcome.out), outcome.err) == ({"success": True}, "")


def test_a_failure_is_explained_on_stderr(daemon: Any, run: Any) -> None:
    answer = {
        "success": "no",
        "errmsg": "establishing CHILD_SA 'net' failed",
        "reason": "the peer refused our identity",
        "side": "peer",
        "phase": "IKE_AUTH request",
        "advice": "compare the ids of both sides",
    }
    daemon.answers["initiate"] = ((), answer)
    outcome = run("initiate", "--child", "net")
    assert outcome.code == 1
    assert outcome.out == ""
    assert outcome.err == (
        "A negotiation without a matching connection failed\n"
        "  what        the peer refused our identity\n"
        "  whose side  the peer refused\n"
        "  where       IKE_AUTH request\n"
        "  advice      compare the ids of both sides\n"
        "ikeengine: establishing CHILD_SA 'net' failed\n"
    )
    failed = json.loads(run("initiate", "--child", "net", "--json").out)
    assert failed == {**answer, "success": False}


def test_a_failure_without_a_record_has_its_message(daemon: Any, run: Any) -> None:
    daemon.answers["terminate"] = ((), {"success": "no", "errmsg": "no matching SAs to terminate found"})
    outcome = run("terminate", "--ike", "site-b")
    assert (outcome.code, outcome.err) == (1, "ikeengine: no matching SAs to terminate found\n")
    daemon.answers["terminate"] = ((), {"success": "no"})
    assert "does not say why" in run("terminate", "--ike", "site-b").err


@pytest.mark.parametrize(
    ("arguments", "message", "out"),
    [
        (("terminate", "--child-id", "7", "--force"), {"child-id": b"7", "force": b"yes"}, "child #7: closed\n"),
        (("terminate", "--ike-id", "3"), {"ike-id": b"3"}, "IKE SA #3: closed\n"),
        (("rekey", "--child", "net"), {"child": b"net"}, "child net: rekeyed\n"),
        (("rekey", "--ike", "b", "--reauth"), {"ike": b"b", "reauth": b"yes"}, "connection b: rekeyed\n"),
    ],
)
def test_terminate_and_rekey(
    daemon: Any, run: Any, arguments: tuple[str, ...], message: dict[str, bytes], out: str
) -> None:
    daemon.answers |= {"terminate": ((), {"success": "yes"}), "rekey": ((), {"success": "yes"})}
    assert run(*arguments).out == out
    assert daemon.requests == [(arguments[0], message | {"timeout": b"60000", "loglevel": b"1"})]


def test_not_waiting(daemon: Any, run: Any) -> None:
    daemon.answers["initiate"] = ((), {"success": "yes"})
    assert run("initiate", "--child", "net", "--timeout", "0").out == "child net: asked for, not waiting\n"
    assert daemon.requests[0][1]["timeout"] == b"-1"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("initiate",), "name what is meant with --child or --ike\n"),
        (("rekey",), "name what is meant with --child, --ike, --child-id or --ike-id\n"),
        (("initiate", "--ike", "a", "--timeout", "-1"), "--timeout cannot be negative; 0 does not wait\n"),
    ],
)
def test_senseless_wishes_are_usage_errors(run: Any, arguments: tuple[str, ...], complaint: str) -> None:
    outcome = run(*arguments)
    assert (outcome.code, outcome.err) == (2, f"ikeengine: {complaint}")


def test_a_daemon_that_falls_silent_counts_as_unreachable(daemon: Any, run: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("ikeengine.cli.commands.control.GRACE", 0.05)
    daemon.silent = ("initiate",)
    outcome = run("initiate", "--child", "net", "--timeout", "0.05")
    assert outcome.code == 3
    assert "did not answer within 0.1 seconds" in outcome.err
