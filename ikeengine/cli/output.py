"""Where commands print: JSON for programs, text for people."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence


def print_json(value: Mapping[str, object] | Sequence[object]) -> None:
    """Print one JSON document."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def print_json_line(value: Mapping[str, object]) -> None:
    """Print one JSON document on a line of its own, at once: for streams."""
    print(json.dumps(value, ensure_ascii=False), flush=True)


def complain(text: str) -> None:
    """Print a line to stderr."""
    print(text, file=sys.stderr, flush=True)
