"""A configuration directory as it was before a change, and the deadline until which the change must be confirmed.

The copy lies beside the directory, `.NAME.checkpoint` for NAME. As long as there is a deadline in it, the change is not
confirmed: whoever finds that the deadline has passed, or that the host was booted since, goes back to the copy. Nobody
has to remember anything, so it does not matter who died meanwhile. See docs/decisions/0004.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from ikeengine.config.file_trees import copy_tree, make_equal
from ikeengine.model.immutable import immutable

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_UNREADABLE = "unreadable"


@immutable
class Pending:
    """A change that waits for its confirmation. `deadline` is on CLOCK_BOOTTIME, in seconds, of the boot `boot`."""

    token: str
    boot: str
    deadline: float
    seconds: int
    restart: tuple[str, ...] = ()
    """The command that restarts the daemon, for a change that needs it; empty if nobody knows one."""

    def left(self) -> float:
        """Seconds until the deadline, not above 0 if it has passed or the host was booted since."""
        return self.deadline - boottime() if self.boot == boot() else 0.0

    @property
    def is_due(self) -> bool:
        """Whether it is too late to confirm."""
        return self.left() <= 0


class Checkpoint:
    """The copy of one configuration directory. Every method raises OSError."""

    def __init__(self, config: Path) -> None:
        self.config = Path(os.path.abspath(config))
        self.directory = self.config.parent / f".{self.config.name}.checkpoint"
        self.files = self.directory / "files"
        self._pending = self.directory / "pending.json"
        self._verdict = self.config.parent / f".{self.config.name}.rolled-back"

    @property
    def exists(self) -> bool:
        """Whether there is a copy. It is complete then."""
        return self.files.is_dir()

    def take(self) -> bool:
        """Make the copy, unless there is one already. Returns whether it was made now."""
        if self.exists:
            return False
        fresh = self.directory.with_name(self.directory.name + ".new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        copy_tree(self.config, fresh / "files")
        owner = self.config.stat()
        os.chown(fresh, owner.st_uid, owner.st_gid)
        fresh.chmod(owner.st_mode & 0o770)
        fresh.rename(self.directory)
        return True

    def arm(self, seconds: int, restart: tuple[str, ...] = ()) -> Pending:
        """Set the deadline, in `seconds` from now, in place of any earlier one."""
        pending = Pending(secrets.token_hex(8), boot(), boottime() + seconds, seconds, restart)
        temporary = self._pending.with_suffix(".new")
        with temporary.open("w", encoding="utf-8") as out:
            json.dump(asdict(pending), out)
            out.flush()
            os.fsync(out.fileno())
        temporary.chmod(0o644)
        temporary.replace(self._pending)
        self._verdict.unlink(missing_ok=True)
        return pending

    def pending(self) -> Pending | None:
        """The change that waits for its confirmation. One that cannot be read is due, since it cannot be confirmed."""
        try:
            text = self._pending.read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError):
            return None
        try:
            fields = json.loads(text)
            return Pending(**(fields | {"restart": tuple(fields["restart"])}))
        except (ValueError, TypeError, KeyError):
            return Pending(_UNREADABLE, "", 0.0, 0)

    def restore(self) -> None:
        """Give the configuration directory its old content. It can be repeated if it was interrupted."""
        make_equal(self.config, self.files)
        os.sync()

    def discard(self) -> None:
        """Forget the copy: the change is confirmed, or undone."""
        self._pending.unlink(missing_ok=True)
        shutil.rmtree(self.directory)

    def note_rollback(self, pending: Pending) -> None:
        """Leave word for whoever comes too late to confirm."""
        when = datetime.now(UTC).isoformat(timespec="seconds")
        self._verdict.write_text(json.dumps({"at": when, "seconds": pending.seconds}), encoding="utf-8")

    def rolled_back(self) -> str:
        """What became of the last change if it was undone, in words; empty if it was not."""
        try:
            verdict = json.loads(self._verdict.read_text(encoding="utf-8"))
            return f"rolled back at {verdict['at']}, because nobody confirmed it within {verdict['seconds']} seconds"
        except FileNotFoundError:
            return ""
        except (ValueError, TypeError, KeyError):
            return "rolled back"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Confirming and rolling back exclude each other. Raises FileNotFoundError if there is no copy."""
        lock = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


def boottime() -> float:
    """Seconds since the host was booted, also those in which it slept."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def boot() -> str:
    """What tells this boot of the host from others."""
    return BOOT_ID.read_text(encoding="ascii").strip()
