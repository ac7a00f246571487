"""Several authentication rounds (RFC 4739), and other methods on the two sides."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.interop.lab import LEFT_ID, PSK, RIGHT_ID, Lab
from tests.engine.interop.test_certificates import equip, leafs
from tests.lab.certs import Issued, authority
from tests.lab.control import Refused
from tests.lab.netns import wait_until

NO_ROUND = {"local": None, "remote": None}
PSK_ROUND = {"auth": "psk", "round": "1"}


def two_rounds(first: dict[str, Any], second: dict[str, Any], side: str) -> dict[str, Any]:
    """Two `local` or `remote` sections, written in the wrong order."""
    return {f"{side}-second": {"round": "2", **second}, f"{side}-first": {"round": "1", **first}}


def loaded(site: Lab) -> tuple[Issued, Issued]:
    """Give both daemons their certificates and a pre-shared key for the users of the gateways."""
    mine, theirs = leafs("ecdsa256")
    equip(site.engine, mine, authority())
    equip(site.charon, theirs, authority())
    return mine, theirs


@pytest.mark.scenario("ikev2/mult-auth-rsa-eap-sim-id")
@pytest.mark.parametrize("first", ["psk", "pubkey"])
def test_both_sides_prove_two_identities(site: Lab, initiator: str, first: str) -> None:
    """Mirrors ikev2/mult-auth-rsa-eap-sim-id with a pre-shared key in the place of EAP-SIM, on both sides.

    As initiator, charon uses a pre-shared key only in its last round: the responder has to be through before.
    """
    if initiator == "charon":
        first = "pubkey"
    mine, theirs = loaded(site)

    def rounds(identity: str, side: str, cert: Issued | None) -> dict[str, Any]:
        key = {"auth": "psk", "id": f"user@{identity}"}
        certified = {"auth": "pubkey", "id": identity} | ({"certs": [cert.pem]} if cert else {})
        return two_rounds(*((key, certified) if first == "psk" else (certified, key)), side)

    site.connect(
        engine=NO_ROUND | rounds(LEFT_ID, "local", mine) | rounds(RIGHT_ID, "remote", None),
        charon=NO_ROUND | rounds(RIGHT_ID, "local", theirs) | rounds(LEFT_ID, "remote", None),
    )
    site.daemon(initiator).initiate("net")
    seen, _unused = site.assert_same_ike()
    assert seen["local-id"] == (LEFT_ID if first == "psk" else f"user@{LEFT_ID}")
    site.assert_same_child()
    site.assert_traffic()


@pytest.mark.scenario("ikev2/mult-auth-rsa-eap-sim-id")
@pytest.mark.parametrize("twice", ["engine", "charon"])
def test_one_side_has_more_to_prove(site: Lab, initiator: str, twice: str) -> None:
    """Mirrors ikev2/mult-auth-rsa-eap-sim-id: one side proves two identities, the other one only its own."""
    mine, theirs = loaded(site)
    other = "charon" if twice == "engine" else "engine"
    ids = {"engine": LEFT_ID, "charon": RIGHT_ID}
    certs = {"engine": mine.pem, "charon": theirs.pem}
    certified = {name: {"auth": "pubkey", "id": ids[name]} for name in ids}
    guest = {"auth": "psk", "id": "guest"}
    own = two_rounds(certified[twice] | {"certs": [certs[twice]]}, guest, "local")
    expected = two_rounds(certified[twice], guest, "remote")
    site.connect(
        **{
            twice: {"local": None, "remote": certified[other], **own},
            other: {"local": certified[other] | {"certs": [certs[other]]}, "remote": None, **expected},
        }
    )
    site.daemon(initiator).initiate("net")
    site.assert_same_ike()
    site.assert_same_child()
    site.assert_traffic()


@pytest.mark.scenario("ikev2/mult-auth-rsa-eap-sim-id")
@pytest.mark.parametrize("flaw", ["key", "rounds"])
def test_second_round_fails(site: Lab, initiator: str, flaw: str) -> None:
    """Mirrors ikev2/mult-auth-rsa-eap-sim-id gone wrong: charon has a wrong key for its second identity, or none."""
    _mine, theirs = loaded(site)
    second = {"auth": "psk", "id": "guest"}
    own = {"auth": "pubkey", "id": RIGHT_ID, "certs": [theirs.pem]}
    rounds = two_rounds(own, second, "local") if flaw == "key" else {"local": own}
    site.connect(
        engine={"remote": None} | two_rounds({"auth": "pubkey", "id": RIGHT_ID}, second, "remote"),
        charon={"local": None} | rounds,
    )
    site.charon.load_psk("another secret", "guest", LEFT_ID, name="guest")
    with pytest.raises(Refused):
        site.daemon(initiator).initiate("net")
    wait_until(lambda: site.engine.failures(site.name))
    (record,) = site.engine.failures(site.name)
    assert (record["alert"], record["side"]) == ("peer-auth-failed", "local")
    assert ("guest" in record["reason"]) == (flaw == "key")
    assert not site.engine.children()
    assert PSK not in str(record)


@pytest.mark.scenario("ikev2/rw-psk-rsa-split")
@pytest.mark.parametrize("certified", ["engine", "charon"])
def test_split(site: Lab, initiator: str, certified: str) -> None:
    """Mirrors ikev2/rw-psk-rsa-split: the gateway has a certificate, the road warrior a pre-shared key."""
    mine, theirs = loaded(site)
    cert = mine if certified == "engine" else theirs
    other = "charon" if certified == "engine" else "engine"
    site.connect(
        **{
            certified: {"local": {"auth": "pubkey", "certs": [cert.pem]}},
            other: {"remote": {"auth": "pubkey"}},
        }
    )
    site.daemon(initiator).initiate("net")
    site.assert_same_ike()
    site.assert_traffic()


@pytest.mark.scenario("ikev2/rw-psk-rsa-mixed", role="responder")
@pytest.mark.parametrize("auth", ["psk", "pubkey"])
def test_mixed(site: Lab, auth: str) -> None:
    """Mirrors ikev2/rw-psk-rsa-mixed: the engine takes road warriors with a key or a certificate, as they come."""
    mine, theirs = loaded(site)
    for kind in ("psk", "pubkey"):
        own = {"auth": kind} | ({"certs": [mine.pem]} if kind == "pubkey" else {})
        section = site.connection("engine") | {"local": own | {"id": LEFT_ID}, "remote": {"auth": kind}}
        site.engine.load({f"{site.name}-{kind}": section})
    site.engine.load_psk(PSK)
    site.charon.load_psk(PSK)
    own = {"auth": auth, "id": RIGHT_ID} | ({"certs": [theirs.pem]} if auth == "pubkey" else {})
    section = site.connection("charon") | {"local": own, "remote": {"auth": auth, "id": LEFT_ID}}
    site.charon.load({site.name: section})
    site.charon.initiate("net")
    assert site.engine.ike()["name"] == f"{site.name}-{auth}"
    site.assert_traffic()
