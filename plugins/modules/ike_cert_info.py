#!/usr/bin/python
# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ike_cert_info
short_description: Read the certificates and CRLs that a daemon has loaded
version_added: 0.2.0
description:
  - Returns what the daemon really has in its memory, which is not always what lies in its directories, and says what expires soon.
  - Needs no Python library on the target. Private keys are not returned. Works with ikeengine and with strongSwan.
author:
  - keymesh.ike contributors (@keymesh)
extends_documentation_fragment:
  - keymesh.ike._attributes
  - keymesh.ike._attributes.actiongroup_ike
  - keymesh.ike._attributes.info_module
  - keymesh.ike._attributes.platform_linux
  - keymesh.ike._socket
options:
  type:
    description:
      - Only certificates, only CRLs, or only OCSP responses.
    type: str
    choices:
      - any
      - x509
      - x509_crl
      - ocsp_response
    default: any
  subject:
    description:
      - Only certificates of this subject, written as the daemon does, such as V(C=CH, O=Example, CN=gw1).
    type: str
  expires_within:
    description:
      - What expires sooner than that goes into RV(expiring), besides what has expired.
      - A number of seconds, or a number with a unit, such as V(12h) or V(30d).
    type: str
    default: 30d
seealso:
  - module: keymesh.ike.ike_sa_info
  - module: community.crypto.x509_certificate_info
"""

EXAMPLES = r"""
- name: Read all certificates
  keymesh.ike.ike_cert_info:
    expires_within: 14d
  register: pki

- name: Nothing expires within two weeks
  ansible.builtin.assert:
    that: pki.expiring == []

- name: The host has the key of its certificate
  ansible.builtin.assert:
    that: pki.certificates | selectattr('has_private_key') | map(attribute='subject') | list == ['CN=gw1.example.com']
"""

RETURN = r"""
certificates:
  description: The certificates, those of hosts first and those of authorities last, then CRLs and OCSP responses.
  type: list
  elements: dict
  returned: success
  contains:
    type:
      description: V(X509), V(X509_CRL), V(OCSP_RESPONSE), or another type in strongSwan's words.
      type: str
      sample: X509
    flag:
      description: V(CA) for authorities, V(OCSP) for responders, V(NONE) for all others, V(AA) for attribute authorities.
      type: str
      sample: NONE
    has_private_key:
      description: Whether the daemon has the private key.
      type: bool
      sample: true
    subject:
      description: Subject, in the order of the certificate. V(none) for CRLs and OCSP responses.
      type: str
      sample: CN=gw1.example.com
    issuer:
      description: Issuer.
      type: str
      sample: CN=Mesh CA
    serial:
      description: Serial number, hexadecimal.
      type: str
      sample: 4e2a
    subject_alt_names:
      description: Alternative names, each with its kind.
      type: list
      elements: str
      sample: ["DNS:gw1.example.com", "IP:192.0.2.1"]
    not_before:
      description: When the validity begins, in UTC. Of a CRL, when it was made.
      type: str
      sample: "2026-01-31T00:00:00Z"
    not_after:
      description: When the validity ends, in UTC. Of a CRL, when the next one is due.
      type: str
      sample: "2027-01-31T00:00:00Z"
    expires_in:
      description: Seconds until then by the clock of the target, negative if that is over. V(none) if there is no end.
      type: int
      sample: 2591999
    is_ca:
      description: Whether the certificate is that of an authority.
      type: bool
      sample: false
    key_type:
      description: Kind of the public key, such as V(RSA), V(ECDSA) or V(Ed25519), otherwise its object identifier.
      type: str
      sample: ECDSA
    key_bits:
      description: Size of the public key, V(none) if not known.
      type: int
      sample: 256
    revoked:
      description: Number of certificates that a CRL revokes, V(none) for others.
      type: int
      sample: 0
    sha256:
      description: Fingerprint.
      type: str
      sample: "B1:2C:07:..."
expiring:
  description: Subjects of certificates, and issuers of CRLs, that have expired or will within O(expires_within).
  type: list
  elements: str
  returned: success
  sample: []
"""

import datetime
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.keymesh.ike.plugins.module_utils._argspec import socket_spec
from ansible_collections.keymesh.ike.plugins.module_utils._certificate import (
    EMPTY,
    certificate,
    fingerprint,
    revocation_list,
)
from ansible_collections.keymesh.ike.plugins.module_utils._der import DerError
from ansible_collections.keymesh.ike.plugins.module_utils._duration import seconds
from ansible_collections.keymesh.ike.plugins.module_utils._vici import Message, ViciError, ViciSession

Data = t.Dict[str, t.Any]
READERS = {"X509": certificate, "X509_CRL": revocation_list}


def described(event: Message, now: datetime.datetime) -> Data:
    """One C(list-cert) event. What cannot be read has only type, flag and fingerprint."""
    der = event.get("data", b"")
    kind = event.get("type", "X509")
    try:
        found = READERS[kind](der, now) if kind in READERS else dict(EMPTY)
    except DerError:
        found = dict(EMPTY)
    known = {"type": kind, "flag": event.get("flag", "NONE"), "has_private_key": event.get("has_privkey") == "yes"}
    return dict(known, **found, sha256=fingerprint(der))


def expiring(certificates: t.Sequence[Data], within: int) -> t.List[str]:
    """Who expires within that many seconds."""
    soon = [one for one in certificates if one["expires_in"] is not None and one["expires_in"] < within]
    return [one["subject"] or f"CRL of {one['issuer']}" for one in soon]


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "type": {"type": "str", "choices": ["any", "x509", "x509_crl", "ocsp_response"], "default": "any"},
            "subject": {"type": "str"},
            "expires_within": {"type": "str", "default": "30d"},
            **socket_spec(),
        },
        supports_check_mode=True,
    )
    params = module.params
    try:
        within = seconds(params["expires_within"])
    except ValueError as error:
        module.fail_json(msg=f"expires_within: {error}")
    message = {"type": params["type"].upper(), "flag": "ANY", "subject": params["subject"]}
    try:
        with ViciSession(params["socket"], binary=("data",)) as session:
            events = session.stream("list-certs", "list-cert", message)
    except ViciError as error:
        module.fail_json(msg=str(error))
    now = datetime.datetime.now(datetime.timezone.utc)
    certificates = [described(event, now) for event in events]
    module.exit_json(certificates=certificates, expiring=expiring(certificates, within))


if __name__ == "__main__":
    main()
