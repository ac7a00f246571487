# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.keymesh.ike.plugins.plugin_utils import _proposals
from ansible_collections.keymesh.ike.plugins.plugin_utils._mesh_profiles import PROFILES, policy, proposals


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_profiles_keep_the_policy(name: str) -> None:
    lists, wrong = proposals(name)
    assert not wrong
    assert bool(policy(lists, allow_weak=False)) == (name == "legacy_ikev1")
    assert policy(lists, allow_weak=True) == []
    assert lists["version"] == (1 if name == "legacy_ikev1" else 2)


def test_names_of_version_0_1() -> None:
    assert proposals("compatible") == proposals("compat")
    assert proposals("cnsa")[0]["ike"] == ["aes256gcm16-prfsha384-ecp384"]


def test_profiles_and_proposals_of_ones_own() -> None:
    assert proposals("ours", {"ours": {"ike": "aes256-sha256-ecp256", "esp": ["aes256-sha256"]}}) == (
        {"ike": ["aes256-sha256-ecp256"], "esp": ["aes256-sha256"], "version": 2},
        [],
    )
    for wrong in ({"ike": ["x"]}, {"ike": ["x"], "esp": ["x"], "ah": ["x"]}, 7):
        assert "exactly the keys ike and esp" in proposals(wrong)[1][0]
    for wrong in ({"ike": ["x"], "esp": []}, {"ike": ["x"], "esp": 7}):
        assert proposals(wrong)[1] == ["esp must be a list of proposals, such as [aes256gcm16-x25519]"]


@pytest.mark.parametrize(
    ("kind", "text", "problem"),
    [
        ("ike", "aes256gcm16-prfsha384-x25518", "'x25518' is no algorithm that ikeengine has; did you mean x25519?"),
        ("ike", "aes256gcm16-prfsha384-mlkem768", "mlkem768 comes only after another key exchange; write ke1_mlkem768"),
        ("ike", "aes256gcm16-prfsha384", "there is no key exchange"),
        ("ike", "aes256gcm16-x25519", "there is no PRF"),
        ("ike", "aes256-x25519", "there is no integrity algorithm"),
        ("ike", "prfsha256-x25519", "there is no cipher"),
        ("ike", "aes256gcm16-sha256-prfsha256-x25519", "takes no integrity algorithm"),
        ("ike", "aes256gcm16-aes256-sha256-x25519", "need proposals of their own"),
        ("ike", "aes256-sha256-x25519-esn", "esn is for ESP only"),
        ("ike", "aes256-sha256-x25519-ke1_x25519", "ke1_x25519 repeats a key exchange"),
        ("ike", 7, "7 is not a proposal"),
        ("esp", "aes256gcm16-prfsha384", "prfsha384 is for IKE only"),
        ("esp", "aes256gcm16-ke1_mlkem768", "adds to a key exchange, but there is none"),
        ("esp", "", "'' is not a proposal, such as aes256gcm16-x25519"),
    ],
)
def test_proposals_that_cannot_be(kind: str, text: str, problem: str) -> None:
    found = _proposals.problems(kind, text)
    assert len(found) == 1
    assert problem in found[0]


@pytest.mark.parametrize("word", ["3des-sha256", "des-sha256", "aes128-md5", "aes128-sha1", "null-sha256", "aes128-sha256-modp1536"])
def test_weak_algorithms_must_be_allowed(word: str) -> None:
    assert "is weak; take another one, or say allow_weak: true" in _proposals.problems("esp", word)[0]
    assert _proposals.problems("esp", word, allow_weak=True) == []


def test_a_child_sa_without_pfs_is_possible() -> None:
    assert _proposals.problems("esp", "aes256gcm16") == []
    assert _proposals.problems("esp", "aes256gcm16-x25519-none-esn-noesn") == []
