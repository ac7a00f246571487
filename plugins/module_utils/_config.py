# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The configuration of ikeengine as files: candidates, and differences without secrets. Private to the collection."""

from __future__ import annotations

import difflib
import os
import re
import secrets
import shutil
import tempfile
import typing as t

SUFFIXES = (".yml", ".yaml")
"""Files of a configuration directory that ikeengine reads."""

EXPECTED = "expected-keys.yml"
"""File of a copy that stands for keys which do not exist yet."""

_SECRET = re.compile(r"((?:^|[\s{,'\"-])(?:secret|password)['\"]?\s*:\s*)[^\s#][^,}\n]*")
_BLOCK_SECRET = re.compile(r"^(\s*)(?:-\s+)?['\"]?(?:secret|password)['\"]?\s*:\s*[|>]")
_REDACTED = "********"
_SECRET_PREFIX = "ike-"
_GENERATION = re.compile(r"[0-9]+|e[A-Za-z0-9._-]+")
"""What follows the name of the connection in the name of a secret: which key of several, or which epoch."""
_BEFORE = "before-"
"""Begins the names of secrets that are kept for identities of before."""


class Candidate:
    """A copy of a configuration with one file replaced, removed or as it is, to be checked before it becomes real.

    It lies beside the configuration and belongs to the same user, because a daemon without privileges must read it.
    Used as a context manager; the copy is removed at the end.
    """

    def __init__(
        self,
        path: str,
        file: t.Optional[str],
        content: t.Optional[str],
        absent: bool = False,
        obsolete: t.Sequence[str] = (),
        pruned: t.Iterable[t.Tuple[str, str]] = (),
    ) -> None:
        self.path = path
        self.file = file
        self.content = content
        self.absent = absent
        self.obsolete = obsolete
        self.pruned = tuple(pruned)
        self._directory = ""

    @property
    def changes_file(self) -> bool:
        """Whether a file is to be written or removed at all."""
        return self.absent or self.content is not None

    @property
    def target(self) -> str:
        """The file that O(content) is for."""
        return os.path.join(self.path, self.file) if self.file else self.path

    @property
    def root(self) -> str:
        """What the daemon is asked about: the copy, or the configuration itself if no file changes."""
        if not self.changes_file:
            return self.path
        return os.path.join(self._directory, os.path.basename(self.path.rstrip("/")))

    @property
    def changed_file(self) -> str:
        """The counterpart of C(target) in the copy."""
        return os.path.join(self.root, self.file) if self.file else self.root

    def __enter__(self) -> Candidate:
        if self.changes_file:
            path = self.path.rstrip("/")
            parent = os.path.dirname(path) or "."
            self._directory = tempfile.mkdtemp(prefix=f".{os.path.basename(path)}.candidate-", dir=parent)
            try:
                self._fill()
            except BaseException:
                self.__exit__()
                raise
        return self

    def __exit__(self, *unused: object) -> None:
        if self._directory:
            shutil.rmtree(self._directory, ignore_errors=True)

    def _fill(self) -> None:
        shutil.copymode(self.path if self.file else os.path.dirname(self.path) or ".", self._directory)
        if self.file:
            self._copy_directory()
        if self.absent:
            if os.path.lexists(self.changed_file):
                os.unlink(self.changed_file)
        elif self.content is not None:
            with open(
                os.open(self.changed_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8"
            ) as out:
                out.write(self.content)
            if os.path.exists(self.target):
                shutil.copymode(self.target, self.changed_file)
            _same_owner(self.target if os.path.exists(self.target) else self.path, self.changed_file)
        _same_owner(self.path, self._directory)

    def invent_key(self, socket: str) -> None:
        """Add a pre-shared key for everybody who has none, so that the rest of the configuration can be checked."""
        path = os.path.join(self.root, EXPECTED)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as out:
            out.write("secrets: {ike-expected: {secret: 0x%s}}\n" % secrets.token_hex(32))
        # The daemon must be able to read it, and nobody else.
        _same_owner(socket if os.path.exists(socket) else self.path, path)

    def _copy_directory(self) -> None:
        os.mkdir(self.root, 0o700)
        shutil.copystat(self.path, self.root)
        _same_owner(self.path, self.root)
        for name in sorted(set(os.listdir(self.path)).difference(self.obsolete)):
            source, copy = os.path.join(self.path, name), os.path.join(self.root, name)
            if name.endswith(SUFFIXES) and os.path.isfile(source):
                shutil.copy2(source, copy)
                _same_owner(source, copy)
            else:
                # Keys and certificates that the configuration names relative to its directory.
                os.symlink(os.path.abspath(source), copy)
        for name, text in self.pruned:
            # The mode and the owner are those of the file.
            with open(os.path.join(self.root, name), "w", encoding="utf-8") as out:
                out.write(text)

    def in_words_of_the_real_path(self, text: str) -> str:
        """Messages about the copy, as if they were about the configuration."""
        return text.replace(self.root, self.path.rstrip("/")) if self.changes_file else text


def _same_owner(like: str, path: str) -> None:
    if os.geteuid() == 0 and os.path.exists(like):
        status = os.stat(like)
        os.chown(path, status.st_uid, status.st_gid)


class Removal:
    """Files that go from a directory, and come back if what follows fails. Used as a context manager."""

    def __init__(self, directory: str, names: t.Sequence[str]) -> None:
        self.directory = directory.rstrip("/")
        self.names = names
        self._aside = ""

    def __enter__(self) -> Removal:
        if self.names:
            parent, name = os.path.split(self.directory)
            self._aside = tempfile.mkdtemp(prefix=f".{name}.obsolete-", dir=parent or ".")
        for name in self.names:
            os.rename(os.path.join(self.directory, name), os.path.join(self._aside, name))
        return self

    def __exit__(self, kind: t.Optional[t.Type[BaseException]], *unused: object) -> None:
        if kind is not None:
            for name in os.listdir(self._aside) if self._aside else ():
                os.rename(os.path.join(self._aside, name), os.path.join(self.directory, name))
        if self._aside:
            shutil.rmtree(self._aside, ignore_errors=True)


class _Sections:
    """A file as the roles write it, in block style: what is before, in and after its C(secrets)."""

    def __init__(self, text: str) -> None:
        self.before: t.List[str] = []
        self.secrets: t.Dict[str, t.List[str]] = {}
        self.after: t.List[str] = []
        into: t.Optional[t.List[str]] = self.before
        inside = False
        for line in text.splitlines(keepends=True):
            indent = len(line) - len(line.lstrip())
            if line.strip() and indent == 0:
                inside = line.split("#")[0].strip() in ("secrets:", "secrets: {}")
                into = None if inside else self.after if self.secrets or into is None else self.before
            elif inside and indent == 2 and not line.lstrip().startswith(("#", "- ")):
                into = self.secrets.setdefault(line.strip().rstrip(":").strip("'\""), [])
            if into is not None:
                into.append(line)

    def __str__(self) -> str:
        head = "secrets:\n" if self.secrets else "secrets: {}\n"
        return "".join([*self.before, head, *(line for lines in self.secrets.values() for line in lines), *self.after])


def prune(text: str, keep: t.Collection[str]) -> str:
    """A file as the role psk writes it, without the secrets of connections that are not to be kept."""
    sections = _Sections(text)
    kept = frozenset(keep)
    wanted = {name: lines for name, lines in sections.secrets.items() if kept.intersection(_connections_of(name))}
    if len(wanted) == len(sections.secrets):
        return text
    sections.secrets = wanted
    return str(sections)


def keep_secrets(before: str, content: str) -> str:
    """New content for a file as the role psk writes it, with the old secrets for identities that it has none for.

    One that could be taken for a secret of a connection with new identities gets another name.
    """
    new, old = _Sections(content), _Sections(before)
    identities = {_identities(lines) for lines in new.secrets.values()}
    connections = {connection for name in new.secrets for connection in _connections_of(name)}
    kept = {}
    for name, lines in old.secrets.items():
        if _identities(lines) not in identities:
            other = f"{_BEFORE}{name}" if connections.intersection(_connections_of(name)) else name
            kept[other] = [line.replace(name, other, 1) if number == 0 else line for number, line in enumerate(lines)]
    if not kept:
        return content
    new.secrets.update(kept)
    return str(new)


def _connections_of(secret: str) -> t.Iterator[str]:
    """The connections that a secret of the role psk may be for. Names and epochs may have hyphens."""
    if secret.startswith(_SECRET_PREFIX):
        for found in re.finditer("-", secret):
            if found.start() > len(_SECRET_PREFIX) and _GENERATION.fullmatch(secret, found.end()):
                yield secret[len(_SECRET_PREFIX) : found.start()]


def _identities(lines: t.Sequence[str]) -> str:
    """What a secret says besides the secret itself."""
    return "".join(line for line in lines[1:] if not line.lstrip().startswith("secret:"))


def siblings(directory: str, file: str, content: str) -> t.List[str]:
    """Other files of a configuration directory that begin with the same comment as C(content): from the same author."""
    mark = content.split("\n", 1)[0].strip()
    if not mark.startswith("#") or not os.path.isdir(directory):
        return []
    names = sorted(name for name in os.listdir(directory) if name.endswith(SUFFIXES) and name != file)
    return [name for name in names if (read_text(os.path.join(directory, name)) or "").split("\n", 1)[0].strip() == mark]


def read_text(path: str) -> t.Optional[str]:
    """The content of a file, None if there is none."""
    try:
        with open(path, encoding="utf-8") as source:
            return source.read()
    except FileNotFoundError:
        return None


def redact(text: str) -> str:
    """The same YAML with stars for the values of C(secret) and C(password)."""
    lines = []
    hidden_deeper_than = -1
    for line in text.splitlines():
        indent = len(line) - len(line.lstrip())
        if hidden_deeper_than >= 0 and (not line.strip() or indent > hidden_deeper_than):
            lines.append(" " * indent + _REDACTED)
            continue
        block = _BLOCK_SECRET.match(line)
        hidden_deeper_than = len(block.group(1)) if block else -1
        lines.append(_SECRET.sub(r"\g<1>" + _REDACTED, line))
    return "\n".join(lines) + "\n" if lines else ""


def file_diff(path: str, before: t.Optional[str], after: t.Optional[str]) -> str:
    """A unified diff of two versions of a file without the secrets in them. Empty if nothing else changes."""
    lines = difflib.unified_diff(
        redact(before or "").splitlines(),
        redact(after or "").splitlines(),
        path if before is not None else "/dev/null",
        path if after is not None else "/dev/null",
        lineterm="",
    )
    return "".join(line + "\n" for line in lines)
