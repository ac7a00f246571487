"""Which OCSP responses are believed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from ikeengine.auth.ocsp_check import check_ocsp
from ikeengine.auth.status import Status, Verdict
from ikeengine.crypto.ocsp import MAX_RESPONSE_OCTETS, OcspResponse, make_request
from ikeengine.errors import AuthFailed
from tests.engine import pki
from tests.engine.pki import DAY, NOW, Issued, authority, issue, make_ocsp

ROOT = authority("CN=Root")
LEAF = issue("CN=moon", ROOT)
SIGNS = (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), False)


def status(response: bytes, **options: object) -> Status:
    parsed = OcspResponse.from_der(response)
    return check_ocsp(parsed, LEAF.certificate, ROOT.certificate, options.pop("responders", ()), NOW, **options)


def delegate(issuer: Issued = ROOT, **options: object) -> Issued:
    return issue("CN=ocsp", issuer, **{"extensions": [SIGNS], **options})


@pytest.mark.parametrize("by_name", [True, False])
def test_the_issuer_signs(by_name: bool) -> None:
    assert status(make_ocsp(LEAF, ROOT, by_name=by_name)).verdict is Verdict.GOOD
    assert status(make_ocsp(LEAF, ROOT, by_name=by_name, signer=delegate())).verdict is Verdict.GOOD


def test_revoked_and_unknown() -> None:
    revoked = status(make_ocsp(LEAF, ROOT, status="revoked"))
    assert revoked.verdict is Verdict.REVOKED
    assert "reason superseded" in revoked.detail
    assert "does not know" in status(make_ocsp(LEAF, ROOT, status="unknown")).detail


@pytest.mark.parametrize(
    ("response", "complaint"),
    [
        (make_ocsp(issue("CN=sun", ROOT), ROOT), "about other certificates"),
        (make_ocsp(LEAF, ROOT, about=authority("CN=Other")), "about other certificates"),
        (make_ocsp(LEAF, ROOT, at=NOW - DAY), "expired on"),
        (make_ocsp(LEAF, ROOT, at=NOW - DAY, lifetime=None), "expired on"),
        (make_ocsp(LEAF, ROOT, at=NOW + DAY), "not valid before"),
        (make_ocsp(LEAF, ROOT, signer=delegate(authority("CN=Other"))), "is not certified by `CN=Root`"),
        (make_ocsp(LEAF, ROOT, signer=delegate(authority("CN=Root", key="other"))), "does not verify"),
        (make_ocsp(LEAF, ROOT, signer=delegate(extensions=[])), "OCSPSigning"),
        (make_ocsp(LEAF, ROOT, signer=delegate(not_after=NOW - timedelta(hours=1))), "expired or not valid yet"),
        (make_ocsp(LEAF, ROOT, signer=delegate(), sends_signer=False), "who is not trusted to do that"),
    ],
)
def test_not_believed(response: bytes, complaint: str) -> None:
    found = status(response)
    assert found.verdict is Verdict.UNKNOWN
    assert complaint in found.detail


def test_nonce() -> None:
    assert status(make_ocsp(LEAF, ROOT, nonce=b"n" * 32), nonce=b"n" * 32).verdict is Verdict.GOOD
    assert status(make_ocsp(LEAF, ROOT), nonce=b"n" * 32).verdict is Verdict.GOOD
    assert "another nonce" in status(make_ocsp(LEAF, ROOT, nonce=b"m" * 32), nonce=b"n" * 32).detail


def test_local_responder() -> None:
    local = issue("CN=ocsp", extensions=[SIGNS])
    response = make_ocsp(LEAF, ROOT, signer=local, sends_signer=False)
    assert status(response, responders=[local.certificate]).verdict is Verdict.GOOD
    assert status(response).verdict is Verdict.UNKNOWN


def test_a_delegate_may_not_lend_its_name() -> None:
    """The signer is who signed, not who is named."""
    forged = make_ocsp(LEAF, ROOT, signer=authority("CN=Root", key="forger"), by_name=True)
    found = status(forged)
    assert (found.verdict, "does not verify" in found.detail) == (Verdict.UNKNOWN, True)


def test_damaged_responses_are_the_senders_fault() -> None:
    sound = make_ocsp(LEAF, ROOT, signer=delegate())
    for position in range(0, len(sound), 7):
        damaged = bytearray(sound)
        damaged[position] ^= 0x55
        try:
            found = status(bytes(damaged))
        except AuthFailed:
            continue
        assert found.verdict is Verdict.UNKNOWN, position
    for garbage in (b"", b"\x30\x00", b"\x30\x03\x0a\x01\x06", bytes(MAX_RESPONSE_OCTETS + 1)):
        with pytest.raises(AuthFailed):
            OcspResponse.from_der(garbage)


def test_request() -> None:
    request = make_request(LEAF.certificate, ROOT.certificate, b"n" * 32)
    assert pki.nonce_of(request) == b"n" * 32
    assert pki.ocsp.load_der_ocsp_request(request).serial_number == LEAF.certificate.serial
