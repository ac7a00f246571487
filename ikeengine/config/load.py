"""Loads a configuration file, or a directory of them. Nothing of a broken configuration is ever used (design D11)."""

from __future__ import annotations

import os
from pathlib import Path

from ikeengine.config.aggressive_checks import warn_of_rivals
from ikeengine.config.build_connection import build_connection
from ikeengine.config.build_credentials import build_authorities, build_passwords, build_shared_keys
from ikeengine.config.build_engine import build_engine
from ikeengine.config.build_interface import check_interfaces
from ikeengine.config.build_keys import build_private_keys
from ikeengine.config.build_manual import build_manual
from ikeengine.config.build_pools import build_pools, check_pools
from ikeengine.config.certificates import CertificateFiles
from ikeengine.config.configuration import Configuration
from ikeengine.config.cross_checks import Credentials, check_credentials
from ikeengine.config.inline import ConfigFiles
from ikeengine.config.options.root import ROOT
from ikeengine.config.problems import ConfigError, ConfigErrors, Mark, Problems
from ikeengine.config.reader import read
from ikeengine.config.revocation_files import load_crls, load_responders
from ikeengine.config.schema import Values
from ikeengine.config.tree import Entry, Mapping, Scalar
from ikeengine.config.xauth_checks import check_xauth
from ikeengine.config.yaml_tree import parse_yaml

__all__ = ["ConfigError", "ConfigErrors", "Configuration", "load"]

PATTERNS = ("*.yml", "*.yaml")


def load(path: Path, *, any_owner: bool = False) -> Configuration:
    """The configuration in a file, or in all *.yml and *.yaml files of a directory.

    `any_owner` takes secrets of every user, as root does who checks on behalf of the daemon's user.
    Raises ConfigErrors with every problem at once.
    """
    problems = Problems()
    modes: dict[str, int] = {}
    documents = [_document(file, modes, problems) for file in _files(path, problems)]
    values = read(ROOT, _merge(documents, problems), "", problems)
    base = path if path.is_dir() else path.parent
    configuration = _build(values, ConfigFiles(base, modes, any_owner), problems)
    problems.raise_if_any()
    return configuration


def _files(path: Path, problems: Problems) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = sorted(file for pattern in PATTERNS for file in path.glob(pattern) if not file.name.startswith("."))
    if not files:
        problems.add(Mark(str(path)), "", "the directory holds no *.yml or *.yaml file")
    return files


def _document(file: Path, modes: dict[str, int], problems: Problems) -> Mapping:
    try:
        with file.open("rb") as stream:
            modes[str(file)] = os.fstat(stream.fileno()).st_mode
            text = stream.read().decode()
    except OSError as error:
        problems.add(Mark(str(file)), "", f"cannot be read: {error.strerror}")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        problems.add(Mark(str(file), line), "", "the file is not UTF-8 text")
    else:
        return parse_yaml(text, str(file), problems)
    return Mapping(())


def _merge(documents: list[Mapping], problems: Problems) -> Mapping:
    """One tree out of several files: sections of the top level are joined, key by key."""
    merged: dict[str, Entry] = {}
    for document in documents:
        for entry in document.entries:
            first = merged.get(entry.key)
            merged[entry.key] = entry if first is None else _join(first, entry, problems)
    return Mapping(tuple(merged.values()))


def _join(first: Entry, second: Entry, problems: Problems) -> Entry:
    if _is_empty(first) or not isinstance(first.node, Mapping):
        return second
    if not isinstance(second.node, Mapping):
        if not _is_empty(second):
            problems.add(second.mark, second.key, f"`{second.key}` is written twice; first in {first.mark}")
        return first
    entries = {entry.key: entry for entry in first.node.entries}
    for entry in second.node.entries:
        if entry.key in entries:
            place = entries[entry.key].mark
            problems.add(entry.mark, f"{second.key}.{entry.key}", f"`{entry.key}` is written twice; first in {place}")
        else:
            entries[entry.key] = entry
    return Entry(first.key, Mapping(tuple(entries.values()), first.node.mark), first.mark)


def _is_empty(entry: Entry) -> bool:
    return isinstance(entry.node, Scalar) and not entry.node.text


def _build(values: Values, files: ConfigFiles, problems: Problems) -> Configuration:
    certificates = CertificateFiles(files.base)
    secrets = values.one("secrets")
    shared_keys = build_shared_keys(secrets, files, problems)
    passwords = build_passwords(secrets, files, problems)
    private_keys = build_private_keys(secrets, files, problems)
    named = build_authorities(values.named("authorities"), certificates, problems)
    authorities = (*named, *private_keys.authorities)
    connections = values.named("connections")
    drafts = [build_connection(name, section, certificates, problems) for name, section in connections.items()]
    complete = len(named) == len(values.named("authorities")) and not private_keys.broken
    check_credentials(drafts, Credentials(shared_keys, private_keys, authorities, complete), problems)
    pools = build_pools(values.named("pools"), problems)
    check_interfaces(drafts, problems)
    check_pools(drafts, values.named("pools"), problems)
    engine = build_engine(values.one("engine"), problems)
    check_xauth(drafts, passwords, engine, problems)
    warn_of_rivals(drafts, shared_keys, problems)
    return Configuration(
        warnings=tuple(problems.warnings()),
        manual=build_manual(values, files, problems),
        engine=engine,
        connections={draft.config.name: draft.config for draft in drafts},
        shared_keys=shared_keys,
        passwords=passwords,
        private_keys=private_keys.files,
        authorities=authorities,
        crls=load_crls(files.base, problems),
        responders=load_responders(files.base, problems),
        base=files.base,
        pools=pools,
        certificates=tuple(
            dict.fromkeys([*private_keys.certificates, *(cert.der for draft in drafts for cert in draft.intermediates)])
        ),
    )
