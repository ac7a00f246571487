"""IKEv1 with certificates: RSA and ECDSA signatures, chains, and what makes a certificate useless."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.engine.interop.ikev1.site import connect
from tests.engine.interop.lab import LEFT_ID, RIGHT_ID, Lab, child
from tests.engine.interop.test_certificates import PUBKEY, bad_certificate, equip, leafs
from tests.lab.certs import Issued, authority
from tests.lab.control import Refused
from tests.lab.netns import wait_until
from tests.lab.traffic import captured


def load(site: Lab, mine: Issued, theirs: Issued, **options: Any) -> None:
    """The connection with these certificates, on both sides from the same authority."""
    engine, charon = options.pop("engine", {}), options.pop("charon", {})
    connect(
        site,
        engine={**engine, "local": {"auth": "pubkey", "certs": [mine.pem], **engine.get("local", {})}},
        charon={**charon, "local": {"auth": "pubkey", "certs": [theirs.pem], **charon.get("local", {})}},
        **{**PUBKEY, **options},
    )


def bring_up(site: Lab, initiator: str) -> None:
    """Both sides agree, and packets go through."""
    site.daemon(initiator).initiate("net")
    site.assert_same_ike()
    site.assert_same_child()
    site.assert_traffic()


def mirrors(name: str) -> pytest.MarkDecorator:
    """The scenario that one set of arguments is in."""
    return pytest.mark.scenario(f"ikev1/{name}")


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("rsa2048", marks=mirrors("net2net-cert")),
        pytest.param("ecdsa256", marks=mirrors("ecdsa-certs")),
        pytest.param("ecdsa384", marks=mirrors("ecdsa-certs")),
        pytest.param("ecdsa521", marks=mirrors("ecdsa-certs")),
    ],
)
def test_signatures(site: Lab, initiator: str, kind: str, tmp_path: Path) -> None:
    """Mirrors ikev1/net2net-cert and ecdsa-certs."""
    mine, theirs = leafs(kind)
    equip(site.engine, mine, authority())
    equip(site.charon, theirs, authority())
    with captured(site.left.gateway, tmp_path / "outer.pcap") as capture:
        load(site, mine, theirs)
        bring_up(site, initiator)
    capture.assert_only_ike_and_esp()


@pytest.mark.scenario("ikev1/host2host-cert")
def test_two_hosts(site: Lab, initiator: str) -> None:
    """Mirrors ikev1/host2host-cert: a tunnel for two hosts alone, which ID payloads name as addresses, not as nets.

    It is between inner addresses of the gateways, because charon without a kernel cannot protect its outer one.
    """
    mine, theirs = leafs("rsa2048")
    equip(site.engine, mine, authority())
    equip(site.charon, theirs, authority())
    left, right = f"{site.left.inside}/32", f"{site.right.inside}/32"
    load(
        site,
        mine,
        theirs,
        engine=child(local_ts=[left], remote_ts=[right]),
        charon=child(local_ts=[right], remote_ts=[left]),
    )
    site.daemon(initiator).initiate("net")
    site.assert_same_ike()
    site.assert_same_child()
    assert site.left.gateway.ping(site.right.inside, "-I", site.left.inside, count=3)
    assert site.right.gateway.ping(site.left.inside, "-I", site.right.inside, count=3)


@pytest.mark.scenario("ikev1/rw-cert")
def test_road_warrior(site: Lab, initiator: str) -> None:
    """Mirrors ikev1/rw-cert: the responder knows neither address nor name of who comes, only its authority."""
    mine, theirs = leafs("rsa2048")
    equip(site.engine, mine, authority())
    equip(site.charon, theirs, authority())
    anybody = {"remote_addrs": ["%any"], "remote": {"auth": "pubkey", "id": None}}
    load(site, mine, theirs, **{"charon" if initiator == "engine" else "engine": anybody})
    bring_up(site, initiator)


@pytest.mark.scenario("ikev1/multi-level")
def test_intermediate_authorities(site: Lab, initiator: str) -> None:
    """Each side trusts the root only and gets what is between from the peer."""
    root = authority()
    sales, research = root.intermediate("Sales CA", "rsa2048"), root.intermediate("Research CA", "rsa2048")
    mine, theirs = sales.leaf(LEFT_ID, "rsa2048"), research.leaf(RIGHT_ID, "rsa2048")
    equip(site.engine, mine, root, intermediates=(sales,))
    equip(site.charon, theirs, root, intermediates=(research,))
    load(site, mine, theirs)
    bring_up(site, initiator)


def test_certificate_request_picks_the_certificate(site: Lab, initiator: str) -> None:
    """Of two certificates the one whose authority charon's CERTREQ names; in IKEv1 that is a name, not a hash."""
    trusted, other = authority(), authority("Other CA")
    mine, unwanted = trusted.leaf(LEFT_ID, "rsa2048"), other.leaf(LEFT_ID, "rsa2048")
    theirs = leafs("rsa2048")[1]
    equip(site.engine, mine, trusted)
    equip(site.engine, unwanted, other)
    equip(site.charon, theirs, trusted)
    load(site, mine, theirs, engine={"local": {"certs": [unwanted.pem, mine.pem]}})
    bring_up(site, initiator)


@pytest.mark.parametrize("policy", ["never", "always"])
def test_certificates_are_not_asked_for(site: Lab, initiator: str, policy: str) -> None:
    """Both know the certificate of the other one, or send theirs unasked."""
    mine, theirs = leafs("rsa2048")
    for daemon, own, peer in ((site.engine, mine, theirs), (site.charon, theirs, mine)):
        equip(daemon, own, authority())
        if policy == "never":
            daemon.load_certificate(peer.pem)
    load(site, mine, theirs, send_certreq="no", send_cert=policy)
    bring_up(site, initiator)


def test_identity_is_the_subject(site: Lab, initiator: str) -> None:
    """Distinguished names, the default of swanctl, and a pattern for them."""
    mine, theirs = leafs("rsa2048")
    equip(site.engine, mine, authority())
    equip(site.charon, theirs, authority())
    connect(
        site,
        engine={"local": {"id": None, "certs": [mine.pem]}, "remote": {"id": theirs.subject}},
        charon={"local": {"id": None, "certs": [theirs.pem]}, "remote": {"id": "C=CH, O=Keymesh, CN=*"}},
        **PUBKEY,
    )
    site.daemon(initiator).initiate("net")
    seen, _ = site.assert_same_ike()
    assert (seen["local-id"], seen["remote-id"]) == (mine.subject, theirs.subject)


@pytest.mark.parametrize(
    ("flaw", "alert"),
    [
        ("unknown authority", "cert-no-issuer"),
        ("expired", "cert-expired"),
    ],
)
def test_charon_has_a_bad_certificate(site: Lab, initiator: str, flaw: str, alert: str) -> None:
    """What the engine must refuse."""
    mine, theirs = leafs("ecdsa256")[0], bad_certificate(flaw, RIGHT_ID)
    equip(site.engine, mine, authority())
    equip(site.charon, theirs, authority(), authority("Other CA"))
    load(site, mine, theirs)
    with pytest.raises(Refused):
        site.daemon(initiator).initiate("net")
    wait_until(lambda: site.engine.failures(site.name))
    record = site.engine.failures(site.name)[0]
    assert (record["alert"], record["side"]) == (alert, "local")
    assert record["advice"]
    assert not site.engine.children()


def test_charon_is_somebody_else(site: Lab, initiator: str) -> None:
    """A good certificate, but not for the identity that the engine wants."""
    mine, theirs = leafs("ecdsa256")[0], authority().leaf("somebody.example.com")
    equip(site.engine, mine, authority())
    equip(site.charon, theirs, authority())
    load(site, mine, theirs, charon={"local": {"id": "somebody.example.com"}})
    with pytest.raises(Refused):
        site.daemon(initiator).initiate("net")
    wait_until(lambda: site.engine.failures(site.name))
    record = site.engine.failures(site.name)[0]
    assert (record["alert"], record["side"]) == ("peer-auth-failed", "local")
    assert "the peer is somebody.example.com, but `remote.id` wants right.example.com" in record["reason"]
    wait_until(lambda: not site.charon.sas())


@pytest.mark.parametrize("flaw", ["unknown authority", "expired"])
def test_the_engine_has_a_bad_certificate(site: Lab, initiator: str, flaw: str) -> None:
    """The reverse: charon says AUTHENTICATION_FAILED, and the engine says so; as initiator charon only deletes."""
    mine, theirs = bad_certificate(flaw, LEFT_ID), leafs("ecdsa256")[1]
    equip(site.engine, mine, authority(), authority("Other CA"))
    equip(site.charon, theirs, authority())
    load(site, mine, theirs)
    with pytest.raises(Refused):
        site.daemon(initiator).initiate("net")
    wait_until(lambda: not site.engine.sas())
    if initiator == "engine":
        assert site.engine.failures(site.name)[0]["side"] == "peer"


def test_revoked(site: Lab, initiator: str) -> None:
    """Mirrors ikev2/crl-revoked with IKEv1: charon's certificate is on the CRL that the engine has."""
    root = authority(f"Root {site.tests}")
    mine, theirs = root.leaf(LEFT_ID), root.leaf(RIGHT_ID)
    equip(site.engine, mine, root)
    equip(site.charon, theirs, root)
    site.engine.request("load_cert", {"type": "X509_CRL", "flag": "NONE", "data": root.crl(theirs)})
    load(site, mine, theirs)
    with pytest.raises(Refused):
        site.daemon(initiator).initiate("net")
    wait_until(lambda: site.engine.failures(site.name))
    record = site.engine.failures(site.name)[0]
    assert (record["alert"], record["side"]) == ("cert-revoked", "local")
