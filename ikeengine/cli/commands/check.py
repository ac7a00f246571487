"""`check`: is a configuration sound?"""

from __future__ import annotations

import os
from argparse import Namespace
from dataclasses import asdict
from pathlib import Path

from ikeengine.cli.errors import Exit
from ikeengine.cli.output import complain, print_json
from ikeengine.config.configuration import Configuration
from ikeengine.config.json_schema import json_schema
from ikeengine.config.load import load
from ikeengine.config.problems import ConfigErrors


def check(arguments: Namespace) -> int:
    """Validate a configuration, or print the JSON Schema."""
    if arguments.schema:
        print_json(json_schema())
        return Exit.DONE
    try:
        configuration = _load(arguments.config)
    except ConfigErrors as errors:
        _report(errors, as_json=arguments.json)
        return Exit.USAGE
    if arguments.json:
        warnings = [asdict(warning) for warning in configuration.warnings]
        names = sorted(configuration.connections)
        print_json({"valid": True, "errors": [], "warnings": warnings, "connections": names})
    else:
        for warning in configuration.warnings:
            complain(f"warning: {warning}")
        print(f"{arguments.config}: sound; {_summary(configuration)}")
    return Exit.DONE


def sound(path: Path, *, as_json: bool) -> bool:
    """Whether a configuration is sound; if not, every problem has been printed."""
    try:
        _load(path)
    except ConfigErrors as errors:
        _report(errors, as_json=as_json)
        return False
    return True


def _load(path: Path) -> Configuration:
    """Root checks on behalf of the daemon, to whose user the secrets may belong; the daemon itself is stricter."""
    return load(path, any_owner=os.geteuid() == 0)


def _report(errors: ConfigErrors, *, as_json: bool) -> None:
    if as_json:
        print_json({"valid": False, "errors": [asdict(error) for error in errors.errors]})
    for error in errors.errors:
        complain(str(error))
    count = len(errors.errors)
    complain(f"ikeengine: the configuration has {count} error{'' if count == 1 else 's'}; nothing of it is used")


def _summary(configuration: Configuration) -> str:
    children = sum(len(connection.children) for connection in configuration.connections.values())
    return f"{_count(len(configuration.connections), 'connection')} with {_count(children, 'child', 'children')}"


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"
