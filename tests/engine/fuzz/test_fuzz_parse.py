"""The fuzz target runs over seeds without atheris, and it notices what it is there to notice."""

from __future__ import annotations

import pytest

from ikeengine.wire.message import write_chain, write_message
from tests.engine.fuzz import fuzz_parse
from tests.engine.support.wire import AUTH_PAYLOADS, INIT_PAYLOADS, SAMPLES, SPI_I, SPI_R, message, payload

SEEDS = [
    b"",
    b"\xff",
    bytes(27),
    bytes(28),
    write_message(SPI_I, SPI_R, 34, 8, 0, INIT_PAYLOADS),
    message(46, payload(b"x" * 40, following=35), exchange=35),
    message(53, payload(b"\0\1\0\2" + b"x" * 40, following=35), exchange=35),
    *(bytes((chain[0],)) + chain[1] for chain in map(write_chain, (AUTH_PAYLOADS, SAMPLES))),
    *(sample.write() for sample in SAMPLES),
]


@pytest.mark.parametrize("seed", SEEDS, ids=range(len(SEEDS)))
def test_seeds(seed: bytes):
    fuzz_parse.one_input(seed)


def test_messages_and_chains_are_understood():
    for octets in (
        write_message(SPI_I, SPI_R, 34, 8, 0, INIT_PAYLOADS),
        message(46, payload(b"x" * 40, following=35), exchange=35),
    ):
        assert fuzz_parse.one_input(octets) >= 2, "as received and behind a valid header"
        assert fuzz_parse.one_input(b"\1" + octets[1:-1]) < fuzz_parse.one_input(octets)
    first, chain = write_chain(SAMPLES)
    assert fuzz_parse.one_input(bytes((first,)) + chain) >= 1
    assert fuzz_parse.one_input(bytes((first,)) + bytes(27) + chain) >= 1


@pytest.mark.parametrize("error", [ValueError, IndexError, KeyError, AssertionError])
def test_any_other_error_escapes(monkeypatch: pytest.MonkeyPatch, error: type[Exception]):
    def broken(*_args: object, **_options: object) -> None:
        raise error

    monkeypatch.setattr(fuzz_parse, "read_chain", broken)
    with pytest.raises(error):
        fuzz_parse.one_input(bytes(40))
