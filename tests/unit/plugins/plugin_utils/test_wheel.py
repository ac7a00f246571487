# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import csv
import hashlib
import pathlib
import subprocess
import sys
import zipfile

import pytest

from ansible_collections.keymesh.ike.plugins.plugin_utils._wheel import BuildError, Wheel, build_wheel, read_wheel

PYPROJECT = """
[project]
name = "ikeengine"
description = "An IKEv2 daemon"
requires-python = ">=3.11"
dynamic = ["version"]
dependencies = ["PyYAML>=6,<7"]

[project.scripts]
ikeengine = "ikeengine.cli.main:main"
"""
EPOCH = 315532800


@pytest.fixture
def source(tmp_path: pathlib.Path) -> pathlib.Path:
    package = tmp_path / "source" / "ikeengine"
    (package / "cli" / "__pycache__").mkdir(parents=True)
    (tmp_path / "source" / "pyproject.toml").write_text(PYPROJECT)
    (tmp_path / "source" / "LICENSE").write_text("GPL\n")
    (tmp_path / "source" / "README.md").write_text("not part of the wheel\n")
    (package / "__init__.py").write_text('"""Engine."""\n\n__version__ = "1.2.3"\n')
    (package / "py.typed").write_text("")
    (package / "cli" / "__init__.py").write_text("")
    (package / "cli" / "main.py").write_text('def main() -> int:\n    print("it runs")\n    return 0\n')
    (package / "cli" / "__pycache__" / "main.cpython-311.pyc").write_bytes(b"x")
    return tmp_path / "source"


def build(source: pathlib.Path, name: str = "wheels", epoch: int = EPOCH) -> Wheel:
    return build_wheel(str(source), str(source.parent / name), epoch)


def test_the_wheel_holds_the_package_and_its_metadata(source: pathlib.Path) -> None:
    wheel = build(source)
    assert pathlib.Path(wheel.path).name == "ikeengine-1.2.3-py3-none-any.whl"
    assert hashlib.sha256(pathlib.Path(wheel.path).read_bytes()).hexdigest() == wheel.sha256
    with zipfile.ZipFile(wheel.path) as archive:
        assert archive.namelist() == [
            "ikeengine/__init__.py",
            "ikeengine/cli/__init__.py",
            "ikeengine/cli/main.py",
            "ikeengine/py.typed",
            "ikeengine-1.2.3.dist-info/METADATA",
            "ikeengine-1.2.3.dist-info/WHEEL",
            "ikeengine-1.2.3.dist-info/entry_points.txt",
            "ikeengine-1.2.3.dist-info/licenses/LICENSE",
            "ikeengine-1.2.3.dist-info/RECORD",
        ]
        metadata = archive.read("ikeengine-1.2.3.dist-info/METADATA").decode()
    assert "\nVersion: 1.2.3\n" in metadata
    assert "\nRequires-Python: >=3.11\nRequires-Dist: PyYAML>=6,<7\n" in metadata


def test_the_record_is_right(source: pathlib.Path) -> None:
    with zipfile.ZipFile(build(source).path) as archive:
        rows = list(csv.reader(archive.read("ikeengine-1.2.3.dist-info/RECORD").decode().splitlines()))
        assert [row[0] for row in rows] == archive.namelist()
        for name, digest, size in rows[:-1]:
            data = archive.read(name)
            expected = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            assert (digest, size) == (f"sha256={expected}", str(len(data)))
    assert rows[-1][1:] == ["", ""]


def test_the_same_source_gives_the_same_octets(source: pathlib.Path) -> None:
    one = build(source, "one")
    for path in source.rglob("*"):
        path.touch()
    other = build(source, "other")
    assert one.path != other.path
    assert pathlib.Path(one.path).read_bytes() == pathlib.Path(other.path).read_bytes()


def test_a_change_of_the_source_gives_another_file(source: pathlib.Path) -> None:
    one = build(source)
    (source / "ikeengine" / "new.py").write_text("")
    other = build(source)
    assert one.sha256 != other.sha256 and one.path != other.path
    assert pathlib.Path(one.path).exists()
    assert build(source, epoch=EPOCH + 86400).sha256 != other.sha256


def test_pip_installs_it(source: pathlib.Path) -> None:
    wheel = build(source)
    pip = [sys.executable, "-m", "pip"]
    if subprocess.run([*pip, "--version"], capture_output=True, check=False).returncode:
        pytest.skip("this Python has no pip")
    target = source.parent / "target"
    subprocess.run([*pip, "install", "--quiet", "--no-deps", "--no-index", "--target", target, wheel.path], check=True)
    script = target / "bin" / "ikeengine"
    assert "from ikeengine.cli.main import main" in script.read_text()
    command = [sys.executable, "-c", "import ikeengine.cli.main as m; raise SystemExit(m.main())"]
    done = subprocess.run(command, cwd=target, capture_output=True, text=True, check=True)
    assert done.stdout == "it runs\n"


def test_a_directory_without_the_source(tmp_path: pathlib.Path) -> None:
    with pytest.raises(BuildError, match="does not hold the source of ikeengine"):
        build(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[project]", "[other]", "project"),
        ('requires-python = ">=3.11"', "", "lacks requires-python"),
        ("[project]", "[[[", "does not hold the source"),
    ],
)
def test_a_damaged_project_file(source: pathlib.Path, old: str, new: str, message: str) -> None:
    (source / "pyproject.toml").write_text(PYPROJECT.replace(old, new))
    with pytest.raises(BuildError, match=message):
        build(source)


def test_a_source_without_a_version(source: pathlib.Path) -> None:
    (source / "ikeengine" / "__init__.py").write_text("")
    with pytest.raises(BuildError, match="does not set __version__"):
        build(source)


def test_a_built_wheel_is_read_as_it_was_built(source: pathlib.Path) -> None:
    wheel = build(source)
    assert read_wheel(wheel.path) == wheel


def test_what_is_not_a_wheel_is_refused(tmp_path: pathlib.Path) -> None:
    (tmp_path / "ikeengine-1.whl").write_text("no zip file")
    with pytest.raises(BuildError, match="ikeengine-1.whl is not a wheel"):
        read_wheel(str(tmp_path / "ikeengine-1.whl"))
    with zipfile.ZipFile(tmp_path / "ikeengine-2.whl", "w"):
        pass
    with pytest.raises(BuildError, match="ikeengine-2.whl is not a wheel"):
        read_wheel(str(tmp_path / "ikeengine-2.whl"))
