# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter: an IKE identity as the names of a certificate."""

from __future__ import annotations

DOCUMENTATION = r"""
name: certificate_names
short_description: An IKE identity as the names of a certificate
version_added: 0.2.0
author:
  - keymesh.ike contributors (@keymesh)
description:
  - Peers accept a certificate only if it holds the identity that the gateway claims.
  - A distinguished name becomes the subject. Anything else becomes a subject alternative name, and the common name if it is short enough.
positional: others
options:
  _input:
    description:
      - The identity, such as V(gw1.example.com), V(admin@example.com), V(192.0.2.1), V(2001:db8::1) or V(C=CH, O=Example, CN=gw1).
      - The prefixes of the daemon work here too, such as V(fqdn:gw1), V(@gw1) or V(asn1dn:CN=gw1).
    type: str
    required: true
  others:
    description: Further alternative names, in the same notation.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Show them
  ansible.builtin.debug:
    msg: "{{ 'gw1.example.com' | keymesh.ike.certificate_names(['192.0.2.1']) }}"
    # {"subject": [{"commonName": "gw1.example.com"}], "subject_alt_name": ["DNS:gw1.example.com", "IP:192.0.2.1"]}
"""

RETURN = r"""
_value:
  description: The keys C(subject), for O(community.crypto.openssl_csr#module:subject_ordered), and C(subject_alt_name).
  type: dict
"""

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.keymesh.ike.plugins.plugin_utils._pki import IdentityError
from ansible_collections.keymesh.ike.plugins.plugin_utils._pki import certificate_names as names_of


def certificate_names(identity: str, others: t.Sequence[str] = ()) -> t.Dict[str, t.Any]:
    """The names, see the documentation of the filter."""
    try:
        return names_of(str(identity), [str(other) for other in others])
    except IdentityError as error:
        raise AnsibleFilterError(f"keymesh.ike.certificate_names: {error}") from None


class FilterModule:
    """The filter of this file."""

    def filters(self) -> t.Dict[str, t.Callable[..., t.Any]]:
        """Names of the filters."""
        return {"certificate_names": certificate_names}
