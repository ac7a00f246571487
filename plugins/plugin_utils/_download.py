# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Downloads wheels on the controller for targets that have no access to PyPI. Private to the collection."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import typing as t

OLDEST_GLIBC = 17
"""Wheels for anything older than glibc 2.17 (manylinux2014) are not made any more."""


class DownloadError(Exception):
    """The wheels cannot be had."""


class Platform(t.NamedTuple):
    """What decides which wheels run on a target."""

    python: str
    """Such as `3.11`."""
    machine: str
    """Such as `x86_64`."""
    glibc: str
    """Such as `2.36`; empty for musl."""


def platform_tags(platform: Platform) -> t.List[str]:
    """The platform tags (PEP 600, PEP 656) that run on a target, the newest first. Raises DownloadError."""
    if not platform.glibc:
        return [f"musllinux_1_{minor}_{platform.machine}" for minor in (2, 1)]
    major, dot, minor = platform.glibc.partition(".")
    if major != "2" or not minor.isdigit() or int(minor) < OLDEST_GLIBC:
        raise DownloadError(f"there are no wheels for glibc {platform.glibc}")
    tags = [f"manylinux_2_{number}_{platform.machine}" for number in range(int(minor), OLDEST_GLIBC - 1, -1)]
    return [*tags, f"manylinux2014_{platform.machine}"]


def download(requirements: t.Sequence[str], platform: Platform, directory: str) -> t.List[str]:
    """The wheels of the requirements and of all that they need. Downloaded once. Raises DownloadError and OSError."""
    key = hashlib.sha256("\0".join([*sorted(requirements), *platform]).encode()).hexdigest()[:12]
    final = os.path.join(directory, f"wheels-{key}")
    os.makedirs(directory, exist_ok=True)
    with open(final + ".lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.isdir(final):
            _download(requirements, platform, final)
    return sorted(os.path.join(final, name) for name in os.listdir(final) if name.endswith(".whl"))


def _download(requirements: t.Sequence[str], platform: Platform, final: str) -> None:
    """Complete or not at all."""
    partial = final + ".partial"
    shutil.rmtree(partial, ignore_errors=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
    command += ["--only-binary", ":all:", "--implementation", "cp", "--python-version", platform.python]
    for tag in platform_tags(platform):
        command += ["--platform", tag]
    done = subprocess.run(
        [*command, "--dest", partial, *requirements], capture_output=True, text=True, check=False, timeout=600
    )
    if done.returncode:
        reason = done.stderr.strip() or done.stdout.strip()
        raise DownloadError(f"pip cannot download {', '.join(requirements)} on the controller: {reason}")
    os.rename(partial, final)
