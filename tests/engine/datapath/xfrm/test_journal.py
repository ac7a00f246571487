"""The journal of what is in the kernel: it survives a kill, a full disk and torn lines."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from ikeengine.datapath.xfrm import journal as module
from ikeengine.datapath.xfrm.journal import Journal
from ikeengine.errors import DatapathError


def killed(journal: Journal) -> None:
    """The process is gone: its descriptors are closed, and nothing is tidied up."""
    os.close(journal._file)
    journal._file = -1


def test_nothing_is_left_behind_by_a_first_run(tmp_path: Path):
    assert Journal(tmp_path / "run" / "journal").open() == ()


def test_a_killed_engine_leaves_its_entries_behind(tmp_path: Path):
    first = Journal(tmp_path / "journal")
    first.open()
    for entry in ("sa one", "sa two", "policy three"):
        first.add(entry)
    first.remove("sa two")
    killed(first)
    second = Journal(tmp_path / "journal")
    assert second.open() == ("sa one", "policy three")
    killed(second)
    third = Journal(tmp_path / "journal")
    assert third.open() == ("sa one", "policy three")
    third.remove("sa one")
    killed(third)
    assert Journal(tmp_path / "journal").open() == ("policy three",)


def test_the_file_goes_when_nothing_is_left(tmp_path: Path):
    journal = Journal(tmp_path / "journal")
    journal.open()
    journal.add("sa one")
    journal.remove("sa one")
    journal.remove("sa one")
    journal.close()
    journal.close()
    assert list(tmp_path.iterdir()) == []


def test_the_file_stays_while_something_could_not_be_removed(tmp_path: Path):
    journal = Journal(tmp_path / "journal")
    journal.open()
    journal.add("sa one")
    journal.close()
    assert Journal(tmp_path / "journal").open() == ("sa one",)


def test_only_one_engine_at_a_time(tmp_path: Path):
    first = Journal(tmp_path / "journal")
    first.open()
    first.add("sa one")
    with pytest.raises(DatapathError, match="another engine is using it"):
        Journal(tmp_path / "journal").open()
    killed(first)
    assert Journal(tmp_path / "journal").open() == ("sa one",)


def test_a_file_that_was_replaced_while_it_was_opened(tmp_path: Path, monkeypatch):
    (tmp_path / "journal").write_text("")

    def replace(file: int, how: int) -> None:
        (tmp_path / "other").write_text("")
        (tmp_path / "other").rename(tmp_path / "journal")

    monkeypatch.setattr(module.fcntl, "flock", replace)
    with pytest.raises(DatapathError, match="another engine is using it"):
        Journal(tmp_path / "journal").open()


def test_a_file_that_was_removed_while_it_was_opened(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(module.fcntl, "flock", lambda file, how: (tmp_path / "journal").unlink())
    with pytest.raises(DatapathError, match="No such file"):
        Journal(tmp_path / "journal").open()


def test_entries_from_before_a_reboot_do_not_count(tmp_path: Path, monkeypatch):
    first = Journal(tmp_path / "journal")
    first.open()
    first.add("sa one")
    killed(first)
    monkeypatch.setattr(module, "_boot_id", lambda: "another boot")
    assert Journal(tmp_path / "journal").open() == ()


def test_without_a_boot_id(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(module, "_BOOT_ID", tmp_path / "absent")
    first = Journal(tmp_path / "journal")
    first.open()
    first.add("sa one")
    killed(first)
    assert Journal(tmp_path / "journal").open() == ("sa one",)


def test_a_torn_line_costs_only_itself(tmp_path: Path):
    first = Journal(tmp_path / "journal")
    first.open()
    first.add("sa one")
    os.write(first._file, b"\n+sa tw")
    first.add("sa three")
    killed(first)
    assert Journal(tmp_path / "journal").open() == ("sa one", "sa tw", "sa three")


def test_dead_lines_do_not_pile_up(tmp_path: Path):
    journal = Journal(tmp_path / "journal")
    journal.open()
    journal.add("sa that stays")
    for number in range(3000):
        journal.add(f"sa {number}")
        journal.remove(f"sa {number}")
    assert (tmp_path / "journal").stat().st_size < 40_000
    killed(journal)
    assert Journal(tmp_path / "journal").open() == ("sa that stays",)


def test_a_full_disk_is_reported_once_and_does_no_harm(tmp_path: Path, monkeypatch, caplog):
    journal = Journal(tmp_path / "journal")
    journal.open()
    real_write = os.write

    def full(file: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module.os, "write", full)
    journal.add("sa one")
    journal.add("sa two")
    assert caplog.text.count("No space left on device") == 1
    monkeypatch.setattr(module.os, "write", real_write)
    journal.add("sa three")
    killed(journal)
    assert Journal(tmp_path / "journal").open() == ("sa three",)


def test_a_rewrite_that_fails_keeps_the_old_file(tmp_path: Path, monkeypatch):
    journal = Journal(tmp_path / "journal")
    journal.open()
    journal.add("sa that stays")
    monkeypatch.setattr(Path, "rename", lambda self, target: (_ for _ in ()).throw(OSError(errno.EIO, "I/O error")))
    for number in range(600):
        journal.add(f"sa {number}")
        journal.remove(f"sa {number}")
    killed(journal)
    monkeypatch.undo()
    assert Journal(tmp_path / "journal").open() == ("sa that stays",)


def test_a_place_that_cannot_be_written(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DatapathError, match="cannot be used"):
        Journal(tmp_path / "file" / "journal").open()


def test_without_a_path_nothing_is_written(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    journal = Journal(None)
    assert journal.open() == ()
    journal.add("sa one")
    journal.remove("sa one")
    journal.close()
    assert list(tmp_path.iterdir()) == []
