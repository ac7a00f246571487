"""Site-to-site with certificates: every kind of key and signature, chains, and what makes a certificate useless."""

from __future__ import annotations

import pytest

from tests.engine.interop.lab import LEFT_ID, RIGHT_ID, Lab
from tests.lab.certs import Authority, Issued, authority
from tests.lab.control import Control, Refused
from tests.lab.netns import wait_until

PUBKEY = {"local": {"auth": "pubkey"}, "remote": {"auth": "pubkey"}}


def equip(daemon: Control, own: Issued, *anchors: Authority, intermediates: tuple[Authority, ...] = ()) -> None:
    """Give a daemon its certificate and key, the trust anchors, and what is between them."""
    for anchor in anchors:
        daemon.load_authority(anchor.pem)
    for issued in (*intermediates, own):
        daemon.load_certificate(issued.pem)
    daemon.load_key(own.key_pem)


def connect(site: Lab, mine: Issued, theirs: Issued, auth: str = "pubkey") -> None:
    """The connection with these certificates on the engine's and charon's side; `auth` is for both."""
    both = {"local": {"auth": auth}, "remote": {"auth": auth}}
    site.connect(
        engine={"local": {"certs": [mine.pem]}},
        charon={"local": {"certs": [theirs.pem]}},
        **both,
    )


def mirrors(name: str) -> pytest.MarkDecorator:
    """The scenario that one set of arguments is in."""
    return pytest.mark.scenario(f"ikev2/{name}")


@pytest.mark.parametrize(
    ("kind", "auth"),
    [
        pytest.param("ecdsa256", "pubkey", marks=mirrors("rw-cert")),
        pytest.param("ecdsa384", "pubkey", marks=mirrors("ecdsa-certs")),
        pytest.param("ecdsa521", "pubkey", marks=mirrors("ecdsa-certs")),
        pytest.param("ecdsa384", "ike:ecdsa-sha512", marks=mirrors("rw-sig-auth")),
        pytest.param("rsa2048", "pubkey", marks=mirrors("net2net-cert")),
        pytest.param("rsa3072", "ike:rsa-sha384", marks=mirrors("rw-sig-auth")),
        pytest.param("rsa2048", "ike:rsa/pss-sha256", marks=mirrors("rw-cert-pss")),
        pytest.param("rsa3072", "ike:rsa/pss-sha512", marks=mirrors("rw-cert-pss")),
        pytest.param("ed25519", "pubkey", marks=mirrors("net2net-ed25519")),
        ("ed448", "pubkey"),
    ],
)
def test_signatures(site: Lab, initiator: str, kind: str, auth: str) -> None:
    """Mirrors ikev2/net2net-cert, rw-cert, ecdsa-certs, rw-cert-pss, rw-sig-auth and net2net-ed25519."""
    root = authority()
    mine, theirs = leafs(kind)
    equip(site.engine, mine, root)
    equip(site.charon, theirs, root)
    connect(site, mine, theirs, auth)
    site.daemon(initiator).initiate("net")
    site.assert_same_ike()
    site.assert_same_child()
    site.assert_traffic()


@pytest.mark.scenario("ikev2/net2net-cert-sha2")
def test_certificates_with_longer_hashes(site: Lab, initiator: str) -> None:
    """Mirrors ikev2/net2net-cert-sha2: the authorities sign with SHA-384 and SHA-512."""
    mine, theirs = authority("SHA-384 CA", "ecdsa384").leaf(LEFT_ID), authority("SHA-512 CA", "ecdsa521").leaf(RIGHT_ID)
    equip(site.engine, mine, authority("SHA-512 CA", "ecdsa521"), authority("SHA-384 CA", "ecdsa384"))
    equip(site.charon, theirs, authority("SHA-512 CA", "ecdsa521"), authority("SHA-384 CA", "ecdsa384"))
    connect(site, mine, theirs)
    site.daemon(initiator).initiate("net")
    site.assert_traffic()


@pytest.mark.scenario("ikev2/rw-initiator-only", role="both")
@pytest.mark.parametrize("name", ["engine", "charon"], ids=["engine-begins", "charon-begins"])
def test_initiator_only(site: Lab, name: str) -> None:
    """Mirrors ikev2/rw-initiator-only: the responder takes whoever comes, and cannot begin itself."""
    mine, theirs = leafs("ecdsa256")
    equip(site.engine, mine, authority())
    equip(site.charon, theirs, authority())
    certs = {"engine": mine.pem, "charon": theirs.pem}
    other = "charon" if name == "engine" else "engine"
    site.connect(
        **{
            name: {"local": {"auth": "pubkey", "certs": [certs[name]]}, "remote": {"auth": "pubkey"}},
            other: {
                "remote_addrs": ["%any"],
                "local": {"auth": "pubkey", "certs": [certs[other]]},
                "remote": {"auth": "pubkey", "id": None},
            },
        }
    )
    with pytest.raises(Refused):
        site.daemon(other).initiate("net")
    site.daemon(name).initiate("net")
    site.assert_traffic()


def leafs(kind: str) -> tuple[Issued, Issued]:
    """Certificates of the engine and of charon."""
    key = f"{kind} leafs"
    if key not in _LEAFS:
        _LEAFS[key] = authority().leaf(LEFT_ID, kind), authority().leaf(RIGHT_ID, kind)
    return _LEAFS[key]


_LEAFS: dict[str, tuple[Issued, Issued]] = {}


@pytest.mark.scenario("ikev2/net2net-cert")
def test_traffic_with_certificates(site: Lab, initiator: str) -> None:
    """Mirrors ikev2/net2net-cert; the two sides use different kinds of keys."""
    root = authority()
    mine, theirs = leafs("ecdsa256")[0], leafs("rsa2048")[1]
    equip(site.engine, mine, root)
    equip(site.charon, theirs, root)
    connect(site, mine, theirs)
    site.daemon(initiator).initiate("net")
    site.assert_traffic()


def test_psk_against_certificate(site: Lab, initiator: str) -> None:
    """Mirrors ikev2/rw-psk-rsa-mixed: the engine proves itself with a certificate, charon with a pre-shared key."""
    mine = leafs("ecdsa256")[0]
    equip(site.engine, mine, authority())
    site.charon.load_authority(authority().pem)
    site.connect(
        engine={"local": {"auth": "pubkey", "certs": [mine.pem]}},
        charon={"remote": {"auth": "pubkey"}},
    )
    site.daemon(initiator).initiate("net")
    site.assert_same_child()


def test_without_signature_authentication(site: Lab, initiator: str) -> None:
    """Mirrors ikev2/ecdsa-certs with charon.signature_authentication=no: the methods of RFC 7296 and RFC 4754."""
    site.charon.configure({"signature_authentication": "no"})
    try:
        for kind in ("rsa2048", "ecdsa256", "ecdsa384"):
            site.reset()
            mine, theirs = leafs(kind)
            equip(site.engine, mine, authority())
            equip(site.charon, theirs, authority())
            connect(site, mine, theirs)
            site.daemon(initiator).initiate("net")
            site.assert_same_child()
    finally:
        site.charon.configure({})


@pytest.mark.scenario("ikev2/wildcards")
def test_identity_is_the_subject(site: Lab, initiator: str) -> None:
    """Mirrors ikev2/wildcards: distinguished names, the default of swanctl, and a pattern for them."""
    mine, theirs = leafs("ecdsa256")
    equip(site.engine, mine, authority())
    equip(site.charon, theirs, authority())
    site.connect(
        engine={"local": {"id": None, "certs": [mine.pem]}, "remote": {"id": theirs.subject}},
        charon={"local": {"id": None, "certs": [theirs.pem]}, "remote": {"id": "C=CH, O=Keymesh, CN=*"}},
        **PUBKEY,
    )
    site.daemon(initiator).initiate("net")
    seen, _ = site.assert_same_ike()
    assert seen["local-id"] == mine.subject
    assert seen["remote-id"] == theirs.subject


@pytest.mark.scenario("ikev2-multi-ca/skipped")
def test_intermediate_authorities(site: Lab, initiator: str) -> None:
    """Mirrors ikev2-multi-ca/skipped: each side trusts the root only and gets what is between from the peer."""
    root = authority()
    sales, research = root.intermediate("Sales CA"), root.intermediate("Research CA", "rsa2048")
    mine, theirs = sales.leaf(LEFT_ID), research.leaf(RIGHT_ID)
    equip(site.engine, mine, root, intermediates=(sales,))
    equip(site.charon, theirs, root, intermediates=(research,))
    connect(site, mine, theirs)
    site.daemon(initiator).initiate("net")
    site.assert_same_child()
    site.assert_traffic()


@pytest.mark.scenario("ikev2-multi-ca/certreq-init")
@pytest.mark.scenario("ikev2-multi-ca/certreq-resp")
@pytest.mark.scenario("ikev2/two-certs")
def test_certificate_request_picks_the_certificate(site: Lab, initiator: str) -> None:
    """Mirrors ikev2/two-certs, ikev2-multi-ca/certreq-init and certreq-resp: the one that charon's request asks for."""
    trusted, other = authority(), authority("Other CA")
    mine, unwanted, theirs = trusted.leaf(LEFT_ID), other.leaf(LEFT_ID), leafs("ecdsa256")[1]
    equip(site.engine, mine, trusted)
    equip(site.engine, unwanted, other)
    equip(site.charon, theirs, trusted)
    site.connect(
        engine={"local": {"certs": [unwanted.pem, mine.pem]}},
        charon={"local": {"certs": [theirs.pem]}},
        **PUBKEY,
    )
    site.daemon(initiator).initiate("net")
    site.assert_same_child()


@pytest.mark.parametrize(
    ("flaw", "alert"),
    [
        ("unknown authority", "cert-no-issuer"),
        ("expired", "cert-expired"),
        ("not yet valid", "cert-expired"),
        ("other name", "peer-auth-failed"),
    ],
)
def test_charon_has_a_bad_certificate(site: Lab, initiator: str, flaw: str, alert: str) -> None:
    """Mirrors ikev2/strong-keys-certs: what the engine must refuse."""
    mine, theirs = leafs("ecdsa256")[0], bad_certificate(flaw, RIGHT_ID)
    equip(site.engine, mine, authority())
    equip(site.charon, theirs, authority(), authority("Other CA"))
    connect(site, mine, theirs)
    with pytest.raises(Refused):
        site.daemon(initiator).initiate("net")
    record = site.engine.failures(site.name)[0]
    assert record["alert"] == alert
    assert record["side"] == "local"
    assert record["advice"]
    assert not site.engine.children()
    assert record["reason"] in site.engine.cli("explain", site.name).stdout.replace("\n", " ")


@pytest.mark.parametrize("flaw", ["unknown authority", "expired"])
def test_the_engine_has_a_bad_certificate(site: Lab, initiator: str, flaw: str) -> None:
    """The reverse: the engine hears AUTHENTICATION_FAILED, which does not say why, and says so."""
    mine, theirs = bad_certificate(flaw, LEFT_ID), leafs("ecdsa256")[1]
    equip(site.engine, mine, authority(), authority("Other CA"))
    equip(site.charon, theirs, authority())
    connect(site, mine, theirs)
    with pytest.raises(Refused):
        site.daemon(initiator).initiate("net")
    wait_until(lambda: site.engine.failures(site.name))
    record = site.engine.failures(site.name)[0]
    assert record["side"] == "peer"
    assert record["alert"] == "local-auth-failed"


def bad_certificate(flaw: str, name: str) -> Issued:
    """A certificate that must not be accepted."""
    if flaw == "unknown authority":
        return authority("Other CA").leaf(name)
    if flaw == "other name":
        return authority().leaf("somebody.example.com")
    return authority().leaf(name, days=(-20, -10) if flaw == "expired" else (10, 20))
