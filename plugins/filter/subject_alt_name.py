# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter: an IKE identity as a subject alternative name."""

from __future__ import annotations

DOCUMENTATION = r"""
name: subject_alt_name
short_description: An IKE identity as a subject alternative name of a certificate
version_added: 0.1.0
author:
  - keymesh.ike contributors (@keymesh)
description:
  - An address becomes C(IP:), something with C(@) in it C(email:), anything else C(DNS:). The prefixes of the daemon, such as C(fqdn:), say it outright.
  - Fails for key IDs, which no certificate can hold, and for distinguished names, which are the subject of a certificate.
options:
  _input:
    description: The identity.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show it
  ansible.builtin.debug:
    msg: "{{ 'gw1.example.com' | keymesh.ike.subject_alt_name }}"
    # "DNS:gw1.example.com"
"""

RETURN = r"""
_value:
  description: The name in the notation of M(community.crypto.openssl_csr).
  type: str
"""

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.keymesh.ike.plugins.plugin_utils._pki import IdentityError, alternative_name


def subject_alt_name(identity: str) -> str:
    """The notation of community.crypto for C(identity)."""
    try:
        return alternative_name(str(identity))
    except IdentityError as error:
        raise AnsibleFilterError(f"keymesh.ike.subject_alt_name: {error}") from None


class FilterModule:
    """The filter of this file."""

    def filters(self) -> t.Dict[str, t.Callable[..., t.Any]]:
        """Names of the filters."""
        return {"subject_alt_name": subject_alt_name}
