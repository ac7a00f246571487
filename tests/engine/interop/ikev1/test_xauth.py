"""XAUTH: a user name and a password after the hosts have authenticated, the engine as client and as gateway."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.engine.interop.ikev1.site import connect
from tests.engine.interop.lab import Lab, lab, merged
from tests.engine.interop.test_certificates import equip, leafs
from tests.lab import charon as charons
from tests.lab.certs import authority
from tests.lab.netns import wait_until

CAROL, PASSWORD = "carol@strongswan.org", "4iChxLT3"
PROGRAM = f"""#!/bin/sh
IFS= read -r user && IFS= read -r password || exit 1
test "$IKE_BACKEND $user $password" = "radius {CAROL} {PASSWORD}"
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The engine with a program that knows passwords, and a charon that knows XAUTH."""
    directory = tmp_path_factory.mktemp("site")
    program = directory / "knows"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    directory.chmod(0o755)
    engine = {"xauth_command": str(program)}
    with lab(directory, engine=engine, kernel=f"{charons.LIBIPSEC} xauth-generic") as running:
        yield running


def load_password(site: Lab, password: str = PASSWORD, *, only: str = "") -> None:
    """Give carol's password to both daemons, or to one of them."""
    for name in ("engine", "charon"):
        if only in ("", name):
            site.daemon(name).request(
                "load_shared", {"id": "carol", "type": "XAUTH", "data": password, "owners": [CAROL]}
            )


def log_in(site: Lab, client: str, *, proof: str = "psk", **both: Any) -> None:
    """Load the connection. `client` logs in; both prove themselves before, with hybrid only the gateway."""
    gateway = "charon" if client == "engine" else "engine"
    certificates = {} if proof == "psk" else certified(site, client, gateway, proof)
    sides = {}
    for name, login in ((client, "local"), (gateway, "remote")):
        plain, own = site.connection(name), both.pop(name, {})
        user = {"auth": "xauth", "xauth_id": CAROL} if login == "local" else {"auth": "xauth"}
        section: dict[str, Any] = {}
        for side in ("local", "remote"):
            first = merged(plain[side], certificates.get(name, {}).get(side, {}))
            section[side] = None
            if side == login and proof == "hybrid":
                section[side] = {**user, "id": None}
            elif side == login:
                section |= {f"{side}-1": first, f"{side}-2": user}
            else:
                section[f"{side}-1"] = first
        sides[name] = merged(section, own)
    connect(site, engine=sides["engine"], charon=sides["charon"], **both)


def certified(site: Lab, client: str, gateway: str, proof: str) -> dict[str, Any]:
    """What the sections say of certificates; both daemons have what they need for that."""
    mine, theirs = leafs("rsa2048")
    own = {"engine": mine, "charon": theirs}
    for name, leaf in own.items():
        if name == gateway or proof != "hybrid":
            equip(site.daemon(name), leaf, authority())
        else:
            site.daemon(name).load_authority(authority().pem)
    names = (client, gateway) if proof == "rsa" else (gateway,)
    sections: dict[str, Any] = {client: {"remote": {"auth": "pubkey"}}, gateway: {"remote": {"auth": "pubkey"}}}
    for name in names:
        sections[name]["local"] = {"auth": "pubkey", "certs": [own[name].pem]}
    return sections


@pytest.mark.parametrize(
    "proof",
    [
        pytest.param("psk", marks=pytest.mark.scenario("ikev1/xauth-psk")),
        pytest.param("rsa", marks=pytest.mark.scenario("ikev1/xauth-rsa")),
        pytest.param("hybrid", marks=pytest.mark.scenario("ikev1/xauth-id-rsa-hybrid")),
    ],
)
def test_user_and_password(site: Lab, initiator: str, proof: str) -> None:
    """Mirrors ikev1/xauth-psk, xauth-rsa and xauth-id-rsa-hybrid: the gateway lets carol in, and knows her by name."""
    log_in(site, initiator, proof=proof)
    load_password(site)
    site.daemon(initiator).initiate("net")
    site.assert_same_ike()
    site.assert_same_child()
    assert site.peer(initiator).ike()["remote-xauth-id"] == CAROL
    site.assert_traffic()


@pytest.mark.scenario("ikev1/xauth-id-rsa-aggressive")
def test_aggressive_mode(site: Lab, initiator: str) -> None:
    """Mirrors ikev1/xauth-id-rsa-aggressive: certificates in three messages, then carol's name and password."""
    log_in(site, initiator, proof="rsa", aggressive="yes")
    load_password(site)
    site.daemon(initiator).initiate("net")
    site.assert_same_ike()
    site.assert_same_child()
    assert "AGGRESSIVE" in site.charon.log()
    assert site.peer(initiator).ike()["remote-xauth-id"] == CAROL
    site.assert_traffic()


def test_wrong_password(site: Lab, initiator: str) -> None:
    """Nothing comes up, both say so, and the engine says why and for whom."""
    log_in(site, initiator)
    load_password(site)
    load_password(site, "something else", only=initiator)
    with pytest.raises(RuntimeError):
        site.daemon(initiator).initiate("net")
    wait_until(lambda: not site.engine.sas() and not site.charon.sas())
    reason = site.engine.failures(site.name)[0]["reason"]
    assert CAROL in reason
    assert "something else" not in site.engine.log()
    assert PASSWORD not in site.engine.log()


@pytest.mark.scenario("ikev1/xauth-rsa-radius", role="responder")
@pytest.mark.parametrize("password", [PASSWORD, "something else"], ids=["right", "wrong"])
def test_a_program_knows_the_password(site: Lab, password: str) -> None:
    """Mirrors ikev1/xauth-rsa-radius with `engine.xauth_command` instead of a server; the gateway has no password."""
    log_in(site, "charon", proof="rsa", engine={"remote-2": {"auth": "xauth-radius"}})
    load_password(site, password, only="charon")
    if password == PASSWORD:
        site.charon.initiate("net")
        assert site.engine.ike()["remote-xauth-id"] == CAROL
        site.assert_traffic()
    else:
        with pytest.raises(RuntimeError):
            site.charon.initiate("net")
        assert CAROL in site.engine.failures(site.name)[0]["reason"]
