from __future__ import annotations

import pytest

from ikeengine.errors import InvalidSyntax
from ikeengine.registry import CertEncoding
from ikeengine.wire.payloads.certificate_request import CertReq
from ikeengine.wire.reader import Reader


@pytest.mark.parametrize("count", [0, 1, 2, 100])
@pytest.mark.parametrize("encoding", [4, 12, 13])
def test_a_run_of_hashes(encoding: int, count: int):
    octets = bytes((encoding,)) + b"h" * 20 * count
    assert CertReq.read(Reader(octets)) == CertReq(CertEncoding(encoding), b"h" * 20 * count)
    assert CertReq(CertEncoding(encoding), b"h" * 20 * count).write() == octets


@pytest.mark.parametrize("size", [1, 19, 21, 39])
@pytest.mark.parametrize("encoding", [4, 12, 13])
def test_not_a_run_of_hashes(encoding: int, size: int):
    with pytest.raises(InvalidSyntax, match="not a run of authority hashes"):
        CertReq.read(Reader(bytes((encoding,)) + b"h" * size))


@pytest.mark.parametrize("encoding", [0, 1, 11, 14, 200])
def test_other_encodings_are_opaque(encoding: int):
    octets = bytes((encoding,)) + b"xyz"
    assert CertReq.read(Reader(octets)).write() == octets


def test_empty():
    with pytest.raises(InvalidSyntax):
        CertReq.read(Reader(b""))
