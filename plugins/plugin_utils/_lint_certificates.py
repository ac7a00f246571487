# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the certificates that lie on the controller are valid long enough. Private to the collection.

Pure functions; the files were read by the caller. What lies on the gateways alone is not looked at.
"""

from __future__ import annotations

import datetime
import re
import ssl
import typing as t

from ansible_collections.keymesh.ike.plugins.module_utils import _certificate
from ansible_collections.keymesh.ike.plugins.module_utils._der import DerError
from ansible_collections.keymesh.ike.plugins.plugin_utils._lint_findings import Data, Policy, finding
from ansible_collections.keymesh.ike.plugins.plugin_utils._mesh_problems import names

Findings = t.Iterator[Data]

_DAY = 86400
_BLOCK = re.compile(r"-----BEGIN (X509 CRL|CERTIFICATE)-----(.+?)-----END \1-----", re.DOTALL)
_DEFAULTS = {"pki_days": 365, "pki_renew_days": 30, "pki_ca_days": 3650}


class File(t.NamedTuple):
    """A file on the controller with certificates or CRLs, and who needs it."""

    path: str
    text: str
    hosts: t.List[str]
    variable: str
    renewed: bool
    """Whether the role pki makes a new one in time."""


def check(
    files: t.Sequence[File], variables: t.Mapping[str, Data], policy: Policy, now: datetime.datetime
) -> Findings:
    """C(variables) are those of each host that has a certificate."""
    for file in files:
        yield from _file(file, policy, now)
    yield from _settings(variables)


def _file(file: File, policy: Policy, now: datetime.datetime) -> Findings:
    found = _BLOCK.findall(file.text)
    if not found:
        yield _about(file, "error", f"{file.path} has neither certificate nor CRL in PEM", "replace the file")
    for kind, body in found:
        try:
            der = ssl.PEM_cert_to_DER_cert(f"{ssl.PEM_HEADER}\n{body.strip()}\n{ssl.PEM_FOOTER}\n")
            read = _certificate.certificate if kind == "CERTIFICATE" else _certificate.revocation_list
            yield from _validity(file, read(der, now), policy)
        except (DerError, ValueError) as error:
            yield _about(file, "error", f"{file.path} cannot be read: {error}", "replace the file")


def _validity(file: File, found: Data, policy: Policy) -> Findings:
    left = found["expires_in"]
    if left is None or left > policy.certificate_days * _DAY:
        return
    what = found["subject"] or f"the CRL of {found['issuer']}"
    when = f"has expired on {found['not_after']}" if left < 0 else f"expires on {found['not_after']}"
    if file.renewed:
        yield _about(file, "info", f"{what} in {file.path} {when}", "the role pki renews it")
        return
    severity = "error" if left < 0 else "warning"
    yield _about(file, severity, f"{what} in {file.path} {when}", "renew it, with the playbook rotate_certs if it is that of your CA")


def _about(file: File, severity: str, message: str, remedy: str) -> Data:
    return finding(severity, "certificate-expiry", file.hosts, file.variable, message, remedy)


def _settings(variables: t.Mapping[str, Data]) -> Findings:
    for shorter, longer, problem, remedy in (
        ("pki_renew_days", "pki_days", "each run would make a new certificate", "make pki_renew_days less than pki_days"),
        ("pki_days", "pki_ca_days", "certificates would outlive the authority", "make pki_ca_days more than pki_days"),
    ):
        hosts = []
        for host, own in variables.items():
            values = [own.get(name) for name in (shorter, longer)]
            try:
                first, second = (
                    _DEFAULTS[name] if value is None else int(value) for name, value in zip((shorter, longer), values)
                )
            except (TypeError, ValueError):
                continue  # The role's argument specification says what is wrong.
            if first >= second:
                hosts.append(host)
        if hosts:
            message = f"{names(hosts)}: {shorter} is not less than {longer}, so {problem}"
            yield finding("error", "certificate-settings", hosts, shorter, message, remedy)
