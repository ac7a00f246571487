"""ISAKMP SAs that end: both sides replace them by a new phase 1, and nothing is lost."""

from __future__ import annotations

import pytest

from tests.engine.interop.ikev1.site import connect
from tests.engine.interop.lab import Lab
from tests.lab.netns import wait_until
from tests.lab.traffic import no_loss


@pytest.mark.parametrize("who", ["engine", "charon"])
@pytest.mark.parametrize("which", ["reauth_time", "rekey_time"])
def test_replaced_in_time(site: Lab, initiator: str, who: str, which: str) -> None:
    """Mirrors ikev2/reauth-mbb with IKEv1: a new phase 1 every few seconds, and not one ping is lost."""
    other = "reauth_time" if which == "rekey_time" else "rekey_time"
    connect(site, **{who: {which: "2s", other: "0s", "over_time": "20s", "rand_time": "0s"}})
    site.daemon(initiator).initiate("net")
    site.assert_same_ike()
    spi, seen = site.engine.child()["spi-in"], {site.engine.ike()["initiator-spi"]}
    with no_loss(site.left.client, site.right.host), no_loss(site.right.client, site.left.host):

        def enough() -> bool:
            seen.update(sa["initiator-spi"] for sa in site.engine.ikes())
            return len(seen) >= 3

        wait_until(enough)
    assert site.engine.child()["spi-in"] == spi
    site.assert_traffic()


def test_charon_says_a_shorter_lifetime(site: Lab) -> None:
    """The engine would keep the SA for a long time; charon proposes little, and the engine replaces it in time."""
    times = {"rekey_time": "0s", "over_time": "0s", "rand_time": "0s"}
    connect(site, engine={"reauth_time": "0s", **times}, charon={"reauth_time": "60s", **times})
    site.charon.initiate("net")
    site.assert_same_ike()
    deadline = site.engine.ike()
    assert 0 < int(deadline["rekey-time"]) <= 60
