"""Reads the test vectors in `data/`: `[title]` lines, each followed by `name = value` lines. Values are hexadecimal."""

from __future__ import annotations

from functools import cache

import pytest

from tests.engine.support.vectors import DATA


class Record:
    """One test case."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.fields: dict[str, str] = {}

    def __getitem__(self, name: str) -> bytes:
        return bytes.fromhex(self.fields[name])

    def __contains__(self, name: str) -> bool:
        return name in self.fields

    def number(self, name: str) -> int:
        """A decimal field."""
        return int(self.fields[name])


@cache
def read(file: str) -> tuple[Record, ...]:
    """The records of a file in `data/`."""
    found: list[Record] = []
    for line in (DATA / file).read_text().splitlines():
        if line.startswith("["):
            found.append(Record(line.strip("[]")))
        elif "=" in line and not line.startswith("#"):
            name, value = line.split("=", 1)
            found[-1].fields[name.strip()] = value.strip()
    return tuple(found)


def each(file: str) -> pytest.MarkDecorator:
    """Run a test once for each record of a file, as its argument `record`."""
    return pytest.mark.parametrize("record", read(file), ids=lambda record: record.title)
