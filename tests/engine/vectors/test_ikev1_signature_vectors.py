"""Signatures of IKEv1 against those of OpenSSL's command line."""

from __future__ import annotations

import pytest

from ikeengine.crypto import sign
from ikeengine.crypto.ecdsa_raw import raw_signature
from ikeengine.crypto.sign import V1_SCHEMES, PrivateKey, PublicKey
from ikeengine.errors import AuthFailed
from tests.engine.vectors.records import Record, each, read

FILE = "openssl-ikev1-signatures.txt"


@each(FILE)
def test_what_openssl_signed_verifies(record: Record) -> None:
    key, scheme = PublicKey.from_der(record["public"]), V1_SCHEMES[record.title]
    signature = record["signature"]
    if key.kind == "ecdsa":
        signature = raw_signature(scheme.method, signature)
    sign.verify(key, scheme, signature, record["hash"])
    with pytest.raises(AuthFailed):
        sign.verify(key, scheme, signature, record["hash"][:-1] + b"\0")


def test_rsa_signs_as_openssl_does() -> None:
    record = read(FILE)[0]
    assert PrivateKey.load(record["private"]).sign("ikev1-rsa", record["hash"]) == record["signature"]
