from __future__ import annotations

import pytest

from ikeengine.errors import InvalidSyntax
from ikeengine.ikev1.wire.numbers import PayloadType
from ikeengine.ikev1.wire.payloads import READERS, UnknownPayload
from ikeengine.wire.reader import Reader
from tests.engine.support.wire_v1 import SAMPLES

BY_TYPE = pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.type.name)


def test_every_payload_has_a_reader_and_a_sample():
    expected = set(PayloadType) - {PayloadType.NONE, PayloadType.PROPOSAL, PayloadType.TRANSFORM}
    assert READERS.keys() == expected
    assert {sample.type for sample in SAMPLES} == expected


@BY_TYPE
def test_read_what_was_written(sample):
    body = Reader(b"before" + sample.write() + b"after", 6, 6 + len(sample.write()))
    assert READERS[sample.type](body) == sample
    body.finish()


@BY_TYPE
def test_payloads_are_values(sample):
    again = READERS[sample.type](Reader(sample.write()))
    assert hash(again) == hash(sample)
    assert not hasattr(sample, "__dict__")


@BY_TYPE
def test_w11_every_truncation(sample):
    """A truncated body is either refused or a shorter valid one, which writes what was read."""
    body = sample.write()
    for size in range(len(body)):
        reader = Reader(body[:size])
        try:
            payload = READERS[sample.type](reader)
            reader.finish()
        except InvalidSyntax:
            continue
        assert payload.write() == body[:size]


def test_unknown_payload():
    payload = UnknownPayload(PayloadType(99), b"abc")
    assert (payload.type, payload.type.name, payload.write()) == (99, "UNKNOWN_99", b"abc")
