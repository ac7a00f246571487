"""The secret of quick crash detection on disk: made once, the same after every restart (RFC 6290 section 5.1)."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from ikeengine.crypto.rng import Rng
from ikeengine.errors import LocalMisuse
from ikeengine.model.secret import Secret

FILE_NAME = "qcd.secret"
OCTETS = 32


def load(path: Path, rng: Rng) -> Secret:
    """The secret of a file, which is made if it is missing. Raises LocalMisuse if that fails or others can read it."""
    try:
        return _read(path)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise LocalMisuse(f"cannot read the secret of crash detection: {error}") from error
    try:
        return _make(path, rng)
    except OSError as error:
        raise LocalMisuse(f"cannot keep the secret of crash detection: {error}") from error


def _read(path: Path) -> Secret:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_mode & 0o077:
            raise LocalMisuse(f"{path} must be a file that nobody else can read (mode 0600)")
        content = file.read(OCTETS + 1)
    if len(content) != OCTETS:
        raise LocalMisuse(f"{path} does not hold {OCTETS} octets; remove it to have another one made")
    return Secret(content)


def _make(path: Path, rng: Rng) -> Secret:
    """Under its name there is the whole secret or nothing, even if the power fails."""
    secret = rng.bytes(OCTETS)
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secret)
        file.flush()
        os.fsync(descriptor)
    draft.rename(path)
    return Secret(secret)
