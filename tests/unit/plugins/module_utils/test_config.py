# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import pathlib
import stat

import pytest

from ansible_collections.keymesh.ike.plugins.module_utils._config import Candidate, file_diff, redact

SECRET = "0xdeadbeefdeadbeefdeadbeefdeadbeef"


@pytest.mark.parametrize(
    "text",
    [
        f"secrets:\n  ike-x:\n    secret: {SECRET}\n    id: [a, b]\n",
        f'secrets:\n  ike-x:\n    "secret": "{SECRET}"\n    id: [a, b]\n',
        f"secrets: {{ike-x: {{secret: {SECRET}, id: [a, b]}}}}\n",
        f"secrets:\n  ike-x:\n    secret: |\n      {SECRET}\n      {SECRET}\n    id: [a, b]\n",
        f"secrets:\n  ike-x:\n    secret: >-\n\n      {SECRET}\n    id: [a, b]\n",
        f"secrets:\n  private-x:\n    password: {SECRET} # {SECRET}\n    id: [a, b]\n",
        f"secrets:\n  private-x:\n    password: '{SECRET}'\n    id: [a, b]\n",
    ],
)
def test_secrets_are_redacted(text: str) -> None:
    shown = redact(text)
    assert "deadbeef" not in shown
    assert "********" in shown
    assert "id: [a, b]" in shown


def test_everything_else_is_shown() -> None:
    text = "connections:\n  a:\n    proposals: [aes256gcm16]\nsecrets:\n  ike-x:\n    file: /etc/x.psk\n"
    assert redact(text) == text


def test_a_diff_of_a_new_a_changed_and_a_removed_file() -> None:
    assert file_diff("/f", None, "a: 1\n") == "--- /dev/null\n+++ /f\n@@ -0,0 +1 @@\n+a: 1\n"
    assert file_diff("/f", "a: 1\n", "a: 2\n") == "--- /f\n+++ /f\n@@ -1 +1 @@\n-a: 1\n+a: 2\n"
    assert file_diff("/f", "a: 1\n", None) == "--- /f\n+++ /dev/null\n@@ -1 +0,0 @@\n-a: 1\n"


@pytest.fixture
def config(tmp_path: pathlib.Path) -> pathlib.Path:
    directory = tmp_path / "etc"
    (directory / "private").mkdir(parents=True)
    (directory / "private" / "host.key").write_text("key")
    (directory / "engine.yml").write_text("engine: {}\n")
    (directory / "tunnels.yml").write_text("old\n")
    (directory / "tunnels.yml").chmod(0o640)
    directory.chmod(0o750)
    return directory


def test_a_candidate_is_the_configuration_with_one_file_replaced(config: pathlib.Path) -> None:
    with Candidate(str(config), "tunnels.yml", "new\n") as candidate:
        root = pathlib.Path(candidate.root)
        assert root != config and root.name == "etc"
        assert (root / "tunnels.yml").read_text() == "new\n"
        assert (root / "engine.yml").read_text() == "engine: {}\n"
        assert (root / "private" / "host.key").read_text() == "key"
        assert stat.S_IMODE((root / "tunnels.yml").stat().st_mode) == 0o640
        assert stat.S_IMODE(root.stat().st_mode) == 0o750
        assert candidate.in_words_of_the_real_path(f"{root}/tunnels.yml:3: bad") == f"{config}/tunnels.yml:3: bad"
    assert not root.exists()
    assert (config / "private" / "host.key").read_text() == "key"
    assert sorted(os.listdir(config.parent)) == ["etc"]


def test_a_new_file_is_for_the_owner_only(config: pathlib.Path) -> None:
    with Candidate(str(config), "new.yml", "new\n") as candidate:
        assert stat.S_IMODE(os.stat(candidate.changed_file).st_mode) == 0o600


def test_a_candidate_without_a_file(config: pathlib.Path) -> None:
    with Candidate(str(config), "tunnels.yml", None, absent=True) as candidate:
        assert sorted(os.listdir(candidate.root)) == ["engine.yml", "private"]
    assert (config / "tunnels.yml").exists()


def test_a_candidate_for_a_configuration_that_is_a_file(config: pathlib.Path) -> None:
    with Candidate(str(config / "tunnels.yml"), None, "new\n") as candidate:
        assert pathlib.Path(candidate.root).read_text() == "new\n"
        assert candidate.root == candidate.changed_file


def test_without_a_change_the_configuration_itself_is_asked_about(config: pathlib.Path) -> None:
    with Candidate(str(config), None, None) as candidate:
        assert candidate.root == str(config)
        assert not candidate.changes_file
        assert sorted(os.listdir(config.parent)) == ["etc"]
