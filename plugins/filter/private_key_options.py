# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter: a type of keys as options of community.crypto."""

from __future__ import annotations

DOCUMENTATION = r"""
name: private_key_options
short_description: A type of keys as options of community.crypto
version_added: 0.2.0
author:
  - keymesh.ike contributors (@keymesh)
description:
  - Fails if there is no such type, or none of this size.
positional: size
options:
  _input:
    description: V(ecdsa), V(rsa) or V(ed25519).
    type: str
    required: true
  size:
    description: Bits of the key. V(0) stands for 256 with ECDSA and 3072 with RSA. Keys of Ed25519 have one size.
    type: int
    default: 0
"""

EXAMPLES = r"""
- name: Create a key
  community.crypto.openssl_privatekey:
    path: /etc/ikeengine/private/host.key
    type: "{{ key.type }}"
    curve: "{{ key.curve | default(omit) }}"
    size: "{{ key.size | default(omit) }}"
  vars:
    key: "{{ 'ecdsa' | keymesh.ike.private_key_options(384) }}"
"""

RETURN = r"""
_value:
  description: The keys C(type), and C(curve) or C(size) where they apply, of M(community.crypto.openssl_privatekey).
  type: dict
"""

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.keymesh.ike.plugins.plugin_utils._pki import IdentityError, key_options


def private_key_options(kind: str, size: int = 0) -> t.Dict[str, t.Any]:
    """The options, see the documentation of the filter."""
    try:
        return key_options(str(kind), int(size))
    except IdentityError as error:
        raise AnsibleFilterError(f"keymesh.ike.private_key_options: {error}") from None


class FilterModule:
    """The filter of this file."""

    def filters(self) -> t.Dict[str, t.Callable[..., t.Any]]:
        """Names of the filters."""
        return {"private_key_options": private_key_options}
