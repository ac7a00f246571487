# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest
import yaml

from ansible_collections.keymesh.ike.plugins.plugin_utils._management import management_bypass
from ansible_collections.keymesh.ike.plugins.plugin_utils._mesh_config import file_text


def tunnels(*subnets: str) -> t.List[t.Dict[str, t.Any]]:
    return [{"remote": {"subnets": ["10.9.0.0/16"]}}, {"remote": {"subnets": list(subnets)}}]


@pytest.mark.parametrize(
    ("subnets", "session", "local", "remote", "peer"),
    [
        (["0.0.0.0/0"], "198.51.100.7 50022 192.0.2.1 22", "192.0.2.1/32[tcp/22]", "198.51.100.7/32[tcp]", "127.0.0.1"),
        (["10.2.0.0/16"], "10.2.0.5 40000 10.1.0.1 2222", "10.1.0.1/32[tcp/2222]", "10.2.0.5/32[tcp]", "127.0.0.1"),
        (["::/0"], "2001:db8::7 1 2001:db8::1 22", "2001:db8::1/128[tcp/22]", "2001:db8::7/128[tcp]", "::1"),
        (["0.0.0.0/0"], "::ffff:10.2.0.5 1 ::ffff:10.1.0.1 22", "10.1.0.1/32[tcp/22]", "10.2.0.5/32[tcp]", "127.0.0.1"),
        (["fe80::/10"], "fe80::7%eth0 1 fe80::1%eth0 22", "fe80::1/128[tcp/22]", "fe80::7/128[tcp]", "::1"),
    ],
)
def test_a_session_that_a_tunnel_would_swallow_passes(
    subnets: t.List[str], session: str, local: str, remote: str, peer: str
) -> None:
    connection = next(iter(management_bypass(tunnels(*subnets), session).values()))
    assert connection == {
        "remote_addrs": [peer],
        "children": {"ssh": {"mode": "pass", "local_ts": [local], "remote_ts": [remote], "start_action": "trap"}},
    }


@pytest.mark.parametrize(
    ("subnets", "session"),
    [
        (["10.2.0.0/16"], "198.51.100.7 50022 192.0.2.1 22"),
        (["0.0.0.0/0"], ""),
        (["0.0.0.0/0"], "2001:db8::7 1 2001:db8::1 22"),
        (["dynamic"], "198.51.100.7 50022 192.0.2.1 22"),
    ],
)
def test_other_sessions_need_nothing(subnets: t.List[str], session: str) -> None:
    assert management_bypass(tunnels(*subnets), session) == {}


def test_the_policy_is_in_the_file_of_the_tunnels() -> None:
    bypass = management_bypass(tunnels("0.0.0.0/0"), "198.51.100.7 50022 192.0.2.1 22")
    written = yaml.safe_load(file_text([], {}, bypass))
    assert written["connections"] == bypass
    assert yaml.safe_load(file_text([], {}))["connections"] == {}
