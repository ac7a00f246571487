"""Negotiations that fail: the engine always says which exchange, whose decision, what was offered and what to do."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.interop.lab import PSK, Lab, child
from tests.lab.control import Refused
from tests.lab.netns import wait_until


def fails(site: Lab, initiator: str, *words: str) -> dict[str, Any]:
    """Initiate without success. Returns the engine's record, whose sentences must contain these words."""
    with pytest.raises(Refused) as refused:
        site.daemon(initiator).initiate("net")
    wait_until(lambda: site.engine.failures(site.name))
    (record,) = site.engine.failures(site.name)
    sentences = f"{record['reason']} {record['nearest']} {record['advice']}"
    assert all(word in sentences for word in words), sentences
    if initiator == "engine":
        assert record["reason"] in str(refused.value)
    assert record["peer"].startswith(site.right.address)
    explained = " ".join(site.engine.cli("explain", site.name).stdout.split())
    assert " ".join(record["reason"].split()) in explained
    assert PSK not in str(record)
    return record


def decided_by(initiator: str, *, in_request: bool) -> str:
    """Whose decision it is when the receiver of the request (or of the response) refuses."""
    engine_receives = (initiator == "charon") == in_request
    return "local" if engine_receives else "peer"


@pytest.mark.scenario("ikev2/net2net-psk-fail")
def test_wrong_key(site: Lab, initiator: str) -> None:
    """Mirrors ikev2/net2net-psk-fail."""
    site.connect()
    site.charon.load_psk("something else")
    record = fails(site, initiator)
    assert record["side"] == decided_by(initiator, in_request=True)
    assert record["alert"] == ("peer-auth-failed" if record["side"] == "local" else "local-auth-failed")
    assert "IKE_AUTH" in record["phase"]
    assert not site.engine.children()


def test_no_key(site: Lab, initiator: str) -> None:
    """Mirrors ikev2/net2net-psk-fail, with no key for these identities on our side."""
    site.connect()
    site.engine.request("clear_creds")
    site.engine.load_psk("for others", "third.example.com", "fourth.example.com")
    record = fails(site, initiator, "left.example.com", "right.example.com")
    assert record["side"] == "local"


@pytest.mark.parametrize("wrong", ["engine", "charon"])
def test_wrong_identity(site: Lab, initiator: str, wrong: str) -> None:
    """Mirrors ikev2/rw-psk-fqdn with an identity that the other side does not expect.

    The initiator names in IDr whom it wants, so a responder with a wrong identity finds that out by itself.
    """
    site.connect(**{wrong: {"local": {"id": "impostor.example.com"}}})
    engine_decides = initiator == "charon"
    record = fails(site, initiator, *(["impostor.example.com"] if engine_decides else []))
    assert record["side"] == ("local" if engine_decides else "peer")


def test_peer_wants_another_identity_of_us(site: Lab, initiator: str) -> None:
    """Mirrors ikev2/rw-psk-no-idr turned round: charon names an identity in IDr that the engine does not have."""
    site.connect(charon={"remote": {"id": "other.example.com"}})
    record = fails(site, initiator)
    assert record["side"] == ("local" if initiator == "charon" else "peer")


def test_no_common_ike_proposal(site: Lab, initiator: str) -> None:
    """Mirrors ikev2/net2net-psk with other algorithms on each side: the nearest match names the difference."""
    site.connect(
        engine={"proposals": ["aes256-sha256-x25519", "aes128gcm16-prfsha256-ecp256"]},
        charon={"proposals": ["aes256-sha256-modp2048"]},
    )
    record = fails(site, initiator)
    assert record["alert"] == "proposal-mismatch-ike"
    assert record["side"] == decided_by(initiator, in_request=True)
    assert "IKE_SA_INIT" in record["phase"]
    if initiator == "charon":
        assert record["offered"] == ["aes256-sha256-prfsha256-modp2048"] or "modp2048" in record["offered"][0]
        assert "key exchange" in record["nearest"]
        assert "modp2048" in record["nearest"]


def test_no_common_esp_proposal(site: Lab, initiator: str) -> None:
    """Mirrors ikev2/net2net-psk with other ESP algorithms: the IKE SA comes up, the Child SA does not."""
    site.connect(engine=child(esp_proposals=["aes256gcm16"]), charon=child(esp_proposals=["aes128-sha256"]))
    record = fails(site, initiator)
    assert record["alert"] == "proposal-mismatch-child"
    assert record["child"] == "net"
    assert record["side"] == decided_by(initiator, in_request=True)
    if initiator == "charon":
        assert "aes128-sha256" in record["offered"][0]
        assert "aes256gcm16" in record["accepted"][0]


def test_no_common_selectors(site: Lab, initiator: str) -> None:
    """Mirrors ikev2/net2net-gw with selectors that do not meet: TS_UNACCEPTABLE."""
    site.connect(engine=child(remote_ts=["10.77.0.0/24"]))
    record = fails(site, initiator)
    assert record["alert"] == "ts-mismatch"
    assert record["side"] == decided_by(initiator, in_request=True)
    text = f"{record['offered']} {record['accepted']} {record['reason']}"
    assert "10.77.0.0/24" in text


@pytest.mark.parametrize("rekeyed_by", ["engine", "charon"])
def test_no_common_group_for_rekeying(site: Lab, rekeyed_by: str) -> None:
    """Mirrors ikev2/net2net-rekey with a PFS mismatch: invisible in IKE_AUTH, but the old Child SA goes on."""
    site.connect(
        engine=child(esp_proposals=["aes128gcm16-ecp256"]),
        charon=child(esp_proposals=["aes128gcm16-modp2048"]),
    )
    site.engine.initiate("net")
    spi = site.engine.child()["spi-in"]
    if rekeyed_by == "engine":
        with pytest.raises(Refused):
            site.engine.rekey(child="net")
    else:
        site.charon.rekey(child="net")
    wait_until(lambda: site.engine.failures(site.name))
    record = site.engine.failures(site.name)[0]
    assert record["alert"] == "proposal-mismatch-child"
    assert "CREATE_CHILD_SA" in record["phase"]
    assert record["side"] == ("peer" if rekeyed_by == "engine" else "local")
    assert "ecp256" in f"{record['nearest']} {record['offered']} {record['accepted']}"
    assert site.engine.children("INSTALLED")[0]["spi-in"] == spi
    site.assert_traffic()


def test_charon_cannot_install_the_child(site: Lab) -> None:
    """Mirrors libipsec/net2net-cbc gone wrong: libipsec refuses selectors without an own address in them."""
    site.connect(
        engine=child(remote_ts=["10.99.0.0/24"]),
        charon=child(local_ts=["10.99.0.0/24"]),
    )
    with pytest.raises(Refused):
        site.engine.initiate("net")
    record = site.engine.failures(site.name)[0]
    assert record["side"] == "peer"
    assert not site.engine.children()


def test_authentication_method_differs(site: Lab, initiator: str) -> None:
    """Mirrors ikev2/rw-psk-rsa-mixed gone wrong: charon wants a certificate, the engine has a pre-shared key."""
    site.connect(charon={"remote": {"auth": "pubkey"}})
    record = fails(site, initiator)
    assert record["side"] == decided_by(initiator, in_request=False) or record["alert"] == "local-auth-failed"
