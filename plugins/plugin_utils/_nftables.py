# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules that let the VPN through a firewall made with nftables. Private to the collection. Pure functions.

A packet has to be accepted by every base chain of its hook, so a table of our own could not open anything. Each base
chain gets a jump, at its beginning, to a chain of ours in the same table. The comment of the jump holds a digest of what
our chain should contain, which tells whether the host is up to date.
"""

from __future__ import annotations

import hashlib
import typing as t

Data = t.Dict[str, t.Any]

MARK = "keymesh.ike"
HOOKS = ("input", "forward", "output")
_NUMBERS = {"esp": 50, "ah": 51}
"""Not every host has the names (/etc/protocols)."""
_FOREIGN = ("firewalld", "ikeengine-")
"""How the tables of others begin that are not ours to change."""


class FirewallError(ValueError):
    """The firewall of the host cannot be opened by rules. The text says why, and what to do."""


class Opening(t.NamedTuple):
    """What is to be let through."""

    ports: t.Sequence[int]
    protocols: t.Sequence[str]
    interfaces: t.Sequence[str]
    input: bool
    forward: bool


def nftables_opening(ruleset: t.Mapping[str, t.Any], **wanted: t.Any) -> t.Dict[str, str]:
    """The file that opens the firewall at boot, and the commands that do it now; these are empty if nothing is to do."""
    opening = Opening(**wanted)
    file, commands = [], []
    for chain in _base_chains(ruleset):
        rules = _rules(chain["hook"], opening)
        present = [rule for rule in _jumps(ruleset) if _place(rule) == (*_table(chain), chain["name"])]
        wanted_jump = _comment(rules)
        if rules:
            file += [*_own_chain(chain, rules), _insert(chain, wanted_jump)]
        if [rule["comment"] for rule in present] == ([wanted_jump] if rules else []):
            continue
        commands += [_delete(rule) for rule in present]
        commands += [*_own_chain(chain, rules), _insert(chain, wanted_jump)] if rules else _remove_chain(chain)
    return {"file": _text(file), "commands": _text(commands)}


def nftables_closing(ruleset: t.Mapping[str, t.Any]) -> str:
    """The commands that take everything of ours out again; empty if there is nothing."""
    ours = [chain for chain in _objects(ruleset, "chain") if chain["name"].startswith(_chain_name(""))]
    return _text([*map(_delete, _jumps(ruleset)), *(line for chain in ours for line in _drop(chain, chain["name"]))])


def _rules(hook: str, opening: Opening) -> t.List[str]:
    devices = _set(f'"{name}"' for name in opening.interfaces)
    if hook == "forward":
        if not opening.forward:
            return []
        rules = ["meta secpath exists accept", "rt ipsec exists accept"]
        return rules + ([f"iifname {devices} accept", f"oifname {devices} accept"] if opening.interfaces else [])
    # The other end may be behind a NAT and send from any port.
    port = "dport" if hook == "input" else "sport"
    rules = [
        f"udp {port} {_set(opening.ports)} accept",
        f"meta l4proto {_set(_NUMBERS[name] for name in opening.protocols)} accept",
    ]
    if opening.input:
        inside = ("meta secpath", "iifname") if hook == "input" else ("rt ipsec", "oifname")
        rules += [f"{inside[0]} exists accept"]
        rules += [f"{inside[1]} {devices} accept"] if opening.interfaces else []
    return rules


def _base_chains(ruleset: t.Mapping[str, t.Any]) -> t.Iterator[Data]:
    """The chains that can drop our packets. Raises FirewallError."""
    for chain in _objects(ruleset, "chain"):
        if chain.get("type") != "filter" or chain.get("hook") not in HOOKS or chain["table"].startswith(_FOREIGN):
            continue
        if chain["hook"] == "output" and chain.get("policy") != "drop":
            continue
        if chain["family"] in ("ip", "ip6") and chain["name"] == chain["hook"].upper():
            _refuse_iptables(chain)
        elif chain["family"] in ("inet", "ip", "ip6"):
            yield chain


def _refuse_iptables(chain: Data) -> None:
    """Rules of nft in a chain of iptables would break iptables."""
    if chain.get("policy") == "drop":
        raise FirewallError(
            f"chain {chain['name']} of table {chain['family']} {chain['table']} belongs to iptables and drops by default; "
            f"open it there, or manage the firewall with firewalld, ufw or nftables alone, and set engine_firewall to that"
        )


def _objects(ruleset: t.Mapping[str, t.Any], kind: str) -> t.List[Data]:
    return [entry[kind] for entry in ruleset.get("nftables", []) if kind in entry]


def _jumps(ruleset: t.Mapping[str, t.Any]) -> t.List[Data]:
    return [rule for rule in _objects(ruleset, "rule") if rule.get("comment", "").startswith(MARK)]


def _table(thing: Data) -> t.Tuple[str, str]:
    return thing["family"], thing["table"]


def _place(rule: Data) -> t.Tuple[str, str, str]:
    return rule["family"], rule["table"], rule["chain"]


def _chain_name(name: str) -> str:
    return f"keymesh_ike_{name}"


def _comment(rules: t.Sequence[str]) -> str:
    return f"{MARK} {hashlib.sha256(_text(rules).encode()).hexdigest()[:12]}"


def _own_chain(chain: Data, rules: t.Sequence[str]) -> t.List[str]:
    """A table and a chain that are there already are not changed by adding them; at boot this file is no error then."""
    table, own = " ".join(_table(chain)), _chain_name(chain["name"])
    return [
        f"add table {table}",
        f"add chain {table} {chain['name']}",
        f"add chain {table} {own}",
        f"flush chain {table} {own}",
        *(f"add rule {table} {own} {rule}" for rule in rules),
    ]


def _insert(chain: Data, comment: str) -> str:
    table = " ".join(_table(chain))
    return f'insert rule {table} {chain["name"]} jump {_chain_name(chain["name"])} comment "{comment}"'


def _delete(rule: Data) -> str:
    return f"delete rule {' '.join(_place(rule))} handle {rule['handle']}"


def _remove_chain(chain: Data) -> t.List[str]:
    return ["add chain {0} {1}".format(" ".join(_table(chain)), _chain_name(chain["name"]))] + _drop(
        chain, _chain_name(chain["name"])
    )


def _drop(chain: Data, name: str) -> t.List[str]:
    table = " ".join(_table(chain))
    return [f"flush chain {table} {name}", f"delete chain {table} {name}"]


def _set(items: t.Iterable[t.Any]) -> str:
    return "{ " + ", ".join(str(item) for item in items) + " }"


def _text(lines: t.Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
