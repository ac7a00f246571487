# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible.parsing.vault import VaultSecret

from ansible_collections.keymesh.ike.plugins.plugin_utils._psk_vault import Vault

SECRET = "0s5ZyrVqGHpmPtSP+7zvDW3EdvCHF7GHbvvpNYYkZlB3s="


def vault(password: str = "open sesame") -> Vault:
    return Vault([("default", VaultSecret(password.encode()))])


def tunnel(one: str, other: str, **changes: t.Any) -> t.Dict[str, t.Any]:
    """A tunnel as C(one) sees it."""
    first, second = sorted((one, other))
    return {
        "name": f"{first}--{second}",
        "mesh": "backbone",
        "peer": other,
        "peer_managed": True,
        "initiator": one == first,
        "auth": "psk",
        "local": {"host": one, "id": f"{one}.example.com"},
        "remote": {"host": other, "id": f"{other}.example.com"},
        **changes,
    }


def mesh(host: str, *peers: str) -> t.List[t.Dict[str, t.Any]]:
    return [tunnel(host, peer) for peer in peers]
