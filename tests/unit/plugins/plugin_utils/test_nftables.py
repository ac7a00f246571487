# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules for nftables, from rulesets as `nft --json list ruleset` prints them."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.keymesh.ike.plugins.plugin_utils._nftables import (
    FirewallError,
    nftables_closing,
    nftables_opening,
)

WANTED: t.Dict[str, t.Any] = {
    "ports": [500, 4500],
    "protocols": ["esp"],
    "interfaces": ["ike0"],
    "input": True,
    "forward": True,
}


def opened(found: t.Dict[str, t.Any], **changes: t.Any) -> t.Dict[str, str]:
    return nftables_opening(found, **{**WANTED, **changes})


def base(
    hook: str, policy: str = "drop", family: str = "inet", table: str = "filter", name: str = ""
) -> t.Dict[str, t.Any]:
    chain = {"family": family, "table": table, "name": name or hook, "handle": 1, "type": "filter", "hook": hook}
    return {"chain": dict(chain, prio=0, policy=policy)}


def ruleset(*entries: t.Dict[str, t.Any]) -> t.Dict[str, t.Any]:
    return {"nftables": [{"metainfo": {}}, *entries]}


def applied(commands: str) -> t.List[t.Dict[str, t.Any]]:
    """The entries that a host lists after these commands."""
    entries: t.List[t.Dict[str, t.Any]] = []
    for line in commands.splitlines():
        words = line.split()
        if words[:2] == ["add", "chain"] and words[4].startswith("keymesh_ike_"):
            entries.append({"chain": {"family": words[2], "table": words[3], "name": words[4], "handle": 7}})
        if words[0] == "insert":
            jump = {"family": words[2], "table": words[3], "chain": words[4], "handle": 9}
            entries.append({"rule": dict(jump, comment=line.split('"')[1])})
    return entries


def test_every_base_chain_gets_a_jump() -> None:
    opening = opened(ruleset(base("input"), base("forward"), base("output", "accept")))
    assert opening["file"] == opening["commands"]
    lines = opening["file"].splitlines()
    assert "add rule inet filter keymesh_ike_input udp dport { 500, 4500 } accept" in lines
    assert "add rule inet filter keymesh_ike_input meta l4proto { 50 } accept" in lines
    assert 'add rule inet filter keymesh_ike_forward oifname { "ike0" } accept' in lines
    assert [line.split(" comment ")[0] for line in lines if line.startswith("insert")] == [
        "insert rule inet filter input jump keymesh_ike_input",
        "insert rule inet filter forward jump keymesh_ike_forward",
    ]


def test_a_second_run_has_nothing_to_do() -> None:
    chains = (base("input"), base("forward"))
    first = opened(ruleset(*chains))
    second = opened(ruleset(*chains, *applied(first["commands"])))
    assert second == {"file": first["file"], "commands": ""}


def test_other_wishes_replace_the_rules() -> None:
    chains = (base("input"), base("forward"))
    first = opened(ruleset(*chains))
    second = opened(ruleset(*chains, *applied(first["commands"])), forward=False, protocols=["esp", "ah"])
    assert "delete rule inet filter input handle 9\n" in second["commands"]
    assert "meta l4proto { 50, 51 } accept" in second["commands"]
    assert second["commands"].endswith("delete chain inet filter keymesh_ike_forward\n")
    assert "forward" not in second["file"]


def test_only_what_is_asked_is_opened() -> None:
    opening = opened(ruleset(base("input"), base("forward")), input=False, forward=False)
    rules = [line for line in opening["file"].splitlines() if line.startswith("add rule")]
    assert len(rules) == 2
    assert "forward" not in opening["file"]


def test_output_is_opened_if_it_drops() -> None:
    opening = opened(ruleset(base("output")))
    assert "udp sport { 500, 4500 } accept" in opening["file"]
    assert "rt ipsec exists accept" in opening["file"]


def test_without_interfaces() -> None:
    opening = opened(ruleset(base("input"), base("forward")), interfaces=[])
    assert "ifname" not in opening["file"]


@pytest.mark.parametrize("table", ["firewalld", "ikeengine-ike0"])
def test_tables_of_others_are_left_alone(table: str) -> None:
    assert opened(ruleset(base("input", table=table))) == {"file": "", "commands": ""}


def test_chains_of_iptables() -> None:
    accepts = base("forward", "accept", "ip", name="FORWARD")
    assert opened(ruleset(accepts))["commands"] == ""
    with pytest.raises(FirewallError, match="chain INPUT of table ip filter belongs to iptables"):
        opened(ruleset(base("input", family="ip", name="INPUT")))


def test_closing_takes_everything_out() -> None:
    chains = (base("input"), base("forward"))
    first = opened(ruleset(*chains))
    assert nftables_closing(ruleset(*chains, *applied(first["commands"]))).splitlines() == [
        "delete rule inet filter input handle 9",
        "delete rule inet filter forward handle 9",
        "flush chain inet filter keymesh_ike_input",
        "delete chain inet filter keymesh_ike_input",
        "flush chain inet filter keymesh_ike_forward",
        "delete chain inet filter keymesh_ike_forward",
    ]
    assert nftables_closing(ruleset(*chains)) == ""
