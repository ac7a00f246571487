"""The secret of quick crash detection on disk."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from ikeengine.crypto.rng import SeededRng
from ikeengine.daemon.crash_secret import OCTETS, load
from ikeengine.errors import LocalMisuse


def test_it_is_made_once(tmp_path: Path) -> None:
    file = tmp_path / "qcd.secret"
    first = load(file, SeededRng(1)).reveal()
    assert len(first) == OCTETS
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert load(file, SeededRng(2)).reveal() == first
    assert [entry.name for entry in tmp_path.iterdir()] == ["qcd.secret"]


def test_a_draft_of_a_crash_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "qcd.secret.new").write_bytes(b"half")
    assert len(load(tmp_path / "qcd.secret", SeededRng(1)).reveal()) == OCTETS


@pytest.mark.parametrize("content", [b"", b"short", bytes(OCTETS - 1), bytes(OCTETS + 1)])
def test_other_content_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "qcd.secret"
    file.write_bytes(content)
    file.chmod(0o600)
    with pytest.raises(LocalMisuse, match="32 octets"):
        load(file, SeededRng(1))


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "qcd.secret"
    file.write_bytes(bytes(OCTETS))
    file.chmod(0o640)
    with pytest.raises(LocalMisuse, match="nobody else"):
        load(file, SeededRng(1))


@pytest.mark.parametrize("make", [lambda p: p.symlink_to("/dev/zero"), lambda p: p.mkdir(mode=0o700), os.mkfifo])
def test_traps_are_refused(tmp_path: Path, make: object) -> None:
    make(tmp_path / "qcd.secret")  # type: ignore[operator]
    with pytest.raises(LocalMisuse):
        load(tmp_path / "qcd.secret", SeededRng(1))


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(LocalMisuse, match="cannot keep"):
        load(tmp_path / "absent" / "qcd.secret", SeededRng(1))
