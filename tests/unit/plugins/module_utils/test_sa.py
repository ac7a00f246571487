# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.keymesh.ike.plugins.module_utils import _sa
from ansible_collections.keymesh.ike.plugins.module_utils._vici import ViciSession
from ansible_collections.keymesh.ike.tests.unit.plugins.fake_daemon import CONNECTION, FakeDaemon


def test_an_ike_sa_becomes_data(daemon: FakeDaemon) -> None:
    sa = daemon.establish_ike(age=5)
    daemon.establish_child(sa, age=3)
    with ViciSession(daemon.socket) as session:
        (found,) = _sa.list_sas(session)
    children = found.pop("children")
    assert found == {
        "name": "a--b",
        "unique_id": 1,
        "version": 2,
        "state": "ESTABLISHED",
        "initiator": True,
        "local_host": "192.0.2.1",
        "local_port": 4500,
        "local_id": "a.example",
        "remote_host": "192.0.2.2",
        "remote_port": 4500,
        "remote_id": "b.example",
        "initiator_spi": "b67c540ed033ba20",
        "responder_spi": "c3b235402fe50780",
        "nat": ["remote"],
        "proposal": "AES_GCM_16-256/PRF_HMAC_SHA2_384/CURVE_25519",
        "shared_key": None,
        "age": 5,
        "rekey_in": 13538,
        "reauth_in": None,
        "tasks": [],
    }
    assert children == [
        {
            "name": "net",
            "unique_id": 2,
            "reqid": 1,
            "state": "INSTALLED",
            "mode": "TUNNEL",
            "protocol": "ESP",
            "encap": True,
            "esn": False,
            "spi_in": "00000002",
            "spi_out": "8a299cf6",
            "proposal": "AES_GCM_16-256",
            "bytes_in": 840,
            "packets_in": 10,
            "idle_in": 2,
            "bytes_out": 0,
            "packets_out": 0,
            "idle_out": None,
            "age": 3,
            "rekey_in": 3323,
            "expires_in": 3960,
            "local_ts": ["10.1.0.0/16"],
            "remote_ts": ["10.2.0.0/16"],
        }
    ]


def test_an_sa_that_is_being_negotiated_has_the_same_keys(daemon: FakeDaemon) -> None:
    full = _sa.ike_sa("x", daemon.establish_ike())
    bare = _sa.ike_sa("x", {"uniqueid": "1", "state": "CONNECTING", "tasks-active": ["IKE_CERT_PRE"]})
    assert bare.keys() == full.keys()
    assert bare["age"] is None and bare["proposal"] is None and bare["tasks"] == ["IKE_CERT_PRE"]
    full_child = _sa.child_sa("net-1", daemon.establish_child(daemon.establish_ike()))
    assert _sa.child_sa("net-1", {"state": "CREATED"}).keys() == full_child.keys()


def test_numbers_that_are_none_do_not_raise() -> None:
    assert _sa.ike_sa("x", {"uniqueid": "one"})["unique_id"] is None


def test_proposals_as_swanctl_prints_them() -> None:
    section = {
        "encr-alg": "AES_CBC",
        "encr-keysize": "256",
        "integ-alg": "HMAC_SHA2_256_128",
        "prf-alg": "PRF_HMAC_SHA2_256",
        "dh-group": "ECP_256",
        "ake1": "ML_KEM_768",
    }
    expected = "AES_CBC-256/HMAC_SHA2_256_128/PRF_HMAC_SHA2_256/ECP_256/ML_KEM_768"
    assert _sa.ike_sa("x", section)["proposal"] == expected


def test_a_connection_becomes_data() -> None:
    found = _sa.connection("a--b", CONNECTION)
    assert found["local_id"] == "a.example" and found["remote_id"] == "b.example"
    assert [child["name"] for child in found["children"]] == ["backup", "net"]


def test_what_counts_as_established(daemon: FakeDaemon) -> None:
    states = {}
    for state in ("CREATED", "INSTALLED", "REKEYING", "REKEYED", "DELETING"):
        sa = _sa.ike_sa("x", {"state": "ESTABLISHED", "child-sas": {"net-1": {"name": "net", "state": state}}})
        states[state] = bool(_sa.established_children([sa], "x", "net"))
    assert states == {"CREATED": False, "INSTALLED": True, "REKEYING": True, "REKEYED": False, "DELETING": False}
    assert not _sa.established_sas([_sa.ike_sa("x", {"state": "CONNECTING"})], "x")
    assert not _sa.established_sas([_sa.ike_sa("x", {"state": "ESTABLISHED"})], "y")


def test_an_sa_that_strongswan_works_on_is_listed(daemon: FakeDaemon) -> None:
    """With `noblock` strongSwan would leave it out, and a module would take it for gone."""
    daemon.establish_ike()
    with ViciSession(daemon.socket) as session:
        _sa.list_sas(session, "a--b")
    assert daemon.requests[-1] == ("list-sas", {"ike": "a--b"})
