"""What the daemon wants of its host: randomness, a run directory, and that its memory stays its own."""

from __future__ import annotations

import ctypes
import os
import resource
from pathlib import Path

from ikeengine.errors import LocalMisuse

RUN_DIR_MODE = 0o750
_PR_SET_DUMPABLE = 4


class SystemRng:
    """The operating system's randomness."""

    def bytes(self, count: int) -> bytes:
        """`count` random octets."""
        return os.urandom(count)


def keep_memory_private() -> None:
    """No core dumps, no ptrace by processes of the same user, and new files are for us alone."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    os.umask(0o077)


def make_run_dir(path: Path) -> None:
    """Create the run directory with mode 0750 if it is missing. Raises LocalMisuse."""
    try:
        path.mkdir(mode=RUN_DIR_MODE, parents=True)
        path.chmod(RUN_DIR_MODE)
    except FileExistsError:
        if not path.is_dir():
            raise LocalMisuse(f"{path} exists and is not a directory") from None
    except OSError as error:
        raise LocalMisuse(f"cannot create {path}: {error.strerror}") from error
