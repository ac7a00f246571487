"""The fuzz target of IKEv1 runs over seeds without atheris, and it notices what it is there to notice."""

from __future__ import annotations

import pytest

from ikeengine.ikev1.wire.message import write_chain, write_message
from tests.engine.fuzz import fuzz_parse_v1
from tests.engine.support.wire_v1 import AGGRESSIVE_1, COOKIE_I, COOKIE_R, MAIN_1, QUICK_1, SAMPLES, message, payload

SEEDS = [
    b"",
    b"\xff",
    bytes(27),
    bytes(28),
    write_message(COOKIE_I, bytes(8), 2, 0, 0, MAIN_1),
    write_message(COOKIE_I, bytes(8), 4, 0, 0, AGGRESSIVE_1),
    message(8, b"c" * 48, exchange=32, flags=1, message_id=1),
    message(132, payload(b"\0\1\1\1" + write_message(COOKIE_I, COOKIE_R, 2, 0, 0, MAIN_1))),
    *(bytes((chain[0],)) + chain[1] for chain in map(write_chain, (QUICK_1, SAMPLES))),
    *(sample.write() for sample in SAMPLES),
]


@pytest.mark.parametrize("seed", SEEDS, ids=range(len(SEEDS)))
def test_seeds(seed: bytes):
    fuzz_parse_v1.one_input(seed)


def test_messages_and_chains_are_understood():
    for octets in SEEDS[4:8]:
        assert fuzz_parse_v1.one_input(octets) >= 1
    assert fuzz_parse_v1.one_input(SEEDS[4]) >= 3, "as received, behind a valid header, as what was decrypted"
    first, chain = write_chain(SAMPLES)
    assert fuzz_parse_v1.one_input(bytes((first,)) + chain) >= 1
    assert fuzz_parse_v1.one_input(bytes(16) + bytes((first,)) + bytes(11) + chain) >= 1


@pytest.mark.parametrize("error", [ValueError, IndexError, KeyError, AssertionError])
def test_any_other_error_escapes(monkeypatch: pytest.MonkeyPatch, error: type[Exception]):
    def broken(*_args: object, **_options: object) -> None:
        raise error

    monkeypatch.setattr(fuzz_parse_v1, "read_chain", broken)
    with pytest.raises(error):
        fuzz_parse_v1.one_input(bytes(40))
