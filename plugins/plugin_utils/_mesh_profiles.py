# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Named profiles of proposals. Private to the collection. Pure functions."""

from __future__ import annotations

import typing as t

from ansible_collections.keymesh.ike.plugins.plugin_utils import _proposals

Data = t.Dict[str, t.Any]

PROFILES: t.Dict[str, Data] = {
    # What current implementations agree on best: authenticated encryption and Curve25519.
    "modern": {
        "ike": ["aes256gcm16-prfsha384-x25519", "aes256gcm16-prfsha384-ecp384"],
        "esp": ["aes256gcm16-x25519", "aes256gcm16-ecp384"],
    },
    # CNSA 2.0: nothing but AES-256, SHA-384 and ML-KEM-1024, which comes after ECDH on P-384.
    "cnsa2": {
        "ike": ["aes256gcm16-prfsha384-ecp384-ke1_mlkem1024"],
        "esp": ["aes256gcm16-ecp384-ke1_mlkem1024"],
    },
    # CNSA 1.0 (RFC 9206).
    "cnsa": {
        "ike": ["aes256gcm16-prfsha384-ecp384"],
        "esp": ["aes256gcm16-ecp384"],
    },
    # Algorithms that FIPS 140-3 modules are validated for (SP 800-77r1): NIST curves, AES, SHA-2.
    "fips": {
        "ike": [
            "aes256gcm16-prfsha384-ecp384",
            "aes256gcm16-prfsha256-ecp256",
            "aes256-sha384-ecp384",
            "aes256-sha256-modp3072",
        ],
        "esp": ["aes256gcm16-ecp384", "aes256gcm16-ecp256", "aes256-sha384-ecp384", "aes256-sha256-modp3072"],
    },
    # For appliances without Curve25519 or AES-GCM; still nothing below 112 bits of strength.
    "compat": {
        "ike": ["aes256-sha256-ecp256", "aes256-sha256-modp2048"],
        "esp": ["aes256gcm16-ecp256", "aes256-sha256-ecp256", "aes256-sha256-modp2048"],
    },
    # Safe from quantum computers as long as either Curve25519 or ML-KEM holds (RFC 9370).
    "post_quantum": {
        "ike": ["aes256gcm16-prfsha384-x25519-ke1_mlkem768"],
        "esp": ["aes256gcm16-x25519-ke1_mlkem768"],
    },
    # What appliances spoke before IKEv2. Weak, so a mesh must allow it.
    "legacy_ikev1": {
        "version": 1,
        "ike": ["aes256-sha256-modp2048", "aes256-sha1-modp2048", "aes128-sha1-modp1536", "3des-sha1-modp1024"],
        "esp": ["aes256-sha256-modp2048", "aes256-sha1-modp2048", "aes128-sha1-modp1536", "3des-sha1-modp1024"],
    },
}
ALIASES = {"compatible": "compat"}
"""Names of version 0.1."""

KINDS = ("ike", "esp")


def proposals(profile: t.Any, own: t.Optional[t.Mapping[str, t.Any]] = None) -> t.Tuple[Data, t.List[str]]:
    """The proposals of a profile's name, or of a dictionary with C(ike) and C(esp), and what is wrong with it.

    The result has C(version) too, the IKE version that they are meant for.
    """
    if isinstance(profile, str):
        known = {**PROFILES, **(own or {})}
        name = profile if profile in known else ALIASES.get(profile, profile)
        if name not in known:
            return _NOTHING, [f"there is no profile {profile!r}; there are {', '.join(sorted(known))}"]
        profile = known[name]
    if not isinstance(profile, t.Mapping) or not set(KINDS) <= set(profile) <= {*KINDS, "version"}:
        return _NOTHING, [
            f"{profile!r} must be a profile's name, or a dictionary with exactly the keys ike and esp, each a list of proposals"
        ]
    lists = {kind: [profile[kind]] if isinstance(profile[kind], str) else profile[kind] for kind in KINDS}
    for kind, found in lists.items():
        if not found or not isinstance(found, (list, tuple)):
            return _NOTHING, [f"{kind} must be a list of proposals, such as [{_proposals.SAMPLES[kind]}]"]
    return {kind: list(found) for kind, found in lists.items()} | {"version": profile.get("version", 2)}, []


def policy(lists: t.Mapping[str, t.Any], allow_weak: bool) -> t.List[str]:
    """What is wrong with the single proposals."""
    return [text for kind in KINDS for one in lists[kind] for text in _proposals.problems(kind, one, allow_weak)]


_NOTHING: Data = {"ike": [], "esp": [], "version": 2}
