"""Secrets that are written in the configuration itself, which then is a file with a secret."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ikeengine.config.problems import Problems
from ikeengine.config.schema import Option, Values
from ikeengine.config.secrets import mode_complaint
from ikeengine.model.immutable import immutable
from ikeengine.model.secret import EMPTY, Secret


@immutable
class ConfigFiles:
    """Where the configuration comes from: its directory, the modes of its files, and whose secrets are taken."""

    base: Path
    modes: Mapping[str, int]
    any_owner: bool = False


def inline_secret(values: Values, option: Option[Any], files: ConfigFiles, problems: Problems) -> Secret:
    """The secret of an option. That its file is open to others goes to `problems`."""
    mark = values.mark_of(option)
    if complaint := mode_complaint(Path(mark.file), files.modes.get(mark.file, 0)):
        problems.add(mark, values.key(option), complaint)
    secret = values[option]
    return secret if isinstance(secret, Secret) else EMPTY
