# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime

import pytest

from ansible_collections.keymesh.ike.plugins.module_utils import _certificate, _der
from ansible_collections.keymesh.ike.tests.unit.plugins.certificates import CA, CRL, ED25519, HOST

NOW = datetime.datetime(2027, 11, 20, 18, 8, 16, tzinfo=datetime.timezone.utc)
DAY = 86400


def test_the_certificate_of_a_host() -> None:
    assert _certificate.certificate(HOST, NOW) == {
        "subject": "CN=gw1.example",
        "issuer": "C=CH, O=Example, CN=Mesh CA",
        "serial": "4e2a",
        "subject_alt_names": ["DNS:gw1.example", "IP:192.0.2.1", "IP:2001:db8::1", "email:a@b.example"],
        "not_before": "2026-11-21T18:08:16Z",
        "not_after": "2027-11-21T18:08:16Z",
        "expires_in": DAY,
        "is_ca": False,
        "key_type": "RSA",
        "key_bits": 2048,
        "revoked": None,
    }
    assert _certificate.certificate(HOST, NOW + datetime.timedelta(days=2))["expires_in"] == -DAY


def test_the_certificate_of_an_authority() -> None:
    found = _certificate.certificate(CA, NOW)
    assert found["is_ca"] and found["subject"] == found["issuer"] == "C=CH, O=Example, CN=Mesh CA"
    assert (found["key_type"], found["key_bits"]) == ("ECDSA", 384)
    found = _certificate.certificate(ED25519, NOW)
    assert (found["key_type"], found["key_bits"], found["subject_alt_names"]) == ("Ed25519", 256, [])


def test_a_revocation_list() -> None:
    found = _certificate.revocation_list(CRL, NOW)
    assert found["issuer"] == "C=CH, O=Example, CN=Mesh CA" and found["subject"] is None
    assert (found["not_after"], found["revoked"]) == ("2026-11-28T18:08:16Z", 1)
    assert found["expires_in"] < 0


def test_the_fingerprint() -> None:
    assert _certificate.fingerprint(HOST).startswith("4E:E8:D2:96:9D:32:01:1E")


def test_the_same_keys_for_all() -> None:
    keys = _certificate.EMPTY.keys()
    assert _certificate.certificate(HOST, NOW).keys() == _certificate.revocation_list(CRL, NOW).keys() == keys


@pytest.mark.parametrize("octets", [b"", b"\x30", b"\x30\x80", b"\x30\x05\x02\x01", b"\x30\x00", b"\x30\x02\x30\x00"])
def test_what_is_no_certificate(octets: bytes) -> None:
    for read in (_certificate.certificate, _certificate.revocation_list):
        with pytest.raises(_der.DerError):
            read(octets, NOW)


def test_no_cut_or_flipped_octet_makes_another_error() -> None:
    for offset in range(0, len(HOST), 3):
        for broken in (HOST[:offset], HOST[:offset] + bytes([HOST[offset] ^ 0xFF]) + HOST[offset + 1 :]):
            try:
                _certificate.certificate(broken, NOW)
            except _der.DerError:
                pass


@pytest.mark.parametrize(
    ("octets", "year"), [(b"490101000000Z", 2049), (b"500101000000Z", 1950), (b"690101000000Z", 1969)]
)
def test_the_turn_of_the_century(octets: bytes, year: int) -> None:
    assert _der.Element(_der.UTC_TIME, octets, b"").time().year == year
    with pytest.raises(_der.DerError, match="is not a time"):
        _der.Element(_der.GENERALIZED_TIME, octets, b"").time()


def test_object_identifiers() -> None:
    assert _der.Element(6, b"\x2a\x86\x48\x86\xf7\x0d", b"").oid() == "1.2.840.113549"
    assert _der.Element(6, b"\x88\x37\x03", b"").oid() == "2.999.3"
    with pytest.raises(_der.DerError):
        _der.Element(6, b"", b"").oid()
