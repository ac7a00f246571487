# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks both ends of every pair of an inventory before anything is changed. Private to the collection.

The action, the filter and the test C(lint) come here. What is read from the inventory and from files on the controller
is read in this file; the checks themselves are pure functions.
"""

from __future__ import annotations

import datetime
import glob
import os
import re
import typing as t

import yaml
from ansible.errors import AnsibleError
from jinja2.exceptions import UndefinedError

from ansible_collections.keymesh.ike.plugins.plugin_utils import (
    _lint_algorithms,
    _lint_certificates,
    _lint_connections,
    _lint_gateways,
    _lint_ikev1,
    _lint_lifetimes,
    _lint_secrets,
    _lint_settings,
    _mesh,
)
from ansible_collections.keymesh.ike.plugins.plugin_utils._lint_certificates import File
from ansible_collections.keymesh.ike.plugins.plugin_utils._lint_findings import POLICIES, RULES, Data, arranged, finding
from ansible_collections.keymesh.ike.plugins.plugin_utils._lint_pairs import OPTIONS, couples, pairs

Variables = t.Mapping[str, Data]

DEFAULTS = os.path.join(os.path.dirname(__file__), "..", "..", "roles", "tunnels", "defaults", "main.yml")
READ = (
    *OPTIONS.values(),
    *_lint_secrets.SOURCES,
    "psk_keys",
    "ike_psk_secret",
    "ike_psk_epoch",
    "inventory_dir",
    "pki_ca",
    "pki_ca_days",
    "pki_certificate_dir",
    "pki_days",
    "pki_renew_days",
    "pki_store",
)
"""Variables of the roles that can be different from host to host."""
UNREADABLE = (AnsibleError, UndefinedError)
"""What a variable raises that cannot be templated or decrypted."""
_KINDS = (("same identity", "identity-duplicate"), ("ike_subnets overlap", "subnets-overlap"), (" is weak;", "weak-algorithm"))


class Report(t.NamedTuple):
    """The findings, and how much was looked at."""

    findings: t.List[Data]
    hosts: int
    tunnels: int


class LintError(ValueError):
    """The caller asks for something that there is not."""


def lint(
    hostvars: t.Mapping[str, t.Any],
    groups: t.Mapping[str, t.Sequence[str]],
    hosts: t.Sequence[str],
    group: str = "gateways",
    policy: str = "default",
    ignore: t.Sequence[str] = (),
    common: t.Optional[t.Mapping[str, t.Any]] = None,
    now: t.Optional[datetime.datetime] = None,
    certificates: t.Optional[t.Mapping[str, t.Any]] = None,
) -> Report:
    """Look at the meshes of these hosts. C(common) are variables of the play, which hosts do not have, and C(certificates)
    what the module ike_cert_info has found on hosts. Raises LintError.
    """
    check_arguments(policy, ignore)
    try:
        mesh = _mesh.mesh(hostvars, groups, hosts, group, unreadable=UNREADABLE)
    except _mesh.InventoryError as error:
        return Report(arranged(_of_inventory(error, hostvars, groups), ignore), len(hosts), 0)
    variables, found = read(hostvars, [host for host, end in mesh["ends"].items() if end["managed"]], common or {})
    found += _lint_settings.check(variables)
    # What follows makes sense only if the single values do.
    if any(one["rule"] == "setting-invalid" or one["variable"] in READ for one in found):
        return Report(arranged(found, ignore), len(mesh["ends"]), 0)
    limits = POLICIES[policy]
    count = 0
    for alike in pairs(mesh, options_of(variables)):
        count += alike.count
        for rules in (_lint_algorithms, _lint_connections, _lint_ikev1, _lint_lifetimes):
            found += rules.check(alike, limits)
    with_keys = [pair for pair in couples(mesh, "psk") if all(host in variables for host in pair)]
    found += _lint_secrets.check(with_keys, _members(mesh, variables, "psk"), limits)
    certified = _members(mesh, variables, "cert")
    moment = now or datetime.datetime.now(datetime.timezone.utc)
    found += _lint_certificates.check(files(certified), certified, limits, moment)
    identities = {host: end["id"] for host, end in mesh["ends"].items()}
    found += _lint_gateways.check(certificates or {}, identities, certified, limits)
    return Report(arranged(found, ignore), len(mesh["ends"]), count)


def check_arguments(policy: str, ignore: t.Sequence[str]) -> None:
    """Raises LintError for a policy or a rule that there is not."""
    if policy not in POLICIES:
        raise LintError(f"there is no policy {policy!r}; there are {', '.join(POLICIES)}")
    unknown = sorted(set(ignore) - set(RULES))
    if unknown:
        raise LintError(f"there are no rules {', '.join(unknown)}; there are {', '.join(RULES)}")


def read(
    hostvars: t.Mapping[str, t.Any], hosts: t.Sequence[str], common: t.Mapping[str, t.Any]
) -> t.Tuple[t.Dict[str, Data], t.List[Data]]:
    """The variables of the roles, each host looked up once, and what cannot be read.

    Those of the play count where a host has none. What is not needed here may depend on facts that nobody has gathered
    yet, but a vault that is closed now stays closed.
    """
    settings = set(_lint_settings.specifications()) | set(READ)
    found: t.Dict[str, Data] = {}
    problems: t.List[Data] = []
    for host in hosts:
        looked_up = hostvars[host]
        own = {name: value for name, value in common.items() if name in settings and value is not None}
        for name in settings & set(looked_up):
            try:
                value = _mesh.plain(looked_up.get(name))
            except UNREADABLE as error:
                if name in READ or _lint_settings.locked(error):
                    problems.append(_lint_settings.unreadable(host, name, error))
                continue
            if value is not None:
                own[name] = value
        own.setdefault("psk_secret", own.get("ike_psk_secret"))
        own.setdefault("psk_epoch", own.get("ike_psk_epoch", 1))
        found[host] = own
    return found, problems


def options_of(variables: Variables) -> t.Dict[str, t.Dict[str, Data]]:
    """The options of connections and Child SAs of each host, with the defaults of the role tunnels."""
    with open(DEFAULTS, encoding="utf-8") as source:
        defaults = yaml.safe_load(source)
    return {
        host: {kind: own.get(variable, defaults[variable]) for kind, variable in OPTIONS.items()}
        for host, own in variables.items()
    }


def files(variables: Variables) -> t.List[File]:
    """The certificates and CRLs on the controller that these hosts use."""
    found: t.Dict[t.Tuple[str, str, bool], t.List[str]] = {}
    for host, own in variables.items():
        beside = os.path.join(str(own.get("inventory_dir") or "."), ".ike")
        store = str(own.get("pki_store") or os.path.join(beside, "pki"))
        if own.get("pki_ca", "own") == "own":
            issued = _latest(os.path.join(store, "issued", f"{host}--*.pem"))
            places = [(os.path.join(store, "ca.pem"), "pki_store", False), (os.path.join(store, "ca.crl"), "pki_store", True)]
            places += [(path, "pki_store", True) for path in issued]
        else:
            directory = str(own.get("pki_certificate_dir") or os.path.join(beside, "certificates"))
            places = [(os.path.join(directory, f"{host}.pem"), "pki_certificate_dir", False)]
        for place in places:
            found.setdefault(place, []).append(host)
    texts = {place[0]: _text(place[0]) for place in found}
    return [
        File(path, str(texts[path]), hosts, variable, renewed)
        for (path, variable, renewed), hosts in found.items()
        if texts[path] is not None
    ]


def _latest(pattern: str) -> t.List[str]:
    """Older certificates of the same host do not matter any more."""
    return sorted(glob.glob(pattern), key=os.path.getmtime)[-1:]


def _text(path: str) -> t.Optional[str]:
    """What is not there yet, the role pki makes."""
    try:
        with open(path, encoding="utf-8", errors="replace") as source:
            return source.read()
    except OSError:
        return None


def _members(mesh: Data, variables: Variables, auth: str) -> t.Dict[str, Data]:
    members = {host for one in mesh["meshes"] if one["auth"] == auth for host in one["members"]}
    return {host: own for host, own in variables.items() if host in members}


def _of_mesh(text: str, hostvars: t.Mapping[str, t.Any], groups: t.Mapping[str, t.Sequence[str]]) -> t.Set[str]:
    """The members of the mesh that a problem is about."""
    name = re.search(r"\bthe mesh ([^\s:]+)", text)
    if name is None:
        return set()
    for host in hostvars:
        for one in hostvars[host].get("ike_meshes") or ():
            if isinstance(one, t.Mapping) and one.get("name") == name[1]:
                return set(groups.get(one.get("group", "gateways"), ()))
    return set(groups.get(name[1], ()))


def _of_inventory(
    error: _mesh.InventoryError, hostvars: t.Mapping[str, t.Any], groups: t.Mapping[str, t.Sequence[str]]
) -> t.Iterator[Data]:
    """What cannot become tunnels. The texts name hosts, variables and remedies."""
    known = set(hostvars)
    for text in error.problems:
        rule = next((rule for words, rule in _KINDS if words in text), "inventory")
        variable = re.search(r"\bike_\w+", text)
        hosts = {word for word in re.findall(r"[^\s,:;()\[\]']+", text) if word in known} or _of_mesh(text, hostvars, groups)
        message, unused, remedy = text.rpartition("; ")
        yield finding(
            "error", rule, hosts, variable[0] if variable else "", message or text, remedy if message else "correct it"
        )
