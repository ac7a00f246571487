# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.keymesh.ike.plugins.modules import ike_cert_info
from ansible_collections.keymesh.ike.tests.unit.plugins.certificates import CA, CRL, HOST
from ansible_collections.keymesh.ike.tests.unit.plugins.conftest import run
from ansible_collections.keymesh.ike.tests.unit.plugins.fake_daemon import FakeDaemon


def info(daemon: FakeDaemon, **options: t.Any) -> t.Dict[str, t.Any]:
    daemon.certificates = [
        {"type": "X509", "flag": "NONE", "has_privkey": "yes", "data": HOST},
        {"type": "X509", "flag": "CA", "data": CA},
        {"type": "X509_CRL", "flag": "NONE", "data": CRL},
        {"type": "OCSP_RESPONSE", "flag": "NONE", "data": b"0"},
        {"type": "X509", "flag": "NONE", "data": b"garbage"},
    ]
    return run(ike_cert_info, dict(options, socket=daemon.socket), check_mode=True)


def test_all_that_is_loaded(daemon: FakeDaemon) -> None:
    found = info(daemon)
    assert not found["changed"] and not found["failed"]
    host, ca, crl, ocsp, broken = found["certificates"]
    assert host["has_private_key"] and host["subject"] == "CN=gw1.example" and host["key_bits"] == 2048
    assert not ca["has_private_key"] and ca["is_ca"] and ca["flag"] == "CA"
    assert crl["revoked"] == 1 and ocsp["type"] == "OCSP_RESPONSE" and broken["subject"] is None
    assert host.keys() == ca.keys() == crl.keys() == ocsp.keys() == broken.keys()
    assert len({one["sha256"] for one in found["certificates"]}) == 5


def test_what_expires(daemon: FakeDaemon) -> None:
    assert info(daemon, expires_within="36500d")["expiring"] == [
        "CN=gw1.example",
        "C=CH, O=Example, CN=Mesh CA",
        "CRL of C=CH, O=Example, CN=Mesh CA",
    ]
    failed = info(daemon, expires_within="soon")
    assert failed["failed"] and failed["msg"].startswith("expires_within: 'soon' is not a duration")


def test_the_filter_is_the_daemons(daemon: FakeDaemon) -> None:
    info(daemon, type="x509_crl", subject="CN=x")
    assert daemon.requests[-1] == ("list-certs", {"type": "X509_CRL", "flag": "ANY", "subject": "CN=x"})


def test_no_daemon(daemon: FakeDaemon) -> None:
    failed = run(ike_cert_info, {"socket": daemon.socket + "-not"})
    assert failed["failed"] and "no daemon answers at" in failed["msg"]
