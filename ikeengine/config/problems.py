"""Configuration errors: all of them at once, each with its file, line, column and the path of its key."""

from __future__ import annotations

from typing import NamedTuple

from ikeengine.errors import LocalMisuse
from ikeengine.model.immutable import immutable


class Mark(NamedTuple):
    """A place in a configuration file. Lines and columns count from 1; 0 where there is none (control socket)."""

    file: str = ""
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return ":".join(str(part) for part in self if part)


NOWHERE = Mark()


@immutable
class ConfigError:
    """One thing wrong in a configuration. `key` is a path such as `connections.site-b.children.net.esp_proposals`."""

    file: str
    line: int
    key: str
    message: str
    column: int = 0

    def __str__(self) -> str:
        parts = (str(Mark(self.file, self.line, self.column)), self.key, self.message)
        return ": ".join(part for part in parts if part)


class ConfigErrors(LocalMisuse):
    """A configuration is not usable. `errors` holds every problem, sorted by file and line."""

    def __init__(self, errors: list[ConfigError]) -> None:
        super().__init__("\n".join(str(error) for error in errors))
        self.errors = errors


class Problems:
    """Collects errors, so that a person sees all of them in one go."""

    def __init__(self) -> None:
        self._errors: list[ConfigError] = []
        self._warnings: list[ConfigError] = []

    def __bool__(self) -> bool:
        return bool(self._errors)

    def add(self, mark: Mark, key: str, message: str) -> None:
        """Note a problem; the same one twice (as through an alias in YAML) counts once."""
        error = ConfigError(mark.file, mark.line, key, message, mark.column)
        if error not in self._errors:
            self._errors.append(error)

    def warn(self, mark: Mark, key: str, message: str) -> None:
        """Note what works but is not good; once, too."""
        warning = ConfigError(mark.file, mark.line, key, message, mark.column)
        if warning not in self._warnings:
            self._warnings.append(warning)

    def warnings(self) -> list[ConfigError]:
        """All warnings by file, line and column."""
        return sorted(self._warnings, key=_place)

    def sorted(self) -> list[ConfigError]:
        """All problems by file, line and column."""
        return sorted(self._errors, key=_place)

    def raise_if_any(self) -> None:
        """Raises ConfigErrors unless nothing was wrong."""
        if self._errors:
            raise ConfigErrors(self.sorted())


def _place(error: ConfigError) -> tuple[str, int, int]:
    return error.file, error.line, error.column
