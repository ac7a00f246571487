"""Aggressive Mode with strongSwan, with pre-shared keys and certificates."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.engine.interop.ikev1.site import connect
from tests.engine.interop.ikev1.test_ike_scan import AGGRESSIVE, PROPOSAL, scan
from tests.engine.interop.lab import Lab, lab
from tests.engine.interop.test_certificates import PUBKEY, equip, leafs
from tests.lab.certs import authority
from tests.lab.control import Refused
from tests.lab.netns import wait_until

WEAK = "i_dont_care_about_security_and_use_aggressive_mode_psk"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The engine and charon, both willing."""
    with lab(tmp_path_factory.mktemp("aggressive"), engine={WEAK: True}, charon={WEAK: "yes"}) as running:
        yield running


@pytest.mark.scenario("ikev1/rw-psk-aggressive")
def test_road_warrior_with_a_key(site: Lab, initiator: str) -> None:
    """Mirrors ikev1/rw-psk-aggressive: the key is found by the name that comes in the clear."""
    connect(site, aggressive="yes", **{site_of(initiator): {"remote_addrs": ["%any"]}})
    site.daemon(initiator).initiate("net")
    site.assert_same_ike()
    site.assert_same_child()
    site.assert_traffic()
    assert "AGGRESSIVE" in site.charon.log()
    assert "ID_PROT" not in site.charon.log()


@pytest.mark.scenario("ikev1/rw-cert-aggressive")
@pytest.mark.parametrize("kind", ["rsa2048", "ecdsa256"])
def test_road_warrior_with_certificates(site: Lab, initiator: str, kind: str) -> None:
    """Mirrors ikev1/rw-cert-aggressive: the responder does not know who comes."""
    mine, theirs = leafs(kind)
    equip(site.engine, mine, authority())
    equip(site.charon, theirs, authority())
    sections = {
        "engine": {"local": {"auth": "pubkey", "certs": [mine.pem]}},
        "charon": {"local": {"auth": "pubkey", "certs": [theirs.pem]}},
    }
    sections[site_of(initiator)] |= {"remote_addrs": ["%any"], "remote": {"auth": "pubkey", "id": None}}
    connect(site, aggressive="yes", **PUBKEY, **sections)
    site.daemon(initiator).initiate("net")
    site.assert_same_ike()
    site.assert_same_child()
    site.assert_traffic()


def test_nobody_who_is_not_meant_gets_a_hash(site: Lab) -> None:
    """The engine answers Main Mode only, unless its connection says otherwise."""
    connect(site, charon={"aggressive": "yes"})
    with pytest.raises(Refused):
        site.charon.initiate("net", timeout=2)
    assert "parsed AGGRESSIVE response" not in site.charon.log()
    wait_until(lambda: not site.engine.sas())


def site_of(initiator: str) -> str:
    """The side that answers."""
    return "charon" if initiator == "engine" else "engine"


def test_ike_scan_gets_a_handshake(site: Lab) -> None:
    """`ike-scan`, which collects hashes for guessing, gets one: that is why the flag has its name."""
    connect(site, proposals=[PROPOSAL], aggressive="yes")
    found = scan(site, "--aggressive", "--id=right.example.com", "--idtype=2", "--dhgroup=14")
    assert AGGRESSIVE in found
    assert "1 returned handshake; 0 returned notify" in found
