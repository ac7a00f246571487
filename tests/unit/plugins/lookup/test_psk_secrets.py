# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pathlib
import typing as t

import pytest
from ansible.errors import AnsibleLookupError

from ansible_collections.keymesh.ike.plugins.lookup import derived_psk, psk_secrets
from ansible_collections.keymesh.ike.tests.unit.plugins.plugin_utils.psk_samples import SECRET, mesh

DEFAULTS = {"keys": {}, "secret": "", "epoch": "1", "create": True, "host": None, "mesh": "default"}


def look_up(plugin: t.Any, terms: t.List[t.Any], **options: t.Any) -> t.List[t.Any]:
    """The lookup without Ansible's configuration around it."""

    class Lookup(plugin.LookupModule):
        def set_options(self, task_keys=None, var_options=None, direct=None) -> None:
            self._given = {**DEFAULTS, **direct}

        def get_option(self, option, hostvars=None):
            return self._given[option]

    return Lookup().run(terms, {}, **options)


def test_the_section_of_a_host(tmp_path: pathlib.Path) -> None:
    (section,) = look_up(psk_secrets, mesh("a", "b", "c"), store=str(tmp_path))
    assert list(section) == ["ike-a--b-1", "ike-a--c-1"]
    assert [(section,)] == [tuple(look_up(psk_secrets, mesh("a", "b", "c"), store=str(tmp_path)))]
    assert look_up(psk_secrets, [], store=str(tmp_path)) == [{}]


def test_in_check_mode_nothing_is_kept(tmp_path: pathlib.Path) -> None:
    for secret in ("", SECRET):
        look_up(psk_secrets, mesh("a", "b"), store=str(tmp_path / "store"), secret=secret, create=False)
    assert not (tmp_path / "store").exists()


def test_the_section_has_the_key_that_anybody_can_derive(tmp_path: pathlib.Path) -> None:
    (section,) = look_up(psk_secrets, mesh("a", "b"), store=str(tmp_path), secret=SECRET, epoch="7")
    ids = ["b.example.com", "a.example.com"]
    assert section["ike-a--b-e7"]["secret"] == look_up(derived_psk, ids, secret=SECRET, mesh="backbone", epoch="7")[0]


@pytest.mark.parametrize(
    "options, complaint",
    [
        ({"secret": "weak"}, "psk_secrets: ike_psk_secret is too short"),
        ({"keys": {"a--b": "weak"}}, "psk_secrets: psk_keys: a--b"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: pathlib.Path, options: t.Dict[str, t.Any], complaint: str) -> None:
    with pytest.raises(AnsibleLookupError, match=complaint) as caught:
        look_up(psk_secrets, mesh("a", "b"), store=str(tmp_path), **options)
    assert "weak" not in str(caught.value).replace("too weak", "")


@pytest.mark.parametrize("terms, secret, complaint", [(["a"], SECRET, "two identities"), (["a", "b"], "weak", "the secret is too short")])
def test_a_key_that_cannot_be_derived(terms: t.List[str], secret: str, complaint: str) -> None:
    with pytest.raises(AnsibleLookupError, match=complaint):
        look_up(derived_psk, terms, secret=secret)
