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
  - An address becomes C(IP:), something with C(@) in it C(email:), anything else C(DNS:).
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

import ipaddress
import typing as t


def subject_alt_name(identity: str) -> str:
    """The notation of community.crypto for C(identity)."""
    try:
        return f"IP:{ipaddress.ip_address(identity)}"
    except ValueError:
        return f"email:{identity}" if "@" in identity else f"DNS:{identity}"


class FilterModule:
    """The filter of this file."""

    def filters(self) -> t.Dict[str, t.Callable[..., t.Any]]:
        """Names of the filters."""
        return {"subject_alt_name": subject_alt_name}
