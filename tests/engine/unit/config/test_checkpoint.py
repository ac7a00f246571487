"""Copies of a configuration directory, deadlines, and going back."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from ikeengine.config import checkpoint
from ikeengine.config.checkpoint import Checkpoint


@pytest.fixture
def config(tmp_path: Path) -> Path:
    directory = tmp_path / "etc"
    (directory / "psk").mkdir(parents=True, mode=0o700)
    (directory / "tunnels.yml").write_text("old\n")
    (directory / "psk" / "a--b.psk").write_text("secret\n")
    (directory / "psk" / "a--b.psk").chmod(0o600)
    (directory / "link").symlink_to("tunnels.yml")
    return directory


def content(directory: Path) -> dict[str, object]:
    return {
        str(path.relative_to(directory)): (
            str(path.readlink()) if path.is_symlink() else path.is_file() and path.read_text(),
            stat.S_IMODE(path.lstat().st_mode),
        )
        for path in sorted(directory.rglob("*"))
    }


def test_everything_comes_back_and_nothing_else_stays(config: Path) -> None:
    before = content(config)
    point = Checkpoint(config)
    assert point.take()
    (config / "tunnels.yml").write_text("new\n")
    (config / "tunnels.yml").chmod(0o666)
    (config / "psk" / "a--b.psk").unlink()
    (config / "psk").rmdir()
    (config / "psk").write_text("a file where a directory was")
    (config / "link").unlink()
    (config / "link").mkdir()
    (config / "more" / "deep").mkdir(parents=True)
    point.restore()
    assert content(config) == before
    point.restore()
    assert content(config) == before


def test_a_directory_that_is_gone_comes_back(config: Path) -> None:
    before = content(config)
    point = Checkpoint(config)
    point.take()
    config.rename(config.parent / "elsewhere")
    point.restore()
    assert content(config) == before


def test_the_first_copy_of_a_change_counts(config: Path) -> None:
    point = Checkpoint(config)
    point.take()
    (config / "tunnels.yml").write_text("half changed\n")
    assert not point.take()
    point.restore()
    assert (config / "tunnels.yml").read_text() == "old\n"


def test_nobody_else_may_read_the_copy(config: Path) -> None:
    config.chmod(0o755)
    point = Checkpoint(config)
    point.take()
    assert stat.S_IMODE(point.directory.stat().st_mode) == 0o750
    assert stat.S_IMODE((point.files / "psk" / "a--b.psk").stat().st_mode) == 0o600


def test_the_deadline_is_that_of_the_last_arming(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    point = Checkpoint(config)
    point.take()
    assert point.pending() is None
    monkeypatch.setattr(checkpoint, "boottime", lambda: 100.0)
    point.arm(600, ("restart", "it"))
    armed = point.arm(60)
    assert point.pending() == armed
    assert armed.left() == 60
    assert not armed.is_due
    monkeypatch.setattr(checkpoint, "boottime", lambda: 160.0)
    assert armed.is_due


def test_after_another_boot_it_is_too_late(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    point = Checkpoint(config)
    point.take()
    armed = point.arm(3600)
    monkeypatch.setattr(checkpoint, "boot", lambda: "another")
    assert armed.is_due


@pytest.mark.parametrize("text", ["", "{", "[]", '{"token": "x"}'])
def test_a_deadline_that_cannot_be_read_has_passed(config: Path, text: str) -> None:
    point = Checkpoint(config)
    point.take()
    (point.directory / "pending.json").write_text(text)
    found = point.pending()
    assert found is not None
    assert found.is_due


def test_what_was_undone_is_remembered_until_the_next_change(config: Path) -> None:
    point = Checkpoint(config)
    assert point.rolled_back() == ""
    point.take()
    armed = point.arm(30)
    point.note_rollback(armed)
    point.discard()
    assert not point.exists
    assert "because nobody confirmed it within 30 seconds" in point.rolled_back()
    point.take()
    point.arm(30)
    assert point.rolled_back() == ""
    (config.parent / ".etc.rolled-back").write_text(json.dumps([]))
    assert point.rolled_back() == "rolled back"


def test_an_interrupted_copy_is_made_again(config: Path) -> None:
    (config.parent / ".etc.checkpoint.new" / "files").mkdir(parents=True)
    point = Checkpoint(config)
    assert not point.exists
    assert point.take()
    assert content(point.files) == content(config)
    assert sorted(os.listdir(config.parent)) == [".etc.checkpoint", "etc"]
