# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter: why a gateway needs a new certificate."""

from __future__ import annotations

DOCUMENTATION = r"""
name: certificate_renewal_reasons
short_description: Why a gateway needs a new certificate
version_added: 0.2.0
author:
  - keymesh.ike contributors (@keymesh)
description:
  - Compares what a certificate says with what it should say.
options:
  _input:
    description: What M(community.crypto.x509_certificate_info) returns, with C(valid_at.renewal). Anything else counts as no certificate.
    type: dict
    required: true
  names:
    description: From P(keymesh.ike.certificate_names#filter).
    type: dict
    required: true
  key:
    description: From P(keymesh.ike.private_key_options#filter).
    type: dict
    required: true
  authority:
    description: What M(community.crypto.x509_certificate_info) says of the CA that has to be the issuer. Empty if any issuer will do.
    type: dict
    default: {}
  revoked:
    description: Serial numbers that are revoked.
    type: list
    elements: int
    default: []
"""

EXAMPLES = r"""
- name: Say why
  ansible.builtin.debug:
    msg: "{{ certificate | keymesh.ike.certificate_renewal_reasons(names=names, key=key) }}"
  vars:
    names: "{{ 'gw1.example.com' | keymesh.ike.certificate_names }}"
    key: "{{ 'ed25519' | keymesh.ike.private_key_options }}"
"""

RETURN = r"""
_value:
  description: The reasons, empty if the certificate will do.
  type: list
  elements: str
"""

import typing as t

from ansible_collections.keymesh.ike.plugins.plugin_utils._pki import renewal_reasons


def certificate_renewal_reasons(info: t.Mapping[str, t.Any], **wanted: t.Any) -> t.List[str]:
    """The reasons, see the documentation of the filter."""
    return renewal_reasons(info, **wanted)


class FilterModule:
    """The filter of this file."""

    def filters(self) -> t.Dict[str, t.Callable[..., t.Any]]:
        """Names of the filters."""
        return {"certificate_renewal_reasons": certificate_renewal_reasons}
