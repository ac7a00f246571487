from __future__ import annotations

import pytest

from ikeengine.errors import InvalidSyntax
from ikeengine.registry import PayloadType
from ikeengine.wire.payloads import READERS, UnknownPayload
from ikeengine.wire.reader import Reader
from tests.engine.support.wire import SAMPLES


def test_every_payload_of_rfc_7296_has_a_reader_and_a_sample():
    expected = set(PayloadType) - {PayloadType.NONE, PayloadType.SK, PayloadType.SKF}
    assert READERS.keys() == expected
    assert {sample.type for sample in SAMPLES} == expected


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.type.name)
def test_read_what_was_written(sample):
    body = Reader(b"before" + sample.write() + b"after", 6, 6 + len(sample.write()))
    assert READERS[sample.type](body) == sample
    body.finish()


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.type.name)
def test_payloads_are_values(sample):
    again = READERS[sample.type](Reader(sample.write()))
    assert hash(again) == hash(sample)
    assert not hasattr(sample, "__dict__")
    with pytest.raises((AttributeError, TypeError)):
        sample.type = PayloadType.NONE


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.type.name)
def test_w10_every_truncation(sample):
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
    payload = UnknownPayload(99, False, b"abc")
    assert (payload.type, payload.type.name, payload.write()) == (99, "UNKNOWN_99", b"abc")
