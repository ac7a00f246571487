"""What this engine has put into the kernel, in a file that outlives it.

Each line is `+` or `-` and an entry; an entry is written before the kernel is asked to install something, and crossed
out after the kernel has removed it. So whatever a killed engine has left behind is in the file, and nothing foreign.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import pathlib

from ikeengine.errors import DatapathError

log = logging.getLogger(__name__)

_BOOT_ID = pathlib.Path("/proc/sys/kernel/random/boot_id")
_BOOT = "boot "
_FEWEST_DEAD_LINES = 1000


class Journal:
    """The entries that are in force. Without a path nothing is written, and nothing can be cleaned up after a crash."""

    def __init__(self, path: pathlib.Path | None) -> None:
        self._path = path
        self._file = -1
        self._entries: dict[str, None] = {}
        self._dead_lines = 0
        self._healthy = True

    def open(self) -> tuple[str, ...]:
        """Lock the file and return what a predecessor has left behind. The entries stay until they are removed.

        Raises DatapathError if another engine uses the file, or if it cannot be written.
        """
        if self._path is None:
            return ()
        try:
            self._file = _open_locked(self._path)
            left_behind = _read(self._path)
        except OSError as error:
            raise DatapathError(f"the journal {self._path} cannot be used: {error.strerror}") from error
        self._entries = dict.fromkeys(left_behind)
        self._rewrite(self._path)
        return left_behind

    def close(self) -> None:
        """Forget the file; it is removed unless something is still in it."""
        if self._file < 0:
            return
        if self._path is not None and not self._entries:
            self._path.unlink(missing_ok=True)
        os.close(self._file)
        self._file = -1

    def add(self, entry: str) -> None:
        """Note what is about to be installed."""
        self._entries[entry] = None
        self._write(f"\n+{entry}")

    def remove(self, entry: str) -> None:
        """Cross out what is gone."""
        if entry not in self._entries:
            return
        del self._entries[entry]
        self._write(f"\n-{entry}")
        self._dead_lines += 2
        if self._path is not None and self._dead_lines > max(_FEWEST_DEAD_LINES, 2 * len(self._entries)):
            self._rewrite(self._path)

    def _write(self, text: str) -> None:
        """A full disk must not stop the traffic: the entry is then only known to this process."""
        if self._file < 0:
            return
        try:
            os.write(self._file, text.encode())
            self._healthy = True
        except OSError as error:
            self._complain(error)

    def _rewrite(self, path: pathlib.Path) -> None:
        """Replace the file by one without dead lines. Until that is complete the old one counts."""
        self._dead_lines = 0
        text = "\n".join([_BOOT + _boot_id(), *("+" + entry for entry in self._entries)])
        try:
            new_file = _write_new(path.with_name(path.name + ".new"), text, path)
        except OSError as error:
            self._complain(error)
            return
        os.close(self._file)
        self._file = new_file

    def _complain(self, error: OSError) -> None:
        if self._healthy:
            log.warning("the journal %s cannot be written: %s", self._path, error.strerror)
        self._healthy = False


def _open_locked(path: pathlib.Path) -> int:
    """Open a file for appending and lock it. Raises OSError if somebody else holds the lock."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(file).st_ino != path.stat().st_ino:  # replaced since it was opened
            raise BlockingIOError(errno.EAGAIN, "another engine has just replaced it")
    except BlockingIOError as error:
        os.close(file)
        raise OSError(error.errno, "another engine is using it") from error
    except OSError:
        os.close(file)
        raise
    return file


def _write_new(path: pathlib.Path, text: str, final_path: pathlib.Path) -> int:
    """Write a whole file under a new name, then give it its final one. The file is open and locked."""
    file = _open_locked(path)
    try:
        os.ftruncate(file, 0)
        data = text.encode()
        while data:
            data = data[os.write(file, data) :]
        path.rename(final_path)
    except OSError:
        os.close(file)
        raise
    return file


def _read(path: pathlib.Path) -> tuple[str, ...]:
    """The entries that were added and not removed since the machine was booted. Torn lines are skipped."""
    lines = path.read_text(errors="replace").splitlines()
    if _BOOT + _boot_id() not in lines:
        return ()
    entries: dict[str, None] = {}
    for line in lines:
        if line.startswith("+"):
            entries[line[1:]] = None
        elif line.startswith("-"):
            entries.pop(line[1:], None)
    return tuple(entries)


def _boot_id() -> str:
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return "unknown"
