from __future__ import annotations

import json
from typing import Any

GOLDEN = """\
name     state        peer, networks                            since  rekey in       in      out
site-b   established  gw2.example.com (192.0.2.2[4500])        2h 13m    1h 30m
  net    installed    10.1.0.0/16 === 10.2.0.0/16 10.3.0.0/16     59s    50m 0s  1.5 KiB  5.0 MiB
  voice  down         10.1.5.0/24 === 10.2.5.0/24                   -         -
site-c   down         gw3.example.com                               -         -
  net    down         dynamic === 10.4.0.0/16                       -         -
site-c: the peer accepts none of our proposals (more: ikeengine explain site-c)
0 of 2 up
"""


def test_everything_on_one_screen(busy: Any, run: Any) -> None:
    outcome = run("status")
    assert outcome.code == 0
    assert outcome.err == ""
    assert outcome.out == GOLDEN


def test_json_has_types_and_says_what_is_down(busy: Any, run: Any) -> None:
    gateways = json.loads(run("status", "--json").out)
    assert [(gateway["name"], gateway["state"], gateway["up"]) for gateway in gateways] == [
        ("site-b", "ESTABLISHED", False),
        ("site-c", "down", False),
    ]
    assert gateways[0]["since"] == 8000
    assert gateways[0]["suite"] == "AES_GCM_16-256/PRF_HMAC_SHA2_384/CURVE_25519"
    assert gateways[0]["tunnels"][0]["bytes_out"] == 5242880
    assert [tunnel["state"] for tunnel in gateways[0]["tunnels"]] == ["INSTALLED", "down"]
    assert gateways[1]["last_failure"] == "the peer accepts none of our proposals"


def test_one_connection(busy: Any, run: Any) -> None:
    busy.answers["list-conns"] = (busy.answers["list-conns"][0][:1], {})
    assert "site-b" in run("status", "site-b").out
    assert [message for name, message in busy.requests if name.startswith("list")] == [{"ike": b"site-b"}] * 2


def test_an_unknown_connection_is_an_error(daemon: Any, run: Any) -> None:
    daemon.answers |= {"list-conns": ((), {}), "list-sas": ((), {})}
    outcome = run("status", "nobody")
    assert (outcome.code, outcome.err) == (1, "ikeengine: there is no connection `nobody`\n")


def test_nothing_is_loaded(daemon: Any, run: Any) -> None:
    daemon.answers |= {"list-conns": ((), {}), "list-sas": ((), {})}
    assert run("status").out == "no connections are loaded\n"
    assert json.loads(run("status", "--json").out) == []


def test_a_daemon_without_failure_records_is_fine(busy: Any, run: Any) -> None:
    del busy.answers["failures"]
    outcome = run("status")
    assert outcome.code == 0
    assert outcome.out.endswith("0 of 2 up\n")


def test_shunts_are_up_without_sas(busy: Any, run: Any) -> None:
    child = {"mode": "PASS", "local-ts": ["10.0.0.0/8"], "remote-ts": ["10.0.0.0/8"]}
    shunt = {"bypass": {"version": "IKEv2", "remote_addrs": ["%any"], "children": {"lan": child}}}
    busy.answers["list-conns"] = ([("list-conn", shunt)], {})
    busy.answers["list-sas"] = ((), {})
    (gateway,) = json.loads(run("status", "--json").out)
    assert gateway["up"] is True
    assert "pass" in run("status").out


def test_sas_that_were_just_replaced_do_not_count_as_down(busy: Any, run: Any) -> None:
    section = busy.answers["list-sas"][0][0][1]["site-b"]
    child = section["child-sas"]["net-7"]
    children = {
        "net-6": {**child, "uniqueid": 6, "state": "DELETED"},
        "net-7": child,
        "voice-8": {**child, "name": "voice"},
    }
    rekeyed = {"site-b": {**section, "uniqueid": 2, "state": "REKEYED", "child-sas": {}}}
    current = {"site-b": {**section, "child-sas": children}}
    busy.answers["list-sas"] = ([("list-sa", rekeyed), ("list-sa", current)], {})
    out = run("status").out
    shown = [line.split()[:2] for line in out.splitlines()[1:7]]
    assert shown == [
        ["site-b", "rekeyed"],
        ["site-b", "established"],
        ["net", "deleted"],
        ["net", "installed"],
        ["voice", "installed"],
        ["site-c", "down"],
    ]
    assert out.endswith("1 of 2 up\n")
