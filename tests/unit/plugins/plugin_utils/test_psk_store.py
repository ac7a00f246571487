# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import pathlib
import stat

import pytest

from ansible_collections.keymesh.ike.plugins.plugin_utils._psk_ring import Ring
from ansible_collections.keymesh.ike.plugins.plugin_utils._psk_store import PskStore, StoreError
from ansible_collections.keymesh.ike.plugins.plugin_utils._psk_vault import Vault
from ansible_collections.keymesh.ike.tests.unit.plugins.plugin_utils.psk_samples import vault


@pytest.fixture
def path(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "a--b.psk"


def store(path: pathlib.Path, password: str = "") -> PskStore:
    return PskStore(str(path.parent), vault(password) if password else Vault())


def test_with_a_password_files_are_encrypted(path: pathlib.Path) -> None:
    key = store(path, "one").key("a--b")
    assert path.read_bytes().startswith(b"$ANSIBLE_VAULT;")
    assert key[2:].encode() not in path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert store(path, "one").key("a--b") == key


@pytest.mark.parametrize("content", ["0x" + "ab" * 32, '{"current": "0x%s"}' % ("ab" * 32)])
def test_plain_files_are_read_and_encrypted_as_soon_as_possible(path: pathlib.Path, content: str) -> None:
    path.write_text(content)
    path.chmod(0o600)
    key = "0x" + "ab" * 32
    assert store(path).key("a--b") == key
    assert store(path, "one").key("a--b", keep=False) == key
    assert path.read_text() == content, "not in check mode"
    assert store(path, "one").key("a--b") == key
    assert path.read_bytes().startswith(b"$ANSIBLE_VAULT;")
    assert store(path, "one").key("a--b") == key


def test_without_the_right_password(path: pathlib.Path) -> None:
    store(path, "one").key("a--b")
    before = path.read_bytes()
    with pytest.raises(StoreError, match="psk_store.*no vault password.*--vault-password-file"):
        store(path).key("a--b")
    with pytest.raises(StoreError, match="psk_store.*cannot be decrypted.*ansible-vault rekey"):
        store(path, "two").key("a--b")
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", ["{", "{}", '{"current": 3}', '{"current": "short"}', '{"currant": "0x%s"}' % ("ab" * 32)])
def test_a_damaged_file(path: pathlib.Path, content: str) -> None:
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(StoreError, match="psk_store"):
        store(path).key("a--b")


def test_a_rotation(path: pathlib.Path) -> None:
    one = store(path, "one")
    old, new = one.key("a--b"), "0x" + "cd" * 32
    assert one.change("a--b", lambda ring: ring.begun(new)) == (Ring(old), Ring(old, 1, new))
    assert store(path, "one").ring("a--b").accepted() == [(1, old), (2, new)]
    one.change("a--b", Ring.switched)
    assert store(path, "one").ring("a--b").accepted() == [(2, new), (1, old)]
    one.change("a--b", Ring.retired)
    assert store(path, "one").ring("a--b").accepted() == [(2, new)]
    assert one.change("a--b", lambda ring: ring.begun(old), keep=False)[1].next == old
    assert store(path, "one").ring("a--b").is_settled, "not in check mode"
    assert sorted(entry.name for entry in path.parent.iterdir()) == [".gitignore", "a--b.psk"]


def test_each_step_can_be_repeated() -> None:
    ring = Ring("old")
    begun = ring.begun("new")
    assert begun.begun("newer") == begun and ring.switched() == ring and ring.retired() == ring
    switched = begun.switched()
    assert switched.switched() == switched and switched.begun("newer") == switched
    assert switched.retired().retired() == Ring("new", 2)


def test_epochs_are_no_secret(path: pathlib.Path) -> None:
    one = store(path, "one")
    assert one.epochs("3") == Ring("3")
    assert json.loads((path.parent / "epoch.json").read_text()) == {"current": "3", "generation": 1}
    assert one.epochs("4") == Ring("3"), "what is noted counts"
