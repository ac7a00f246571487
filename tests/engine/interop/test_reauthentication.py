"""Repeated authentication: who asks for it (RFC 4478), and whether the old IKE SA goes before or after the new one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from tests.engine.interop.lab import Lab, child, lab
from tests.lab.netns import wait_until
from tests.lab.traffic import no_loss

OFF = {"rekey_time": "0", "rand_time": "0"}


@pytest.fixture(scope="module", params=["make", "break"], ids=["make-before-break", "break-before-make"])
def order(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def site(order: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    settings = {"make_before_break": "yes" if order == "make" else "no"}
    with lab(tmp_path_factory.mktemp("reauthentication"), engine=settings, charon=settings) as running:
        yield running


def no_gap(site: Lab, order: str) -> contextlib.AbstractContextManager[None]:
    """Not a ping is lost in either direction if the new one is made first."""
    if order == "break":
        return contextlib.nullcontext()
    pings = contextlib.ExitStack()
    pings.enter_context(no_loss(site.left.client, site.right.host))
    pings.enter_context(no_loss(site.right.client, site.left.host))
    return pings


def assert_replaced(site: Lab, old: str) -> None:
    """What has replaced it may be replaced as well at any moment."""
    wait_until(lambda: old not in [sa["initiator-spi"] for sa in (*site.engine.sas(), *site.charon.sas())])
    site.assert_same_ike()
    site.assert_same_child()
    wait_until(lambda: site.left.client.ping(site.right.host, wait=2))
    wait_until(lambda: site.right.client.ping(site.left.host, wait=2))


@pytest.mark.scenario("ikev2/reauth-early")
def test_earlier_than_the_responder_wants(site: Lab, initiator: str) -> None:
    """Mirrors ikev2/reauth-early: the initiator's `reauth_time` is shorter than the AUTH_LIFETIME that it gets."""
    responder = "charon" if initiator == "engine" else "engine"
    site.connect(
        **{
            initiator: {**OFF, "reauth_time": "4s", "over_time": "20s"},
            responder: {**OFF, "reauth_time": "1h", "over_time": "20s"},
        }
    )
    site.daemon(initiator).initiate("net")
    assert_replaced(site, site.engine.ike()["initiator-spi"])


@pytest.mark.scenario("ikev2/reauth-late", role="responder")
def test_when_the_responder_wants(site: Lab) -> None:
    """Mirrors ikev2/reauth-late: the initiator obeys an AUTH_LIFETIME that is shorter than its own `reauth_time`.

    Charon sends one only to initiators with virtual addresses or EAP.
    """
    site.connect(
        charon={**OFF, "reauth_time": "1h", "over_time": "1s"},
        engine={**OFF, "reauth_time": "4s", "over_time": "1s", "remote_addrs": ["%any"]},
    )
    site.charon.initiate("net")
    assert "received AUTH_LIFETIME of" in site.charon.log()
    assert_replaced(site, site.engine.ike()["initiator-spi"])


def test_on_command(site: Lab, order: str, initiator: str) -> None:
    """Mirrors ikev2/reauth-mbb and its opposite, `swanctl --rekey --reauth` by either side."""
    site.connect()
    site.daemon(initiator).initiate("net")
    old = site.engine.ike()["initiator-spi"]
    with no_gap(site, order):
        site.daemon(initiator).request("rekey", {"ike": site.name, "reauth": "yes"})
        wait_until(lambda: old not in [sa["initiator-spi"] for sa in (*site.engine.sas(), *site.charon.sas())])
        wait_until(lambda: site.engine.children() and site.charon.children())
    assert_replaced(site, old)


@pytest.mark.scenario("ikev2/reauth-mbb")
def test_by_time(site: Lab, order: str, initiator: str) -> None:
    """Mirrors ikev2/reauth-mbb: one IKE SA after the other, and not a single ping is lost.

    Charon knows its new IKE SA only a moment after it has sent its first request. An answer that comes before is lost,
    and the old IKE SA must live until the request is sent again.
    """
    site.connect(**{initiator: {**OFF, "reauth_time": "2s", "over_time": "20s"}}, **child(rekey_time="0"))
    seen = set()
    site.daemon(initiator).initiate("net")
    with no_gap(site, order):

        def enough() -> bool:
            seen.update(sa["initiator-spi"] for sa in site.engine.ikes())
            return len(seen) > 3

        wait_until(enough)
