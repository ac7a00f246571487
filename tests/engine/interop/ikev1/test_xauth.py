"""XAUTH: a user name and a password after the hosts have authenticated, the engine as client and as gateway."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.engine.interop.ikev1.site import connect
from tests.engine.interop.lab import Lab, lab, merged
from tests.lab import charon as charons
from tests.lab.netns import wait_until

CAROL, PASSWORD = "carol@strongswan.org", "4iChxLT3"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The engine, and a charon that knows XAUTH."""
    with lab(tmp_path_factory.mktemp("site"), kernel=f"{charons.LIBIPSEC} xauth-generic") as running:
        yield running


def load_password(site: Lab, password: str = PASSWORD, *, only: str = "") -> None:
    """Give carol's password to both daemons, or to one of them."""
    for name in ("engine", "charon"):
        if only in ("", name):
            site.daemon(name).request(
                "load_shared", {"id": "carol", "type": "XAUTH", "data": password, "owners": [CAROL]}
            )


def log_in(site: Lab, client: str, **both: Any) -> None:
    """Load the connection, with `client` as the one who logs in after both have proven to know the pre-shared key."""
    asks: dict[str, Any] = {"local": None, "local-1": {}, "local-2": {"auth": "xauth", "xauth_id": CAROL}}
    wants: dict[str, Any] = {"remote": None, "remote-1": {}, "remote-2": {"auth": "xauth"}}
    sections = (("engine", asks), ("charon", wants)) if client == "engine" else (("engine", wants), ("charon", asks))
    for name, section in sections:
        plain = site.connection(name)
        side = "local" if section is asks else "remote"
        section[f"{side}-1"] = plain[side]
    engine, charon = (asks, wants) if client == "engine" else (wants, asks)
    connect(site, engine=merged(engine, both.pop("engine", {})), charon=merged(charon, both.pop("charon", {})), **both)


@pytest.mark.scenario("ikev1/xauth-psk")
def test_user_and_password(site: Lab, initiator: str) -> None:
    """Mirrors ikev1/xauth-psk: the gateway lets carol in, knows her by name, and traffic flows."""
    log_in(site, initiator)
    load_password(site)
    site.daemon(initiator).initiate("net")
    site.assert_same_ike()
    site.assert_same_child()
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
