from __future__ import annotations

from typing import Any

import pytest

from ikeengine.config import certificates
from ikeengine.config.certificates import CertificateBlobs, CertificateFiles, certificates_from
from ikeengine.config.tree import text_of


def test_pem_texts_may_hold_several_certificates(pki: Any) -> None:
    found = certificates_from(b"comment\n" + pki.gw.pem + b"\n" + pki.intermediate.pem)
    assert [certificate.der for certificate in found] == [pki.gw.der, pki.intermediate.der]


def test_der_octets_are_one_certificate(pki: Any) -> None:
    assert [certificate.der for certificate in certificates_from(pki.gw.der)] == [pki.gw.der]


@pytest.mark.parametrize("data", [b"", b"hello", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"])
def test_what_is_no_certificate_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a usable certificate"):
        certificates_from(data)


def test_damaged_pem_is_refused() -> None:
    with pytest.raises(ValueError, match="damaged"):
        certificates_from(b"-----BEGIN CERTIFICATE-----\nAAAAA\n-----END CERTIFICATE-----")


def test_a_key_is_no_certificate(pki: Any) -> None:
    with pytest.raises(ValueError, match="no certificate is in it, but something else"):
        certificates_from(pki.gw.key_pem())


def test_files_are_read_once(site: Any, pki: Any) -> None:
    path = site.write("x509/gw.pem", pki.gw.pem)
    files = CertificateFiles(site.base)
    first = files.load("gw.pem", "x509")
    path.unlink()
    assert files.load("gw.pem", "x509") is first
    assert files.load(str(path), "x509") is first


def test_a_missing_or_broken_file_says_which(site: Any) -> None:
    site.write("x509/gw.pem", "nothing")
    files = CertificateFiles(site.base)
    with pytest.raises(ValueError, match=r"nothing\.pem cannot be read: No such file"):
        files.load("nothing.pem", "x509")
    with pytest.raises(ValueError, match=r"gw\.pem: not a usable certificate"):
        files.load("gw.pem", "x509")


def test_a_huge_file_is_no_certificate(site: Any, pki: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates, "LARGEST_FILE", 10)
    site.write("gw.pem", pki.gw.pem)
    with pytest.raises(ValueError, match="this is no certificate"):
        CertificateFiles(site.base).load("gw.pem", "")


def test_values_of_vici_are_certificates_themselves(pki: Any) -> None:
    blob = text_of(pki.gw.pem + pki.intermediate.pem)
    assert [certificate.der for certificate in CertificateBlobs().load(blob, "x509")] == [pki.gw.der]
    assert CertificateBlobs().load(text_of(pki.gw.der), "x509")[0].der == pki.gw.der
