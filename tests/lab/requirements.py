"""What a test needs from its machine. In CI something missing is a failure, elsewhere a skip that says why."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest


def require(reason: str) -> None:
    """Go on if `reason` is empty; else it says what is missing."""
    if reason and os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    if reason:
        pytest.skip(reason)


def without_namespaces() -> str:
    """Why there can be no network namespaces here; empty if there can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if shutil.which("ip") is None:
        return "iproute2 is not installed: apt-get install iproute2"
    if not Path("/proc/self/ns/net").exists():
        return "this kernel has no network namespaces"
    return ""
