# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import pathlib
import stat
import threading

import pytest
from ansible.errors import AnsibleLookupError

from ansible_collections.keymesh.ike.plugins.lookup.psk import LookupModule
from ansible_collections.keymesh.ike.plugins.plugin_utils._psk_store import PskStore, StoreError


@pytest.fixture
def store(tmp_path: pathlib.Path) -> PskStore:
    return PskStore(str(tmp_path / "deep" / "psk"))


def test_a_key_is_generated_once(store: PskStore, tmp_path: pathlib.Path) -> None:
    key = store.key("a--b")
    assert key.startswith("0x") and len(bytes.fromhex(key[2:])) == 32
    assert store.key("a--b") == key
    assert PskStore(str(tmp_path / "deep" / "psk")).key("a--b") == key
    assert store.key("a--c") != key


def test_keys_are_for_the_user_only_and_not_for_git(store: PskStore, tmp_path: pathlib.Path) -> None:
    store.key("a--b")
    directory = tmp_path / "deep" / "psk"
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert stat.S_IMODE((directory / "a--b.psk").stat().st_mode) == 0o600
    assert (directory / ".gitignore").read_text() == "*\n"
    assert sorted(os.listdir(directory)) == [".gitignore", "a--b.psk"]


def test_in_check_mode_nothing_is_kept(store: PskStore, tmp_path: pathlib.Path) -> None:
    assert store.key("a--b", keep=False) != store.key("a--b", keep=False)
    assert not (tmp_path / "deep").exists()


def test_several_forks_agree_on_one_key(store: PskStore) -> None:
    found = []
    threads = [threading.Thread(target=lambda: found.append(store.key("a--b"))) for unused in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8 and len(set(found)) == 1


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_key_that_others_can_read_is_refused(store: PskStore, tmp_path: pathlib.Path, mode: int) -> None:
    key = store.key("a--b")
    (tmp_path / "deep" / "psk" / "a--b.psk").chmod(mode)
    with pytest.raises(StoreError, match="accessible by others") as caught:
        store.key("a--b")
    assert key[2:] not in str(caught.value)


@pytest.mark.parametrize("content", ["", "short", "0x1234", "0xzz" + "0" * 40])
def test_a_weak_or_damaged_key_is_refused(store: PskStore, tmp_path: pathlib.Path, content: str) -> None:
    store.key("a--b")
    (tmp_path / "deep" / "psk" / "a--b.psk").write_text(content)
    if content.startswith("0xzz"):
        assert store.key("a--b") == content  # plain text, and long enough
        return
    with pytest.raises(StoreError, match="at least 128 bits"):
        store.key("a--b")


@pytest.mark.parametrize("content", ["0sMDEyMzQ1Njc4OWFiY2RlZg==\n", "correct horse battery staple\n"])
def test_keys_that_a_person_put_there(store: PskStore, tmp_path: pathlib.Path, content: str) -> None:
    store.key("a--b")
    (tmp_path / "deep" / "psk" / "a--b.psk").write_text(content)
    assert store.key("a--b") == content.strip()


@pytest.mark.parametrize("pair", ["", "../x", "a/b", ".a", "a b"])
def test_names_that_are_no_names(store: PskStore, pair: str) -> None:
    with pytest.raises(StoreError, match="cannot be the name of a key"):
        store.key(pair)


def test_links_are_not_followed(store: PskStore, tmp_path: pathlib.Path) -> None:
    store.key("a--b")
    (tmp_path / "deep" / "psk" / "a--c.psk").symlink_to(tmp_path / "deep" / "psk" / "a--b.psk")
    with pytest.raises(StoreError):
        store.key("a--c")


class Lookup(LookupModule):
    """The lookup without Ansible's configuration around it."""

    def set_options(self, task_keys=None, var_options=None, direct=None) -> None:
        self._given = {"create": True, "generation": "current", **direct}

    def get_option(self, option, hostvars=None):
        return self._given[option]


def test_the_lookup(tmp_path: pathlib.Path) -> None:
    lookup, path = Lookup(), str(tmp_path / "psk")
    assert lookup.run(["a--b", "a--c"], {}, store=path) == lookup.run(["a--b", "a--c"], {}, store=path)
    assert lookup.run(["x--y"], {}, store=path, create=False) != lookup.run(["x--y"], {}, store=path, create=False)
    with pytest.raises(AnsibleLookupError, match="cannot be the name"):
        lookup.run(["../x"], {}, store=path)
    for generation in ("next", "previous"):
        with pytest.raises(AnsibleLookupError, match=f"a--b has no {generation} key"):
            lookup.run(["a--b"], {}, store=path, generation=generation)
