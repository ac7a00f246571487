"""The corpus that fuzzing OpenIKED's parser left behind (github.com/openiked/openiked-fuzzing)."""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator

from ikeengine.errors import InvalidSyntax, UnsupportedCriticalPayload
from ikeengine.wire.message import read_chain
from ikeengine.wire.payloads import READERS
from tests.engine.fuzz.fuzz_parse import one_input
from tests.engine.support.vectors import external


def corpus() -> Iterator[bytes]:
    with tarfile.open(external("fuzz", "openiked-parser-corpus.tar.xz")) as archive:
        for member in archive:
            file = archive.extractfile(member) if member.isfile() else None
            if file is not None:
                yield file.read()


def outcome(data: bytes) -> str:
    """How the input reads as OpenIKED's harness reads it: the first octet names the first payload behind the header."""
    try:
        payloads = read_chain(data[0] if data else 0, data[28:], protected=True)
    except (InvalidSyntax, UnsupportedCriticalPayload) as error:
        return str(error)
    return " ".join(f"payload {p.type.name}:" for p in payloads)


def test_openiked_corpus():
    """W13: only documented errors, and the inputs get far enough to matter."""
    inputs = list(corpus())
    assert len(inputs) == 15762
    outcomes = set()
    for data in inputs:
        one_input(data)
        outcomes.add(outcome(data))
    reached = set(re.findall(r"payload (\w+):", " ".join(outcomes)))
    assert reached >= {kind.name for kind in READERS}, "every payload reader met this corpus"
    assert len(outcomes) > 500
