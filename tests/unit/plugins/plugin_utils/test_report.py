# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.keymesh.ike.plugins.plugin_utils import _report

TUNNEL = {"name": "a--b", "peer": "b", "remote": {"probe_address": "10.2.0.1"}}
IPUTILS = """PING 10.2.0.1 (10.2.0.1) from 10.1.0.1 : 56(84) bytes of data.
64 bytes from 10.2.0.1: icmp_seq=1 ttl=64 time=0.512 ms

--- 10.2.0.1 ping statistics ---
3 packets transmitted, {received} received, 0% packet loss, time 402ms
rtt min/avg/max/mdev = 0.412/0.512/0.612/0.050 ms
"""
BUSYBOX = "3 packets transmitted, 3 packets received, 0% packet loss\nround-trip min/avg/max = 0.071/0.093/0.123 ms\n"


def sas(*children: t.Tuple[int, int], state: str = "INSTALLED", name: str = "net") -> t.List[t.Dict[str, t.Any]]:
    """IKE SA a--b with Child SAs of these unique numbers and incoming packets."""
    found = [{"name": name, "state": state, "unique_id": number, "packets_in": packets} for number, packets in children]
    return [{"name": "a--b", "children": found}]


def judge(before: t.List, after: t.List, stdout: str = IPUTILS.format(received=3), **ping: str) -> t.Dict[str, t.Any]:
    (result,) = _report.tunnel_results([TUNNEL], before, [dict(ping, stdout=stdout)], after)
    return result


@pytest.mark.parametrize(
    ("text", "expected"), [(IPUTILS.format(received=2), (3, 2, 0.512)), (BUSYBOX, (3, 3, 0.093)), ("", (0, 0, None))]
)
def test_output_of_ping(text: str, expected: t.Tuple) -> None:
    assert _report.parse_ping(text) == expected


def test_a_tunnel_that_works() -> None:
    assert judge(sas((1, 10)), sas((1, 13))) == {
        "name": "a--b",
        "peer": "b",
        "established": True,
        "sent": 3,
        "received": 3,
        "milliseconds": 0.512,
        "packets_in_tunnel": 3,
        "ok": True,
        "problem": "",
    }


@pytest.mark.parametrize(
    ("before", "after", "stdout", "problem"),
    [
        ([], [], IPUTILS.format(received=3), "there is no Child SA"),
        (sas((1, 0)), sas((1, 3), state="DELETING"), IPUTILS.format(received=3), "there is no Child SA"),
        (sas((1, 0)), sas((1, 3), name="other"), IPUTILS.format(received=3), "there is no Child SA"),
        (sas((1, 0)), sas((1, 0)), IPUTILS.format(received=0), "no answer from 10.2.0.1 to 3 pings"),
        (sas((1, 0)), sas((1, 2)), IPUTILS.format(received=2), "only 2 of 3 pings"),
        (sas((1, 5)), sas((1, 5)), IPUTILS.format(received=3), "10.2.0.1 answers, but not through the tunnel"),
        (sas((1, 0)), sas((1, 0)), "", "ping did not run: no output"),
    ],
)
def test_what_can_be_wrong(before: t.List, after: t.List, stdout: str, problem: str) -> None:
    result = judge(before, after, stdout)
    assert not result["ok"]
    assert result["problem"].startswith("a--b: ") and problem in result["problem"]


def test_why_ping_did_not_run() -> None:
    assert judge(sas((1, 0)), sas((1, 0)), "", stderr="ping: bind: no such address")["problem"].endswith("such address")
    assert judge(sas((1, 0)), sas((1, 0)), "", msg="No such file")["problem"].endswith("No such file")


def test_a_rekeying_meanwhile_does_not_count_as_loss() -> None:
    assert judge(sas((1, 100)), sas((1, 102), (2, 1)))["packets_in_tunnel"] == 3
    assert judge(sas((1, 100)), sas((2, 2)))["packets_in_tunnel"] == 2


def test_the_matrix() -> None:
    works = {"ok": True, "milliseconds": 0.5123, "problem": ""}
    results = {
        "gw2": [dict(works, peer="gw1", milliseconds=None)],
        "gw1": [dict(works, peer="gw2"), {"peer": "gw3", "ok": False, "problem": "gw1--gw3: there is no Child SA"}],
    }
    assert _report.tunnel_matrix(results) == [
        "from \\ to  gw1  gw2     gw3",
        "gw1        -    0.5 ms  FAIL",
        "gw2        ok   -       -",
        "2 of 3 directions work",
        "gw1: gw1--gw3: there is no Child SA",
    ]
