"""Integrity algorithms and PRFs against the vectors of their RFCs."""

from __future__ import annotations

import pytest

from ikeengine.crypto import mac
from ikeengine.crypto.integ import INTEG
from ikeengine.crypto.prf import PRF
from ikeengine.registry import IntegId, PrfId
from tests.engine.vectors.records import Record, each

SHA_PRFS = {
    "sha256": PrfId.PRF_HMAC_SHA2_256,
    "sha384": PrfId.PRF_HMAC_SHA2_384,
    "sha512": PrfId.PRF_HMAC_SHA2_512,
}
SHA_INTEGS = {
    "sha256": IntegId.HMAC_SHA2_256_128,
    "sha384": IntegId.HMAC_SHA2_384_192,
    "sha512": IntegId.HMAC_SHA2_512_256,
}


@each("rfc3566.txt")
def test_aes_xcbc_96(record: Record) -> None:
    assert INTEG[IntegId.AES_XCBC_96].compute(record["key"], record["message"]) == record["icv"]
    assert mac.aes_xcbc(record["key"])(record["message"]) == record["mac"]


@each("rfc4494.txt")
def test_aes_cmac_96(record: Record) -> None:
    assert INTEG[IntegId.AES_CMAC_96].compute(record["key"], record["message"]) == record["icv"]


@each("rfc4434.txt")
def test_prf_aes_xcbc_with_keys_of_any_length(record: Record) -> None:
    assert PRF[PrfId.PRF_AES128_XCBC].compute(record["key"], record["message"]) == record["output"]


@each("rfc4615.txt")
def test_prf_aes_cmac_with_keys_of_any_length(record: Record) -> None:
    assert PRF[PrfId.PRF_AES128_CMAC].compute(record["key"], record["message"]) == record["output"]


@each("rfc2202.txt")
def test_prf_hmac_sha1(record: Record) -> None:
    prf = PRF[PrfId.PRF_HMAC_SHA1]
    assert prf.compute(record["key"], record["message"]) == record["output"]
    assert prf.keyed(record["key"])(record["message"]) == record["output"]


@each("rfc2202.txt")
def test_hmac_sha1_96_is_the_start_of_hmac_sha1(record: Record) -> None:
    integ = INTEG[IntegId.HMAC_SHA1_96]
    if len(record["key"]) == integ.key_octets:
        assert integ.compute(record["key"], record["message"]) == record["output"][:12]


@each("rfc2202-md5.txt")
def test_hmac_md5(record: Record) -> None:
    assert PRF[PrfId.PRF_HMAC_MD5].compute(record["key"], record["message"]) == record["output"]
    integ = INTEG[IntegId.HMAC_MD5_96]
    if len(record["key"]) == integ.key_octets:
        assert integ.compute(record["key"], record["message"]) == record["output"][:12]


@pytest.mark.parametrize("name", SHA_PRFS)
@each("rfc4868-prf.txt")
def test_prf_hmac_sha2(record: Record, name: str) -> None:
    prf = PRF[SHA_PRFS[name]]
    assert prf.compute(record["key"], record["message"]) == record[name]
    assert prf.keyed(record["key"])(record["message"]) == record[name]


@each("rfc4868-auth.txt")
def test_hmac_sha2_authenticators(record: Record) -> None:
    integ = INTEG[SHA_INTEGS[record.fields["hash"]]]
    assert integ.compute(record["key"], record["message"]) == record["icv"]
