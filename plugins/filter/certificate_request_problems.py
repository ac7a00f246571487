# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter: why a request must not be signed."""

from __future__ import annotations

DOCUMENTATION = r"""
name: certificate_request_problems
short_description: Why a certificate request must not be signed
version_added: 0.2.0
author:
  - keymesh.ike contributors (@keymesh)
description:
  - A CA copies the names and extensions of a request, so it must not sign one that asks for more than the inventory says of the host.
positional: names
options:
  _input:
    description: What M(community.crypto.openssl_csr_info) returns.
    type: dict
    required: true
  names:
    description: From P(keymesh.ike.certificate_names#filter).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Sign nothing else
  ansible.builtin.assert:
    that: request | community.crypto.openssl_csr_info | keymesh.ike.certificate_request_problems(names) | length == 0
  vars:
    names: "{{ 'gw1.example.com' | keymesh.ike.certificate_names }}"
"""

RETURN = r"""
_value:
  description: What is wrong, empty if nothing is.
  type: list
  elements: str
"""

import typing as t

from ansible_collections.keymesh.ike.plugins.plugin_utils._pki import request_problems


def certificate_request_problems(request: t.Mapping[str, t.Any], names: t.Mapping[str, t.Any]) -> t.List[str]:
    """The problems, see the documentation of the filter."""
    return request_problems(request, names)


class FilterModule:
    """The filter of this file."""

    def filters(self) -> t.Dict[str, t.Callable[..., t.Any]]:
        """Names of the filters."""
        return {"certificate_request_problems": certificate_request_problems}
