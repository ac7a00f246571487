"""Every id of the checklist of hostile inputs for messages and state machines has tests that bear its name."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TEST = re.compile(r"^ *def test_(?P<ids>(?:[a-z]\d\d_)+)", re.MULTILINE)
WORDS = re.compile(r"\b(?P<id>[SRDW]\d\d)\b")

STATE_MACHINE = [f"s{number:02}" for number in range(1, 14)]
RELIABILITY = [f"r{number:02}" for number in range(1, 10)]


def named() -> Counter[str]:
    """How many test functions bear each id. A module whose first lines name an id bears it as a whole."""
    counts: Counter[str] = Counter()
    for path in ROOT.rglob("test_*.py"):
        text = path.read_text()
        for match in TEST.finditer(text):
            counts.update(match["ids"].strip("_").split("_"))
        counts.update(match["id"].lower() for match in WORDS.finditer(text[: text.find("from __future__")]))
    return counts


@pytest.mark.parametrize("name", [*STATE_MACHINE, *RELIABILITY])
def test_every_id_has_a_test(name: str) -> None:
    assert named()[name], f"no test is named test_{name}_..."
