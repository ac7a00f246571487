"""IKEv1 with pre-shared keys and peers of whom little is known: which key, which connection, who may begin."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.engine.interop.ikev1.site import connect
from tests.engine.interop.lab import LEFT_ID, PSK, RIGHT_ID, Lab, lab
from tests.engine.interop.test_certificates import PUBKEY, equip, leafs
from tests.lab.certs import authority
from tests.lab.control import Refused, Section
from tests.lab.netns import wait_until

QUICK_ENGINE = {"retransmit_timeout": 1.0, "retransmit_tries": 3, "retransmit_base": 1.2}
QUICK_CHARON = {"retransmit_timeout": "1.0", "retransmit_tries": "3", "retransmit_base": "1.2"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Daemons that give up soon."""
    with lab(tmp_path_factory.mktemp("roadwarriors"), engine=QUICK_ENGINE, charon=QUICK_CHARON) as running:
        yield running


def other(initiator: str) -> str:
    """The side that answers."""
    return "charon" if initiator == "engine" else "engine"


def by_address(site: Lab) -> dict[str, Section]:
    """Both gateways name themselves by their addresses."""
    left, right = ({"auth": "psk", "id": gateway.address} for gateway in (site.left, site.right))
    return {"engine": {"local": left, "remote": right}, "charon": {"local": right, "remote": left}}


def bring_up(site: Lab, initiator: str) -> None:
    """Both sides agree, and packets go through."""
    site.daemon(initiator).initiate("net")
    site.assert_same_ike()
    site.assert_same_child()
    site.assert_traffic()


@pytest.mark.scenario("ikev1/rw-psk-fqdn")
def test_key_by_name(site: Lab, initiator: str) -> None:
    """Mirrors ikev1/rw-psk-fqdn: of several keys the one for both names; the responder does not know the address."""
    connect(site, **{other(initiator): {"remote_addrs": ["%any"]}})
    for daemon in (site.engine, site.charon):
        daemon.load_psk("the key of somebody else", LEFT_ID, "third.example.com", name="other")
        daemon.load_psk("the key of these two", LEFT_ID, RIGHT_ID, name="pair")
    bring_up(site, initiator)


@pytest.mark.scenario("ikev1/rw-psk-fqdn")
def test_several_keys_are_tried(site: Lab) -> None:
    """Mirrors ikev1/rw-psk-fqdn: two road warriors with a key each; only the first encrypted message shows whose."""
    connect(site, engine={"remote_addrs": ["%any"]})
    nobody = site.connection("engine") | {
        "version": "1",
        "proposals": ["aes128-sha256-modp3072"],
        "remote_addrs": ["%any"],
        "remote": {"auth": "psk", "id": "third.example.com"},
    }
    site.engine.load({"third": nobody})
    site.engine.load_psk("the key of the third", LEFT_ID, "third.example.com", name="third")
    site.engine.load_psk("the key of these two", LEFT_ID, RIGHT_ID, name="psk")
    site.charon.load_psk("the key of these two", LEFT_ID, RIGHT_ID, name="psk")
    bring_up(site, "charon")


@pytest.mark.scenario("ikev1/rw-psk-ipv4")
def test_key_by_address(site: Lab, initiator: str) -> None:
    """Mirrors ikev1/rw-psk-ipv4: the addresses are the identities."""
    connect(site, **by_address(site))
    for daemon in (site.engine, site.charon):
        daemon.load_psk("the key of somebody else", site.left.address, "192.0.2.77", name="other")
        daemon.load_psk("the key of these two", site.left.address, site.right.address, name="pair")
    bring_up(site, initiator)
    assert site.engine.ike()["remote-id"] == site.right.address


@pytest.mark.scenario("ikev1/rw-psk-ip-ranges")
def test_key_by_range(site: Lab, initiator: str) -> None:
    """Mirrors ikev1/rw-psk-ip-ranges: the responder takes whoever comes from some addresses."""
    anybody = {"remote_addrs": ["198.51.100.0/24", "192.0.2.1-192.0.2.9"], "remote": {"auth": "psk", "id": "%any"}}
    sections = by_address(site)
    sections[other(initiator)] |= anybody
    connect(site, **sections)
    bring_up(site, initiator)


@pytest.mark.scenario("ikev1/net2net-psk-fail")
def test_keys_differ(site: Lab, initiator: str) -> None:
    """Mirrors ikev1/net2net-psk-fail: nothing comes up, and the engine says what to compare."""
    connect(site)
    site.charon.load_psk(f"not {PSK}")
    with pytest.raises(Refused):
        site.daemon(initiator).initiate("net")
    if initiator == "engine":
        record = site.engine.failures(site.name)[0]
        assert record["advice"]
    assert not site.engine.children()
    assert not site.engine.ikes()
    assert not site.charon.ikes()


@pytest.mark.scenario("ikev1/rw-initiator-only", role="both")
@pytest.mark.parametrize("name", ["engine", "charon"], ids=["engine-begins", "charon-begins"])
def test_initiator_only(site: Lab, name: str) -> None:
    """Mirrors ikev1/rw-initiator-only: the responder takes whoever comes, and cannot begin itself."""
    mine, theirs = leafs("rsa2048")
    equip(site.engine, mine, authority())
    equip(site.charon, theirs, authority())
    sections = {
        "engine": {"local": {"auth": "pubkey", "certs": [mine.pem]}},
        "charon": {"local": {"auth": "pubkey", "certs": [theirs.pem]}},
    }
    sections[other(name)] |= {"remote_addrs": ["%any"], "remote": {"auth": "pubkey", "id": None}}
    connect(site, **PUBKEY, **sections)
    with pytest.raises(Refused):
        site.daemon(other(name)).initiate("net")
    bring_up(site, name)


@pytest.mark.scenario("ike/rw_v1-net_v2")
def test_both_versions_on_one_port(site: Lab) -> None:
    """Mirrors ike/rw_v1-net_v2: the engine has `version: 0`; one peer speaks IKEv1 to it, another one IKEv2."""
    proposals = ["aes128-sha256-modp3072"]
    for version in ("1", "2"):
        site.connect(engine={"version": "0"}, charon={"version": version}, proposals=proposals, children={"net": {}})
        site.charon.initiate("net")
        mine, _theirs = site.assert_same_ike()
        assert mine["version"] == version
        site.assert_same_child()
        site.assert_traffic()
        site.charon.terminate(ike=site.name)
        wait_until(lambda: not site.engine.sas() and not site.charon.sas())
    site.engine.initiate("net")
    assert site.engine.ike()["version"] == "2"
