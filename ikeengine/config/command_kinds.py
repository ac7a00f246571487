"""Option type of programs that the daemon runs."""

from __future__ import annotations

import shlex
from pathlib import PurePosixPath

from ikeengine.config.kinds import JsonSchema


class _Command:
    """A program with its arguments, quoted as in a shell, but never run by one."""

    label = "program with arguments"

    def parse(self, text: str) -> tuple[str, ...]:
        """The words; none for an empty text."""
        if not text.isprintable():
            raise ValueError("the text holds characters that cannot be printed")
        try:
            words = tuple(shlex.split(text))
        except ValueError as error:
            raise ValueError(f"`{text}` is not a command: {error}") from error
        if words and not PurePosixPath(words[0]).is_absolute():
            raise ValueError(f"`{words[0]}` is not an absolute path")
        return words

    def json_schema(self) -> JsonSchema:
        """A string."""
        return {"type": "string"}


COMMAND = _Command()
