# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the certificates that the gateways use are what they should be. Private to the collection.

Pure functions over what the module ike_cert_info has read from the daemons.
"""

from __future__ import annotations

import typing as t

from ansible_collections.keymesh.ike.plugins.plugin_utils import _pki
from ansible_collections.keymesh.ike.plugins.plugin_utils._lint_findings import Data, Policy, finding

Findings = t.Iterator[Data]

_DAY = 86400


def check(
    certificates: t.Mapping[str, t.Any], identities: t.Mapping[str, str], variables: t.Mapping[str, Data], policy: Policy
) -> Findings:
    """C(certificates) are those of each host, or no list if they could not be read; C(variables) those of hosts that need one."""
    for host in sorted(set(certificates) & set(variables)):
        found = certificates[host]
        if not isinstance(found, list):
            yield finding(
                "warning",
                "certificate-missing",
                [host],
                "ike_auth",
                f"the certificate of {host} could not be read",
                "see that the host can be reached and that ikeengine runs on it",
            )
            continue
        yield from _host(host, found, identities[host], variables[host], policy)


def _host(host: str, found: t.Sequence[Data], identity: str, own: Data, policy: Policy) -> Findings:
    gateways = [one for one in found if one["type"] == "X509" and not one["is_ca"]]
    held = [one for one in gateways if one["has_private_key"]]
    if not gateways:
        message = f"{host} has no certificate loaded, and ike_auth: cert needs one"
        yield finding("error", "certificate-missing", [host], "ike_auth", message, _again(host, own))
    elif not held:
        message = f"{host} does not have the private key of its certificate {gateways[0]['subject']}"
        remedy = f"{_again(host, own)}, with -e pki_renew=true"
        yield finding("error", "certificate-key", [host], "pki_key_type", message, remedy)
    for one in held:
        if not _is_for(one, identity):
            names = ", ".join([one["subject"], *one["subject_alt_names"]])
            message = f"the certificate of {host} is for {names}, but its identity is {identity}"
            yield finding("error", "certificate-identity", [host], "ike_id", message, _again(host, own))
        yield from _validity(host, one, f"the certificate of {host}", _again(host, own), policy)
    for one in found:
        if one["type"] == "X509" and one["is_ca"]:
            remedy = (
                "make a new CA with the playbook rotate_certs and -e ike_new_ca=true"
                if _is_own(own)
                else "take it off pki_ca_certificates, or name the certificate that the CA has now"
            )
            yield from _validity(host, one, f"the CA {one['subject']} on {host}", remedy, policy)
        elif one["type"] == "X509_CRL":
            remedy = "run site_to_site" if _is_own(own) else "let pki_crls name the current one, and run site_to_site"
            # It is made anew every few weeks, so only one that has ended matters.
            yield from _validity(host, one, f"the CRL of {one['issuer']} on {host}", remedy, policy._replace(certificate_days=0))


def _validity(host: str, one: Data, what: str, remedy: str, policy: Policy) -> Findings:
    left = one["expires_in"]
    if left is None or left > policy.certificate_days * _DAY:
        return
    variable = "pki_crls" if one["type"] == "X509_CRL" else "pki_ca_certificates" if one["is_ca"] else "pki_renew_days"
    when = "has expired on" if left < 0 else "expires on"
    severity = "error" if left < 0 else "warning"
    yield finding(severity, "certificate-expiry", [host], variable, f"{what} {when} {one['not_after']}", remedy)


def _is_own(own: Data) -> bool:
    return bool(own.get("pki_ca", "own") == "own")


def _again(host: str, own: Data) -> str:
    if _is_own(own):
        return f"run site_to_site with {host} in it"
    return f"run site_to_site with {host} in it, and have the new request in pki_csr_dir signed"


def _is_for(one: Data, identity: str) -> bool:
    """Whether peers find the identity in the certificate."""
    try:
        wanted = _pki.certificate_names(identity)
    except _pki.IdentityError:
        return True  # The inventory is wrong, which another rule says.
    if wanted["subject_alt_name"]:
        held = {name.lower() for name in one["subject_alt_names"]}
        return wanted["subject_alt_name"][0].lower() in held
    try:
        return _pki.distinguished_name(one["subject"]) == wanted["subject"]
    except _pki.IdentityError:
        return False
