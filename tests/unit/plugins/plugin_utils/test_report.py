# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.keymesh.ike.plugins.plugin_utils import _report, _report_suites
from ansible_collections.keymesh.ike.tests.unit.plugins.verification import probe, sas, tunnel


def judge(measured: t.Dict[str, t.Any]) -> t.Dict[str, t.Any]:
    (result,) = _report.tunnel_results([tunnel()], measured)
    return result


def test_a_tunnel_that_works() -> None:
    result = judge(probe(sas((1, 10)), sas((1, 13))))
    assert result["ok"] and result["problem"] == "" and result["advice"] == ""
    assert (result["from"], result["peer"], result["milliseconds"]) == ("a", "b", 0.5)
    assert result["packets_in_tunnel"] == result["packets_out_tunnel"] == 3
    assert result["child"]["proposal"] == "AES_GCM_16-256"


LOST = {"sent": 3, "received": 0, "milliseconds": None}
TCP = {"port": 7500, "result": "ok", "milliseconds": 1.0, "octets": 0, "error": ""}


@pytest.mark.parametrize(
    ("measured", "problem", "advice"),
    [
        (probe([], []), "there is no Child SA, and no IKE SA", "ikeengine explain a--b"),
        (probe(sas((1, 0)), sas((1, 3), state="DELETING")), "there is no Child SA", "compare ike_subnets"),
        (probe(sas((1, 0)), sas((1, 3), child="other")), "there is no Child SA", "ESP proposals"),
        (
            probe(sas((1, 0)), sas((1, 0)), error="10.1.0.1 to 10.2.0.1: no such address"),
            "no such address",
            "ike_probe_address",
        ),
        (probe(sas((1, 0)), sas((1, 3)), ping=LOST), "no answer from 10.2.0.1 to 3 pings", "Packets come in"),
        (
            probe(sas((1, 0)), sas((1, 0)), ping=LOST),
            "no answer from 10.2.0.1 to 3 pings",
            "Nothing goes into the tunnel",
        ),
        (probe(sas((1, 0)), sas((1, 2)), ping=dict(LOST, received=2)), "only 2 of 3 pings", "loses packets"),
        (probe(sas((1, 5)), sas((1, 5))), "10.2.0.1 answers, but not through the tunnel", "not protected"),
        (
            probe(sas((1, 0)), sas((1, 9)), clear=4),
            "4 packets to 10.2.0.1 left without encryption",
            "start_action: trap",
        ),
        (
            probe(sas((1, 0)), sas((1, 9), esp="AES_CBC-128/HMAC_SHA1_96")),
            "not in the proposal aes256gcm16-x25519",
            "rekey",
        ),
        (
            probe(sas((1, 0)), sas((1, 9)), mtu={"size": 1400, "passed": False, "largest": 1324}),
            "MTU black hole: packets of 1400 octets to 10.2.0.1 get lost, packets of 1324 do",
            "Lower the MTU",
        ),
        (probe(sas((1, 0)), sas((1, 9)), tcp=dict(TCP, result="lost_from_peer")), "segments from b get lost", "MSS"),
        (probe(sas((1, 0)), sas((1, 9)), tcp=dict(TCP, result="lost_to_peer")), "segments to b get lost", "MSS"),
        (probe(sas((1, 0)), sas((1, 9)), tcp=dict(TCP, result="refused")), "port 7500 is refused", "firewall"),
        (probe(sas((1, 0)), sas((1, 9)), tcp=dict(TCP, result="no_answer")), "no answer to TCP", "firewall drops"),
        (probe(sas((1, 0)), sas((1, 9)), tcp=dict(TCP, result="no_answer", error="in use")), "in use", "verify_port"),
        ({"failed": True, "msg": "no daemon answers at /run/x"}, "no daemon answers at /run/x", "daemon of a"),
    ],
)
def test_what_can_be_wrong(measured: t.Dict[str, t.Any], problem: str, advice: str) -> None:
    result = judge(measured)
    assert not result["ok"]
    assert result["problem"].startswith("a--b: ") and problem in result["problem"]
    assert advice in result["advice"]


def test_a_peer_without_a_listener_and_a_host_that_cannot_look() -> None:
    assert judge(probe(sas((1, 0)), sas((1, 9)), tcp=None, mtu=None, clear=None))["ok"]


def test_a_rekeying_meanwhile_does_not_count_as_loss() -> None:
    assert judge(probe(sas((1, 100)), sas((1, 102), (2, 1))))["packets_in_tunnel"] == 3
    assert judge(probe(sas((1, 100)), sas((2, 2))))["packets_in_tunnel"] == 2


@pytest.mark.parametrize(
    ("suite", "proposal", "expected"),
    [
        ("AES_GCM_16-256/PRF_HMAC_SHA2_384/CURVE_25519", "aes256gcm16-prfsha384-x25519", True),
        ("AES_GCM_16-256/PRF_HMAC_SHA2_384/CURVE_25519", "aes256gcm-prfsha384-curve25519", True),
        ("AES_GCM_16-256/PRF_HMAC_SHA2_384/ECP_384", "aes256gcm16-prfsha384-x25519", False),
        ("AES_CBC-256/HMAC_SHA2_256_128/PRF_HMAC_SHA2_256/MODP_2048", "aes256-sha256-modp2048", True),
        ("AES_CBC-256/HMAC_SHA2_256_128/PRF_HMAC_SHA2_512/MODP_2048", "aes256-sha256-modp2048", False),
        ("AES_CBC-128/HMAC_SHA1_96", "aes-sha", True),
        ("AES_GCM_16-256/CURVE_25519/ML_KEM_768", "aes256gcm128-x25519-ke1_mlkem768", True),
        ("CHACHA20_POLY1305-256", "chacha20poly1305", True),
        ("AES_GCM_8-256", "aes256gcm64", True),
        ("AES_GCM_16-128", "aes256gcm16", False),
        ("NULL/HMAC_SHA2_256_128", "aes256-sha256", False),
        ("SOMETHING_NEW", "aes256-sha256", True),
        (None, "aes256", True),
        ("AES_GCM_16-128", "default", True),
    ],
)
def test_algorithms_in_use(suite: t.Optional[str], proposal: str, expected: bool) -> None:
    assert _report_suites.follows(suite, [proposal]) is expected


def test_the_matrix() -> None:
    works = {"ok": True, "milliseconds": 0.5123, "problem": "", "peer_managed": True}
    fails = {
        "from": "gw1",
        "peer": "gw3",
        "ok": False,
        "problem": "gw1--gw3: there is no Child SA",
        "advice": "Do this.",
    }
    results = {
        "gw2": [dict(works, peer="gw1", milliseconds=None), dict(works, peer="partner", peer_managed=False)],
        "gw1": [dict(works, peer="gw2"), fails],
    }
    assert _report.tunnel_matrix(results) == [
        "from \\ to  gw1  gw2     gw3   partner",
        "gw1        -    0.5 ms  FAIL  -",
        "gw2        ok   -       -     0.5 ms",
        "3 of 4 directions work",
        "Only the direction to partner is tested: not managed from here.",
        "gw1: gw1--gw3: there is no Child SA",
        "    Do this.",
    ]
