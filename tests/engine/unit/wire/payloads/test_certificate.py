from __future__ import annotations

import pytest

from ikeengine.errors import InvalidSyntax
from ikeengine.registry import CertEncoding
from ikeengine.wire.payloads.certificate import Cert
from ikeengine.wire.reader import Reader


def test_octets():
    cert = Cert(CertEncoding.X509_SIGNATURE, b"der")
    assert cert.write() == b"\x04der"
    assert Cert.read(Reader(b"\x04der")) == cert


def test_unknown_encoding_keeps_its_number():
    assert Cert.read(Reader(b"\xc8x")).write() == b"\xc8x"


def test_empty():
    with pytest.raises(InvalidSyntax):
        Cert.read(Reader(b""))
