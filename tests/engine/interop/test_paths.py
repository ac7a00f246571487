"""Certificate paths against strongSwan: what each side demands of the other's chain beyond its signatures."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography import x509

from tests.engine.interop.lab import LEFT_ID, RIGHT_ID, Lab
from tests.engine.interop.test_certificates import equip
from tests.lab.certs import Authority, Issued, authority, policies
from tests.lab.control import Refused
from tests.lab.netns import wait_until

CRITICAL = (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.32473.1"), b"\x05\x00"), True)
POLICY, OTHER_POLICY = "1.3.6.1.4.1.36906.1.1.1", "1.3.6.1.4.1.36906.1.1.2"


def connect(site: Lab, mine: Issued, theirs: Issued, **remote: Any) -> None:
    """The connection with these certificates; `remote` is what the engine demands."""
    site.connect(
        engine={
            "local": {"auth": "pubkey", "certs": [mine.pem]},
            "remote": {"auth": "pubkey", **remote},
        },
        charon={"local": {"auth": "pubkey", "certs": [theirs.pem]}, "remote": {"auth": "pubkey"}},
    )


def refused(site: Lab, initiator: str) -> dict[str, Any]:
    """Nothing comes up; why, in the engine's words."""
    with pytest.raises(Refused):
        site.daemon(initiator).initiate("net")
    # what charon finds out as the initiator reaches the engine a moment later
    wait_until(lambda: site.engine.failures(site.name) and not site.engine.children())
    return site.engine.failures(site.name)[0]


@pytest.mark.scenario("ikev2-multi-ca/pathlen")
def test_path_length(site: Lab, initiator: str) -> None:
    """Mirrors ikev2-multi-ca/pathlen: the authority above charon's may have no authority below it."""
    root = authority()
    duck = root.intermediate("Duck CA", path_length=0)
    sub = duck.intermediate("Sub CA")
    mine, theirs = root.leaf(LEFT_ID), sub.leaf(RIGHT_ID)
    equip(site.engine, mine, root)
    equip(site.charon, theirs, root, intermediates=(duck, sub))
    connect(site, mine, theirs)
    record = refused(site, initiator)
    assert record["alert"] == "cert-exceeded-path-len"
    assert "Duck CA" in record["reason"]


@pytest.mark.scenario("ikev2-multi-ca/loop")
def test_loop(site: Lab, initiator: str) -> None:
    """Mirrors ikev2-multi-ca/loop: three authorities that have certified each other in a circle, below no root."""
    root = authority()
    first = authority("Circle 1")
    second = first.intermediate("Circle 2")
    cross = Authority(second.intermediate("Circle 1").certificate, first.key)
    mine, theirs = root.leaf(LEFT_ID), second.leaf(RIGHT_ID)
    equip(site.engine, mine, root)
    equip(site.charon, theirs, root, intermediates=(second, cross))
    connect(site, mine, theirs)
    assert refused(site, initiator)["alert"] in ("cert-no-issuer", "cert-validation-failed")


@pytest.mark.scenario("ikev2/critical-extension")
@pytest.mark.parametrize("who", ["engine", "charon"])
def test_unknown_critical_extension(site: Lab, initiator: str, who: str) -> None:
    """Mirrors ikev2/critical-extension: nobody accepts what it does not understand."""
    root = authority()
    mine = root.leaf(LEFT_ID, extensions=[CRITICAL] if who == "engine" else [])
    theirs = root.leaf(RIGHT_ID, extensions=[CRITICAL] if who == "charon" else [])
    equip(site.engine, mine, root)
    # charon itself would not even load such a certificate
    site.charon.configure({"x509": {"enforce_critical": "no" if who == "charon" else "yes"}})
    try:
        equip(site.charon, theirs, root)
        connect(site, mine, theirs)
        record = refused(site, initiator)
    finally:
        site.charon.configure({})
    if who == "charon":
        assert "critical extension 1.3.6.1.4.1.32473.1" in record["reason"]
        assert f"serial {theirs.certificate.serial_number:x}" in record["reason"]
    else:
        assert record["alert"] == "local-auth-failed"


@pytest.mark.scenario("ikev2/after-2038-certs")
def test_after_2038(site: Lab, initiator: str) -> None:
    """Mirrors ikev2/after-2038-certs: dates beyond 32 bits and beyond UTCTime."""
    root = authority()
    mine, theirs = root.leaf(LEFT_ID, days=(-1, 8000)), root.leaf(RIGHT_ID, days=(-1, 12000))
    equip(site.engine, mine, root)
    equip(site.charon, theirs, root)
    connect(site, mine, theirs)
    site.daemon(initiator).initiate("net")
    site.assert_same_child()
    site.assert_traffic()


@pytest.mark.scenario("ikev2/strong-keys-certs")
@pytest.mark.parametrize(
    ("demand", "fine"), [("rsa-2048-sha256", True), ("rsa-3072", False), ("rsa-2048-sha384", False), ("ecdsa", False)]
)
def test_strength_of_the_chain(site: Lab, initiator: str, demand: str, fine: bool) -> None:
    """Mirrors ikev2/strong-keys-certs: kinds, bits and hashes of the whole chain."""
    root = authority("RSA Root", "rsa2048")
    mine, theirs = root.leaf(LEFT_ID), root.leaf(RIGHT_ID, "rsa2048")
    equip(site.engine, mine, root)
    equip(site.charon, theirs, root)
    connect(site, mine, theirs, auth=demand)
    if fine:
        site.daemon(initiator).initiate("net")
        site.assert_same_child()
    else:
        assert f"`remote.auth: {demand}`" in refused(site, initiator)["reason"]


@pytest.mark.scenario("ikev2/rw-ed25519-certpol")
@pytest.mark.parametrize("wanted", [POLICY, OTHER_POLICY])
def test_policy(site: Lab, initiator: str, wanted: str) -> None:
    """Mirrors ikev2/rw-ed25519-certpol: only those who have the policy of the connection get in."""
    root = authority("Ed25519 Root", "ed25519")
    mine, theirs = root.leaf(LEFT_ID, "ed25519"), root.leaf(RIGHT_ID, "ed25519", extensions=[policies(POLICY)])
    equip(site.engine, mine, root)
    equip(site.charon, theirs, root)
    connect(site, mine, theirs, cert_policy=[wanted])
    if wanted == POLICY:
        site.daemon(initiator).initiate("net")
        site.assert_same_child()
        site.assert_traffic()
    else:
        record = refused(site, initiator)
        assert record["alert"] == "cert-policy-violation"
        assert OTHER_POLICY in record["reason"]


@pytest.mark.scenario("ikev2/rw-ed25519-certpol")
def test_policy_that_charon_demands(site: Lab, initiator: str) -> None:
    """Mirrors ikev2/rw-ed25519-certpol, the other way round; charon wants to see the policy in the root, too."""
    root = authority("Policy Root", "ed25519", (policies(POLICY),))
    mine, theirs = root.leaf(LEFT_ID, "ed25519", extensions=[policies(POLICY)]), root.leaf(RIGHT_ID, "ed25519")
    equip(site.engine, mine, root)
    equip(site.charon, theirs, root)
    site.connect(
        engine={"local": {"auth": "pubkey", "certs": [mine.pem]}, "remote": {"auth": "pubkey"}},
        charon={
            "local": {"auth": "pubkey", "certs": [theirs.pem]},
            "remote": {"auth": "pubkey", "cert_policy": [POLICY]},
        },
    )
    site.daemon(initiator).initiate("net")
    site.assert_same_child()
