"""What a test needs of its machine. In CI a missing thing is a failure, on a developer's laptop a skip."""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest


def need_programs(*names: str) -> None:
    """Skip or fail unless all programs are installed."""
    missing = [name for name in names if shutil.which(name) is None]
    if missing:
        give_up(f"not installed: {', '.join(missing)}")


def need_root() -> None:
    """Skip or fail unless the test may make network namespaces or become somebody else."""
    if os.geteuid() != 0:
        give_up("needs root")


def give_up(reason: str) -> NoReturn:
    """Fail in CI, skip elsewhere, and say why."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
