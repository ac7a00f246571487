# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What has to agree within the collection, and what the tarball must and must not carry."""

from __future__ import annotations

import ast
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import typing as t

import yaml

ROOT = pathlib.Path(__file__).parents[2]
SHIPPED = {
    "CHANGELOG.md",
    "CHANGELOG.rst",
    "CODE_OF_CONDUCT.md",
    "CONTRIBUTING.md",
    "FILES.json",
    "LICENSE",
    "MANIFEST.json",
    "README.md",
    "SECURITY.md",
    "changelogs",
    "docs",
    "examples",
    "ikeengine",
    "meta",
    "playbooks",
    "plugins",
    "pyproject.toml",
    "roles",
}
NEEDED = {"LICENSE", "ikeengine", "pyproject.toml", "meta", "playbooks", "plugins", "roles"}
LIMIT = 2 * 1024 * 1024
"""Octets of the tarball."""

OLDEST_TARGET = (3, 9)
"""As in tests/config.yml."""

Problems = t.Iterator[str]


def load(path: pathlib.Path) -> t.Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def role_problems(role: pathlib.Path) -> Problems:
    """Defaults and argument specification have the same variables and, where the value is plain, the same values."""
    name = role.name
    for file in ("README.md", "meta/main.yml", "meta/argument_specs.yml", "defaults/main.yml"):
        if not (role / file).exists():
            yield f"roles/{name}: there is no {file}"
            return
    defaults = load(role / "defaults/main.yml")
    options = load(role / "meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    for variable in sorted(set(defaults) ^ set(options)):
        yield f"roles/{name}: {variable} is not both in defaults and in argument_specs"
    readme = (role / "README.md").read_text(encoding="utf-8")
    for variable in sorted(set(defaults) & set(options)):
        value, documented = defaults[variable], options[variable].get("default")
        computed = "{{" in str(value)
        if not computed and value != documented:
            yield f"roles/{name}: {variable} is {value!r} by default, but documented as {documented!r}"
        if computed and documented is not None and "{{" not in str(documented):
            yield f"roles/{name}: the default of {variable} is computed, but documented as {documented!r}"
        if f"`{variable}`" not in readme:
            yield f"roles/{name}: README.md does not mention {variable}"


def action_group_problems() -> Problems:
    """Modules that are documented to be in the action group are in meta/runtime.yml, and the other way round."""
    listed = set(load(ROOT / "meta/runtime.yml")["action_groups"]["ike"])
    documented = {
        module.stem
        for module in (ROOT / "plugins/modules").glob("*.py")
        if "_attributes.actiongroup_ike" in module.read_text(encoding="utf-8")
    }
    for module in sorted(listed ^ documented):
        yield f"{module} is not both in meta/runtime.yml and documented as a member of the action group"


def engine_import_problems() -> Problems:
    """Plugins run under another interpreter and must not need the engine."""
    for plugin in (ROOT / "plugins").rglob("*.py"):
        for number, line in enumerate(plugin.read_text(encoding="utf-8").splitlines(), 1):
            if line.startswith(("import ikeengine", "from ikeengine")):
                yield f"{plugin.relative_to(ROOT)}:{number}: plugins do not import ikeengine"


def syntax_problems() -> Problems:
    """Modules run on older interpreters than the controller does."""
    for directory in ("modules", "module_utils"):
        for plugin in (ROOT / "plugins" / directory).glob("*.py"):
            try:
                ast.parse(plugin.read_text(encoding="utf-8"), feature_version=OLDEST_TARGET)
            except SyntaxError as error:
                where, python = f"{plugin.relative_to(ROOT)}:{error.lineno}", ".".join(map(str, OLDEST_TARGET))
                yield f"{where}: not Python {python}: {error.msg}"


def tarball_problems() -> Problems:
    """The tarball builds, carries the engine, and carries no tests and nothing secret."""
    with tempfile.TemporaryDirectory() as directory:
        command = [str(pathlib.Path(sys.executable).with_name("ansible-galaxy")), "collection", "build"]
        done = subprocess.run(
            [*command, "--output-path", directory, str(ROOT)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            yield f"the collection does not build: {done.stderr.strip()}"
            return
        (path,) = pathlib.Path(directory).glob("*.tar.gz")
        with tarfile.open(path) as tarball:
            names = [member.name for member in tarball.getmembers() if member.isfile()]
        size = path.stat().st_size
    tops = {name.split("/")[0] for name in names}
    for top in sorted(tops - SHIPPED):
        yield f"the tarball carries {top}; add it to build_ignore in galaxy.yml or to SHIPPED in this test"
    for top in sorted(NEEDED - tops):
        yield f"the tarball lacks {top}"
    for name in names:
        if name.endswith((".pyc", ".key", ".psk", ".pem")):
            yield f"the tarball carries {name}"
    if size > LIMIT:
        yield f"the tarball has {size} octets, more than {LIMIT}"


def problems() -> Problems:
    for role in sorted(path for path in (ROOT / "roles").iterdir() if path.is_dir()):
        yield from role_problems(role)
    yield from action_group_problems()
    yield from engine_import_problems()
    yield from syntax_problems()
    yield from tarball_problems()


def main() -> int:
    found = list(problems())
    for problem in found:
        print(problem)
    print(f"consistency: {len(found)} problems")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
