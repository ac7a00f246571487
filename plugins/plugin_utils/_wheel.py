# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Builds the wheel of ikeengine from the collection's own source, or reads a built one. Private to the collection.

A pure-Python wheel is a zip file with four metadata files (PEP 427). Writing it here takes milliseconds, needs
neither pip nor setuptools nor a network on the controller, and the same source always gives the same octets.
"""

from __future__ import annotations

import base64
import configparser
import email
import hashlib
import io
import os
import re
import tarfile
import tempfile
import time
import tomllib
import typing as t
import zipfile

_VERSION = re.compile(r"""^__version__ = ["']([^"']+)["']$""", re.MULTILINE)
_IGNORED_SUFFIXES = (".pyc", ".pyo", ".orig", ".rej", "~")


class BuildError(Exception):
    """The source cannot become a wheel."""


class Wheel(t.NamedTuple):
    """A built wheel."""

    path: str
    version: str
    sha256: str
    requirements: t.List[str]
    requires_python: str


def build_wheel(source: str, directory: str, epoch: int) -> Wheel:
    """Build the wheel of the project in C(source) into C(directory), unless it is there already.

    C(epoch) is the modification time of all files in it (SOURCE_DATE_EPOCH). Raises BuildError and OSError.
    """
    project = _project(source)
    version = _version(source)
    distribution = project["name"].replace("-", "_")
    name = f"{distribution}-{version}-py3-none-any.whl"
    data = _archive(_contents(source, project, distribution, version), epoch)
    digest = hashlib.sha256(data).hexdigest()
    path = os.path.join(directory, digest[:12], name)
    if not os.path.exists(path):
        _write(path, data)
    return Wheel(path, version, digest, project["dependencies"], project["requires-python"])


def write_bundle(path: str, wheels: t.Sequence[str]) -> str:
    """One archive with these wheels, so that a target gets them in one go. Raises OSError."""
    if not os.path.exists(path):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as archive:
            for wheel in wheels:
                archive.add(wheel, os.path.basename(wheel), filter=_plain)
        _write(path, out.getvalue())
    return path


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.mode = 0o644
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    return entry


def read_wheel(path: str) -> Wheel:
    """A wheel that was built before, such as the one that a released collection brings along. Raises BuildError."""
    with open(path, "rb") as file:
        data = file.read()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            (name,) = [entry for entry in archive.namelist() if entry.endswith(".dist-info/METADATA")]
            fields = email.message_from_bytes(archive.read(name))
    except (zipfile.BadZipFile, ValueError) as error:
        raise BuildError(f"{path} is not a wheel: {error}") from error
    requirements = fields.get_all("Requires-Dist", [])
    digest = hashlib.sha256(data).hexdigest()
    return Wheel(path, fields["Version"], digest, requirements, fields["Requires-Python"])


def _project(source: str) -> t.Dict[str, t.Any]:
    try:
        with open(os.path.join(source, "pyproject.toml"), "rb") as file:
            project = tomllib.load(file)["project"]
    except (FileNotFoundError, KeyError, tomllib.TOMLDecodeError) as error:
        raise BuildError(
            f"{source} does not hold the source of ikeengine, and the role engine brings no wheel along in its files/: {error}; "
            "install the whole collection, or set engine_source"
        ) from error
    missing = {"name", "requires-python", "dependencies", "scripts"} - set(project)
    if missing:
        raise BuildError(f"{source}/pyproject.toml: [project] lacks {', '.join(sorted(missing))}")
    return project


def _version(source: str) -> str:
    with open(os.path.join(source, "ikeengine", "__init__.py"), encoding="utf-8") as file:
        match = _VERSION.search(file.read())
    if match is None:
        raise BuildError(f"{source}/ikeengine/__init__.py does not set __version__")
    return match.group(1)


def _contents(source: str, project: t.Dict[str, t.Any], distribution: str, version: str) -> t.Dict[str, bytes]:
    """Every file of the wheel by its name in it, RECORD last."""
    info = f"{distribution}-{version}.dist-info"
    files = {name: _read(source, name) for name in sorted(_package_files(source))}
    files[f"{info}/METADATA"] = _metadata(project, version).encode()
    files[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: keymesh.ike\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files[f"{info}/entry_points.txt"] = _entry_points(project["scripts"]).encode()
    if os.path.exists(os.path.join(source, "LICENSE")):
        files[f"{info}/licenses/LICENSE"] = _read(source, "LICENSE")
    files[f"{info}/RECORD"] = _record(files, f"{info}/RECORD").encode()
    return files


def _package_files(source: str) -> t.Iterator[str]:
    for directory, subdirectories, names in os.walk(os.path.join(source, "ikeengine")):
        subdirectories[:] = [name for name in subdirectories if name != "__pycache__"]
        for name in names:
            if not name.endswith(_IGNORED_SUFFIXES):
                yield os.path.relpath(os.path.join(directory, name), source)


def _read(source: str, name: str) -> bytes:
    with open(os.path.join(source, name), "rb") as file:
        return file.read()


def _metadata(project: t.Dict[str, t.Any], version: str) -> str:
    lines = [
        "Metadata-Version: 2.4",
        f"Name: {project['name']}",
        f"Version: {version}",
        f"Summary: {project.get('description', '')}",
        f"Requires-Python: {project['requires-python']}",
    ]
    lines += [f"Requires-Dist: {requirement}" for requirement in project["dependencies"]]
    return "\n".join(lines) + "\n"


def _entry_points(scripts: t.Mapping[str, str]) -> str:
    parser = configparser.ConfigParser(delimiters=("=",))
    parser["console_scripts"] = scripts
    text = io.StringIO()
    parser.write(text)
    return text.getvalue()


def _record(files: t.Mapping[str, bytes], own_name: str) -> str:
    lines = []
    for name, data in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        lines.append(f"{name},sha256={digest},{len(data)}")
    return "\n".join(lines + [f"{own_name},,"]) + "\n"


def _archive(files: t.Mapping[str, bytes], epoch: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, _dos_time(epoch))
            entry.external_attr = 0o644 << 16
            entry.create_system = 3
            archive.writestr(entry, data)
    return out.getvalue()


def _dos_time(epoch: int) -> t.Tuple[int, int, int, int, int, int]:
    # Zip files know no time before 1980.
    moment = time.gmtime(max(epoch, 315532800))
    return (moment.tm_year, moment.tm_mon, moment.tm_mday, moment.tm_hour, moment.tm_min, moment.tm_sec)


def _write(path: str, data: bytes) -> None:
    """Complete or not at all: several forks build at once."""
    directory = os.path.dirname(path)
    os.makedirs(directory, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=directory)
    with open(handle, "wb") as out:
        out.write(data)
    os.chmod(temporary, 0o644)
    os.replace(temporary, path)
