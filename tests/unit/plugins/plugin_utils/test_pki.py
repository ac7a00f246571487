# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.keymesh.ike.plugins.plugin_utils._pki import (
    IdentityError,
    alternative_name,
    certificate_names,
    key_options,
    renewal_reasons,
    request_problems,
)

NAMES = certificate_names("gw1.example.com")
KEY = key_options("ecdsa")
CA = {"subject_key_identifier": "aa:bb", "not_after": "20360101000000Z"}
INFO = {
    "serial_number": 4711,
    "subject_ordered": [["commonName", "gw1.example.com"]],
    "subject_alt_name": ["DNS:gw1.example.com"],
    "public_key_type": "ECC",
    "public_key_data": {"curve": "secp256r1", "size": 256},
    "authority_key_identifier": "aa:bb",
    "not_after": "20271121183512Z",
    "valid_at": {"renewal": True},
}
REQUEST = {
    "subject_ordered": INFO["subject_ordered"],
    "subject_alt_name": INFO["subject_alt_name"],
    "basic_constraints": ["CA:FALSE"],
    "key_usage": ["Digital Signature"],
    "signature_valid": True,
}


@pytest.mark.parametrize(
    ("identity", "name"),
    [
        ("gw1.example.com", "DNS:gw1.example.com"),
        ("admin@example.com", "email:admin@example.com"),
        ("192.0.2.1", "IP:192.0.2.1"),
        ("2001:DB8:0::1", "IP:2001:db8::1"),
        ("@gw1", "DNS:gw1"),
        ("@@root@gw1", "email:root@gw1"),
        ("fqdn:192.0.2.1", "DNS:192.0.2.1"),
        ("ipv6:2001:db8::1", "IP:2001:db8::1"),
        ("rfc822:a@b", "email:a@b"),
    ],
)
def test_alternative_names(identity: str, name: str) -> None:
    assert alternative_name(identity) == name
    assert certificate_names(identity) == {
        "subject": [{"commonName": name.partition(":")[2]}],
        "subject_alt_name": [name],
    }


def test_a_distinguished_name_is_the_subject() -> None:
    assert certificate_names("C=CH, O=Example\\, Inc., CN=gw=3", ["192.0.2.3"]) == {
        "subject": [{"countryName": "CH"}, {"organizationName": "Example, Inc."}, {"commonName": "gw=3"}],
        "subject_alt_name": ["IP:192.0.2.3"],
    }
    assert certificate_names("asn1dn:/C=CH/CN=gw3")["subject"] == [{"countryName": "CH"}, {"commonName": "gw3"}]


def test_a_long_name_is_no_common_name() -> None:
    name = "gw." * 25 + "example.com"
    assert certificate_names(name) == {"subject": [], "subject_alt_name": [f"DNS:{name}"]}


@pytest.mark.parametrize(
    ("identity", "message"),
    [
        ("keyid:gw1", "key ID"),
        ("@#6777", "key ID"),
        ("C=CH, planet=earth", "'planet=earth' must be ATTRIBUTE=VALUE"),
        ("CN=", "'CN=' must be"),
        ("ipv4:gw1", "ike_id: 'gw1' does not appear to be"),
    ],
)
def test_identities_that_no_certificate_can_hold(identity: str, message: str) -> None:
    with pytest.raises(IdentityError, match=message):
        certificate_names(identity)


def test_keys() -> None:
    assert key_options("rsa") == {"type": "RSA", "size": 3072}
    assert key_options("ecdsa", 384) == {"type": "ECC", "curve": "secp384r1"}
    assert key_options("ed25519") == {"type": "Ed25519"}
    with pytest.raises(IdentityError, match="pki_key_type: 'dsa' is not one of ecdsa, rsa, ed25519"):
        key_options("dsa")
    with pytest.raises(IdentityError, match="pki_key_size: a key of type rsa has 2048, 3072, 4096, 8192 bits, not 1024"):
        key_options("rsa", 1024)


def test_a_certificate_that_will_do() -> None:
    assert renewal_reasons(INFO, NAMES, KEY, CA, revoked=[1]) == []
    assert renewal_reasons(INFO, NAMES, KEY) == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"serial_number": None}, "there is no certificate that can be read"),
        ({"subject_ordered": [["commonName", "gw9"]]}, "it is for commonName=gw9"),
        ({"subject_alt_name": ["DNS:gw9"]}, "it is for DNS:gw9"),
        ({"subject_alt_name": None}, "it is for no alternative name"),
        ({"public_key_data": {"curve": "secp384r1"}}, "its key is ECC secp384r1, not ECC secp256r1"),
        ({"public_key_type": "Ed25519", "public_key_data": {}}, "its key is Ed25519, not ECC secp256r1"),
        ({"authority_key_identifier": "cc"}, "another CA has issued it"),
        ({"serial_number": 1}, "it was revoked"),
        ({"valid_at": {"renewal": False}}, "it ends at 2027-11-21 18:35 UTC"),
    ],
)
def test_reasons_for_a_renewal(changes: dict, reason: str) -> None:
    assert renewal_reasons({**INFO, **changes}, NAMES, KEY, CA, revoked=[1]) == [reason]


def test_a_certificate_that_ends_with_its_ca_is_not_renewed_each_time() -> None:
    last = {**INFO, "not_after": CA["not_after"], "valid_at": {"renewal": False}}
    assert renewal_reasons(last, NAMES, KEY, CA) == []
    assert renewal_reasons(last, NAMES, KEY) == ["it ends at 2036-01-01 00:00 UTC"]


def test_a_request_asks_for_no_more_than_the_host_is() -> None:
    assert request_problems(REQUEST, NAMES) == []
    for changes, problem in (
        ({"subject_alt_name": ["DNS:gw1.example.com", "DNS:gw2.example.com"]}, "DNS:gw2.example.com"),
        ({"subject_ordered": [["commonName", "gw2"]]}, "it asks for commonName=gw2"),
        ({"basic_constraints": ["CA:TRUE"]}, "it asks to be a certification authority"),
        ({"key_usage": ["Digital Signature", "Certificate Sign"]}, "Certificate Sign"),
        ({"signature_valid": False}, "its signature is wrong"),
    ):
        (found,) = request_problems({**REQUEST, **changes}, NAMES)
        assert problem in found
