# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Findings about an inventory, and how severe they are. Private to the collection. Pure functions."""

from __future__ import annotations

import typing as t

from ansible_collections.keymesh.ike.plugins.plugin_utils._mesh_problems import names

Data = t.Dict[str, t.Any]

_EACH = "each"
SEVERITIES = ("error", "warning", "info")

RULES: t.Dict[str, str] = {
    "inventory": "The variables of hosts and meshes can become tunnels.",
    "setting-unreadable": "The variables of the roles can be read: templates are defined, and vaults are open.",
    "setting-invalid": "The variables of the roles have the types and the values that the roles want.",
    "identity-duplicate": "No two hosts that somebody must tell apart have the same identity.",
    "subnets-overlap": "No two hosts have the same network behind them.",
    "option-invalid": "Durations and numbers in the options of connections and Child SAs can be read.",
    "proposal-syntax": "Proposals in options have only words that ikeengine knows, in combinations that make sense.",
    "ike-proposal-mismatch": "Both ends have an IKE proposal in common.",
    "esp-proposal-mismatch": "Both ends have an ESP proposal in common.",
    "pfs-mismatch": "Both ends want the same key exchange when a Child SA is rekeyed, or both none.",
    "pfs-missing": "Child SAs are rekeyed with a key exchange of their own (perfect forward secrecy).",
    "weak-algorithm": "Nothing weak is offered unless the mesh says allow_weak.",
    "weak-allowed": "A mesh has no weak algorithms, allowed or not.",
    "selectors-mirror": "What is local at one end is remote at the other.",
    "identity-mismatch": "Each end expects the identity that the other one has.",
    "auth-mismatch": "Each end authenticates as the other one demands.",
    "version-mismatch": "Both ends speak the same IKE version.",
    "ikev1": "Hosts that are ours speak IKEv2 with each other.",
    "ikev1-proposal": "With IKEv1, proposals have only what IKEv1 knows.",
    "aggressive-psk": "Pre-shared keys are not used in Aggressive Mode of IKEv1.",
    "mode-mismatch": "Both ends have the same IPsec mode.",
    "lifetime-order": "Child SAs are rekeyed before they end.",
    "lifetime-expiry": "No end lets a Child SA end before any of them rekeys it.",
    "lifetime-ike": "IKE SAs live at least as long as their Child SAs.",
    "lifetime-short": "SAs are not rekeyed all the time.",
    "lifetime-long": "SAs do not live longer than NIST SP 800-77 recommends (IKE SAs a day, Child SAs eight hours).",
    "nobody-starts": "One end starts the tunnel, or packets do.",
    "dpd-off": "One end at least notices when the other one is gone.",
    "fragmentation": "Large IKE messages can get through.",
    "mtu": "Both ends send packets of the same size, and IPv6 fits.",
    "secret-differs": "Both ends get the same pre-shared key.",
    "secret-weak": "Pre-shared keys of your own cannot be guessed.",
    "secret-shared": "No two tunnels have the same pre-shared key.",
    "certificate-expiry": "Certificates and CRLs are valid long enough, those on the controller and those that the gateways use.",
    "certificate-settings": "Certificates are renewed before they end, and do not outlive their authority.",
    "certificate-missing": "A gateway that needs a certificate has one.",
    "certificate-key": "A gateway has the private key of its certificate.",
    "certificate-identity": "The certificate of a gateway is for its identity.",
}
"""What is checked, by the name of the rule."""


class Policy(t.NamedTuple):
    """How severe what is only a matter of taste is, and where the limits are."""

    pfs_missing: str = "warning"
    weak: str = "error"
    weak_allowed: str = "info"
    ikev1: str = "info"
    aggressive_psk: str = "warning"
    lifetime_long: str = "info"
    dpd_off: str = "warning"
    secret_octets: int = 16
    certificate_days: int = 14


POLICIES = {
    "default": Policy(),
    "strict": Policy(
        pfs_missing="error",
        weak_allowed="error",
        ikev1="warning",
        aggressive_psk="error",
        lifetime_long="warning",
        dpd_off="error",
        secret_octets=32,
        certificate_days=30,
    ),
    "lenient": Policy(pfs_missing="info", weak="warning", dpd_off="info", secret_octets=8, certificate_days=7),
}


def finding(
    severity: str, rule: str, hosts: t.Iterable[str], variable: str, message: str, remedy: str, tunnels: int = 0
) -> Data:
    """One finding. C(tunnels) is how many it concerns."""
    return {
        "severity": severity,
        "rule": rule,
        "hosts": sorted(hosts),
        "tunnels": tunnels,
        "variable": variable,
        "message": message,
        "remedy": remedy,
    }


def of_hosts(severity: str, rule: str, hosts: t.Iterable[str], variable: str, problem: str, remedy: str) -> Data:
    """A finding that is the same for each of these hosts alone. Their names come before the problem."""
    return {**finding(severity, rule, hosts, variable, problem, remedy), _EACH: True}


def arranged(findings: t.Iterable[Data], ignore: t.Container[str] = ()) -> t.List[Data]:
    """The worst first, each once, without the ignored rules. What is the same for several hosts is one finding."""
    found: t.Dict[t.Tuple[t.Any, ...], Data] = {}
    for one in findings:
        if one["rule"] in ignore:
            continue
        key = (SEVERITIES.index(one["severity"]), one["rule"], one["variable"], one["message"], one["remedy"])
        known = found.setdefault(key, one)
        if known is not one:
            known["hosts"] = sorted({*known["hosts"], *one["hosts"]})
            known["tunnels"] += one["tunnels"]
    return [_told(found[key]) for key in sorted(found)]


def _told(one: Data) -> Data:
    if one.pop(_EACH, False):
        one["message"] = f"{names(one['hosts'])}: {one['message']}"
    return one


def line(one: t.Mapping[str, t.Any]) -> str:
    """A finding in a line for the operator."""
    where = f"{one['variable']}: " if one["variable"] else ""
    return f"{one['severity']} [{one['rule']}] {where}{one['message']}; {one['remedy']}"


def at_least(findings: t.Iterable[Data], severity: str) -> t.List[Data]:
    """The findings that are as severe, or more. C(never) is beyond all of them."""
    if severity == "never":
        return []
    return [one for one in findings if SEVERITIES.index(one["severity"]) <= SEVERITIES.index(severity)]
