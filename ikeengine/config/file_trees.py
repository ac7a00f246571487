"""Copies of directories with owners and modes, and making one directory equal to another, file by file."""

from __future__ import annotations

import filecmp
import os
import shutil
import stat
from pathlib import Path


def copy_tree(source: Path, target: Path) -> None:
    """Copy a directory that does not exist yet; symbolic links stay what they are. Raises OSError."""
    target.mkdir(mode=0o700)
    for name in sorted(os.listdir(source)):
        if (source / name).is_dir() and not (source / name).is_symlink():
            copy_tree(source / name, target / name)
        else:
            _copy_file(source / name, target / name)
    _copy_attributes(source, target)


def make_equal(target: Path, source: Path) -> None:
    """Give a directory exactly the content of another one; what is equal is not touched. Raises OSError.

    Each file is replaced as a whole. Interrupted half way, it can be repeated.
    """
    if target.is_symlink() or not target.is_dir():
        _remove(target)
        copy_tree(source, target)
        return
    for name in sorted({*os.listdir(source), *os.listdir(target)}):
        here, there = target / name, source / name
        if not os.path.lexists(there):
            _remove(here)
        elif there.is_dir() and not there.is_symlink():
            make_equal(here, there)
        elif not _is_equal(here, there):
            _replace(here, there)
    if _attributes(target) != _attributes(source):
        _copy_attributes(source, target)


def _replace(target: Path, source: Path) -> None:
    if target.is_dir() and not target.is_symlink():
        _remove(target)
    temporary = target.with_name(f".{target.name}.restored")
    _remove(temporary)
    _copy_file(source, temporary)
    temporary.replace(target)


def _copy_file(source: Path, target: Path) -> None:
    if source.is_symlink():
        target.symlink_to(source.readlink())
    else:
        # Nobody may read a secret between its creation and its mode.
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        shutil.copyfile(source, target)
    _copy_attributes(source, target)


def _copy_attributes(source: Path, target: Path) -> None:
    status = source.lstat()
    if (status.st_uid, status.st_gid) != (target.lstat().st_uid, target.lstat().st_gid):
        os.chown(target, status.st_uid, status.st_gid, follow_symlinks=False)
    if not source.is_symlink():
        shutil.copystat(source, target)


def _is_equal(one: Path, other: Path) -> bool:
    if not os.path.lexists(one) or _attributes(one) != _attributes(other):
        return False
    if one.is_symlink():
        return one.readlink() == other.readlink()
    return filecmp.cmp(one, other, shallow=False)


def _attributes(path: Path) -> tuple[int, int, int]:
    """Type and mode, owner and group."""
    status = path.lstat()
    return (status.st_mode, status.st_uid, status.st_gid)


def _remove(path: Path) -> None:
    if not os.path.lexists(path):
        return
    if stat.S_ISDIR(path.lstat().st_mode):
        shutil.rmtree(path)
    else:
        path.unlink()
