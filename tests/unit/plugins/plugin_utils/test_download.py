# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import pathlib
import subprocess
import typing as t

import pytest

from ansible_collections.keymesh.ike.plugins.plugin_utils import _download
from ansible_collections.keymesh.ike.plugins.plugin_utils._download import DownloadError, Platform, download, platform_tags

DEBIAN = Platform("3.11", "x86_64", "2.36")


class Pip:
    """Stands in for the process of pip."""

    def __init__(self) -> None:
        self.commands: t.List[t.List[str]] = []
        self.error = ""

    def __call__(self, command: t.List[str], **unused: t.Any) -> subprocess.CompletedProcess:
        self.commands.append(command)
        if not self.error:
            directory = pathlib.Path(command[command.index("--dest") + 1])
            directory.mkdir()
            (directory / "PyYAML-6.0.3.whl").write_text("")
            (directory / "README").write_text("")
        return subprocess.CompletedProcess(command, 1 if self.error else 0, "", self.error)


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch) -> Pip:
    fake = Pip()
    monkeypatch.setattr(_download.subprocess, "run", fake)
    return fake


def test_tags_of_glibc() -> None:
    assert platform_tags(Platform("3.11", "aarch64", "2.19")) == [
        "manylinux_2_19_aarch64",
        "manylinux_2_18_aarch64",
        "manylinux_2_17_aarch64",
        "manylinux2014_aarch64",
    ]
    assert platform_tags(DEBIAN)[0] == "manylinux_2_36_x86_64"


def test_tags_of_musl() -> None:
    assert platform_tags(Platform("3.12", "x86_64", "")) == ["musllinux_1_2_x86_64", "musllinux_1_1_x86_64"]


@pytest.mark.parametrize("glibc", ["2.12", "3.0", "2.x", "2"])
def test_a_glibc_without_wheels(glibc: str) -> None:
    with pytest.raises(DownloadError, match="there are no wheels for glibc"):
        platform_tags(Platform("3.11", "x86_64", glibc))


def test_wheels_are_downloaded_once_for_each_kind_of_target(pip: Pip, tmp_path: pathlib.Path) -> None:
    first = download(["PyYAML>=6"], DEBIAN, str(tmp_path))
    assert [os.path.basename(path) for path in first] == ["PyYAML-6.0.3.whl"]
    assert download(["PyYAML>=6"], DEBIAN, str(tmp_path)) == first
    assert len(pip.commands) == 1
    assert download(["PyYAML>=6"], DEBIAN._replace(python="3.12"), str(tmp_path)) != first
    assert download(["PyYAML>=7"], DEBIAN, str(tmp_path)) != first
    assert len(pip.commands) == 3


def test_pip_is_asked_for_the_platform_of_the_target(pip: Pip, tmp_path: pathlib.Path) -> None:
    download(["PyYAML>=6", "rich"], DEBIAN, str(tmp_path))
    (command,) = pip.commands
    assert command[command.index("--python-version") + 1] == "3.11"
    assert "manylinux_2_36_x86_64" in command and "manylinux2014_x86_64" in command
    assert command[-2:] == ["PyYAML>=6", "rich"]


def test_a_failed_download_leaves_nothing_behind(pip: Pip, tmp_path: pathlib.Path) -> None:
    pip.error = "no network"
    with pytest.raises(DownloadError, match=r"pip cannot download rich on the controller: no network"):
        download(["rich"], DEBIAN, str(tmp_path))
    pip.error = ""
    assert len(download(["rich"], DEBIAN, str(tmp_path))) == 1
