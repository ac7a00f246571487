# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.keymesh.ike.plugins.plugin_utils._revocation import (
    RevocationError,
    crl_files,
    issued_serials,
    revoked_by,
    revoked_serials,
)

ISSUED = issued_serials(["/ca/issued/gw1--1a.pem", "/ca/issued/gw2--2b.pem", "/ca/issued/gw2--2c.pem", "/ca/ca.pem"])
HOSTS = {"gw1", "gw2", "gw3"}


def test_files_say_what_was_issued_to_whom() -> None:
    assert ISSUED == {"gw1": [0x1A], "gw2": [0x2B, 0x2C]}
    assert issued_serials(["a--b--ff.pem"]) == {"a--b": [0xFF]}


def test_all_certificates_of_a_host_are_revoked() -> None:
    assert revoked_serials(ISSUED, ["gw2"], HOSTS) == [0x2B, 0x2C]
    assert revoked_serials(ISSUED, ["gw3"], HOSTS) == [], "it has none yet"


@pytest.mark.parametrize("serial", ["5be0217d", "5B:E0:21:7D"])
def test_serial_numbers_are_hexadecimal(serial: str) -> None:
    assert revoked_serials(ISSUED, [serial], HOSTS) == [0x5BE0217D]


def test_hosts_that_left_the_inventory_are_revoked_when_asked() -> None:
    assert revoked_serials(ISSUED, [], {"gw1"}) == []
    assert revoked_serials(ISSUED, [], {"gw1"}, absent=True) == [0x2B, 0x2C]


def test_who_is_not_known_is_an_error() -> None:
    with pytest.raises(RevocationError, match="pki_revoked: 'gw9' is neither a host that has a certificate .gw1, gw2. nor"):
        revoked_serials(ISSUED, ["gw9"], HOSTS)


def test_a_serial_number_belongs_to_its_authority() -> None:
    ours, other = [["commonName", "Ours"]], [["commonName", "Other"]]
    certificates = {
        "gw3": {"issuer_ordered": ours, "serial_number": 1},
        "gw2": {"issuer_ordered": other, "serial_number": 1},
        "gw1": {"issuer_ordered": [("commonName", "Ours")], "serial_number": 1},
        "gw0": {"issuer_ordered": ours, "serial_number": 2},
        "none": {"failed": True},
    }
    lists = [
        {"issuer_ordered": ours, "revoked_certificates": [{"serial_number": 1}]},
        {"issuer_ordered": other, "revoked_certificates": []},
    ]
    assert revoked_by(certificates, lists) == ["gw1", "gw3"]
    assert revoked_by(certificates, []) == []


def test_lists_of_other_authorities_have_names_that_stay() -> None:
    url = "http://ca.example.com/ca.crl"
    fetched, given = crl_files([url, "files/ca.crl", url], "/srv/crls")
    assert fetched["remote"] and fetched["source"] == url
    assert fetched["file"] == "/srv/crls/" + fetched["name"]
    assert fetched["name"].startswith("external-") and fetched["name"].endswith(".crl")
    assert not given["remote"] and given["file"] == "files/ca.crl"
    assert crl_files(["files/ca.crl"], "elsewhere") == [given]
