# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether both ends of a tunnel get the same pre-shared key, and a good one. Private to the collection.

Keys are compared here and never told. Those that the collection makes itself are the same at both ends by construction,
as long as both ends read the same store or derive from the same secret; so this is about variables of single hosts.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import typing as t

from ansible_collections.keymesh.ike.plugins.plugin_utils._lint_findings import Data, Policy, finding
from ansible_collections.keymesh.ike.plugins.plugin_utils._mesh_problems import names
from ansible_collections.keymesh.ike.plugins.plugin_utils._mesh_tunnels import pair_name

Findings = t.Iterator[Data]

SOURCES = {"psk_secret": "secret", "psk_epoch": "epoch", "psk_store": "store"}
"""Variables of the role psk that decide which key a host gets, apart from C(psk_keys)."""
_FEWEST_LETTERS = 6
"""Different letters in a key that is worth its name."""


def check(couples: t.Sequence[t.Tuple[str, str]], variables: t.Mapping[str, Data], policy: Policy) -> Findings:
    """C(couples) are the pairs with pre-shared keys, of which both ends are ours. C(variables) are those of each host."""
    yield from _different_sources(couples, variables)
    yield from _different_keys(couples, variables)
    yield from _weak_keys(variables, policy)
    yield from _shared_keys(couples, variables)


def _own(variables: t.Mapping[str, Data], host: str) -> t.Mapping[str, t.Any]:
    return variables.get(host, {}).get("psk_keys") or {}


def keys(value: t.Any) -> t.List[str]:
    """One key, or a list of those that are accepted, the first of which is used."""
    return [str(one) for one in value] if isinstance(value, (list, tuple)) else [str(value)]


def _different_sources(couples: t.Sequence[t.Tuple[str, str]], variables: t.Mapping[str, Data]) -> Findings:
    for variable, what in SOURCES.items():
        groups: t.Dict[str, t.Set[str]] = {}
        count = 0
        for host, peer in couples:
            if pair_name(host, peer) in _own(variables, host) and pair_name(host, peer) in _own(variables, peer):
                continue
            values = [str(variables.get(one, {}).get(variable)) for one in (host, peer)]
            if not _equal(*values):
                count += 1
                for one, value in zip((host, peer), values):
                    groups.setdefault(value, set()).add(one)
        if count:
            told = " and ".join(names(hosts) for hosts in groups.values())
            yield finding(
                "error",
                "secret-differs",
                {host for hosts in groups.values() for host in hosts},
                variable,
                f"the {what} of pre-shared keys is not the same for {told}",
                "set it once, for the group of the mesh",
                count,
            )


def _different_keys(couples: t.Sequence[t.Tuple[str, str]], variables: t.Mapping[str, Data]) -> Findings:
    for host, peer in couples:
        name = pair_name(host, peer)
        ours, theirs = (_own(variables, one).get(name) for one in (host, peer))
        if ours is None and theirs is None:
            continue
        if ours is None or theirs is None:
            has, lacks = (host, peer) if theirs is None else (peer, host)
            problem = f"{has} has a key of your own for {name}, but {lacks} has none and would get a generated one"
        elif not any(_equal(one, other) for one in keys(ours)[:1] for other in keys(theirs)) or not any(
            _equal(one, other) for one in keys(ours) for other in keys(theirs)[:1]
        ):
            problem = f"{host} and {peer} have different keys for {name}"
        else:
            continue
        yield finding(
            "error",
            "secret-differs",
            (host, peer),
            f"psk_keys.{name}",
            problem,
            "set psk_keys once, for the group of the mesh",
            1,
        )


def _equal(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())


def _weak_keys(variables: t.Mapping[str, Data], policy: Policy) -> Findings:
    found: t.Dict[t.Tuple[str, str], t.List[str]] = {}
    for host, own in variables.items():
        given = [(f"psk_keys.{name}", one) for name, value in _own(variables, host).items() for one in keys(value)]
        if own.get("psk_secret"):
            given.append(("psk_secret", str(own["psk_secret"])))
        for variable, key in given:
            problem = weakness(key, policy.secret_octets)
            if problem:
                found.setdefault((variable, problem), []).append(host)
    for (variable, problem), hosts in found.items():
        yield finding(
            "error",
            "secret-weak",
            hosts,
            variable,
            f"{names(hosts)}: the secret {problem}",
            "take 32 random octets, such as those of: openssl rand -hex 32",
        )


def weakness(key: str, shortest: int) -> str:
    """Why a key is easy to guess, empty if it is not. Nothing of the key is in the text."""
    try:
        octets = bytes.fromhex(key[2:]) if key.startswith("0x") else None
        octets = base64.b64decode(key[2:], validate=True) if key.startswith("0s") else octets
    except (ValueError, binascii.Error):
        return "begins with 0x or 0s, but is not hexadecimal or Base64"
    length = len(key.encode() if octets is None else octets)
    if length < shortest:
        return f"has {length} octets, fewer than {shortest}"
    if len(set(key.lower() if octets is None else octets)) < _FEWEST_LETTERS:
        return "repeats the same few letters"
    return ""


def _shared_keys(couples: t.Sequence[t.Tuple[str, str]], variables: t.Mapping[str, Data]) -> Findings:
    tunnels: t.Dict[str, t.Set[str]] = {}
    hosts: t.Dict[str, t.Set[str]] = {}
    for couple in couples:
        name = pair_name(*couple)
        for host in couple:
            for key in keys(_own(variables, host).get(name, [])):
                tunnels.setdefault(key, set()).add(name)
                hosts.setdefault(key, set()).update(couple)
    for key, shared in tunnels.items():
        if len(shared) > 1:
            yield finding(
                "warning",
                "secret-shared",
                hosts[key],
                "psk_keys",
                f"{names(shared)} have the same key, so each of these hosts can pass itself off as another one",
                "give each tunnel a key of its own, or leave psk_keys out",
                len(shared),
            )
