"""`unique` and INITIAL_CONTACT with IKEv1: the engine and strongSwan come to the same number of ISAKMP SAs."""

from __future__ import annotations

from contextlib import suppress

import pytest

from tests.engine.interop import test_uniqueness as of_ikev2
from tests.engine.interop.ikev1.site import borrowed, with_ikev1
from tests.engine.interop.lab import Lab
from tests.engine.interop.test_uniqueness import other, spis
from tests.lab.control import Refused, in_parallel
from tests.lab.netns import wait_until
from tests.lab.topology import block, unblock

PSK = "ikev1/net2net-psk"

site = of_ikev2.site


@pytest.fixture(autouse=True)
def _with_ikev1(monkeypatch: pytest.MonkeyPatch) -> None:
    with_ikev1(monkeypatch)


test_second_ike_sa = borrowed(of_ikev2.test_second_ike_sa, PSK)


@pytest.mark.scenario(PSK, role="initiator")
@pytest.mark.parametrize("unique", ["never", "no", "keep", "replace"])
def test_another_one_from_the_same_address(site: Lab, unique: str) -> None:
    """Mirrors ikev1/net2net-psk with `unique`: the new ISAKMP SA takes the place of the old one, whatever it says.

    charon makes no second one on its own: with IKEv1 it does not know `reuse_ikesa`.
    """
    site.connect(charon={"unique": unique}, engine={"unique": "never"})
    site.engine.initiate("net")
    old = site.engine.ike()["initiator-spi"]
    site.engine.initiate("net")
    wait_until(lambda: all(len(daemon.sas()) == 1 for daemon in (site.engine, site.charon)), timeout=30)
    assert spis(site.engine) == spis(site.charon) != {old}
    assert site.left.client.ping(site.right.host, count=3)
    assert site.right.client.ping(site.left.host, count=3)


@pytest.mark.scenario(PSK, role="both")
@pytest.mark.parametrize("unique", ["never", "no", "replace"])
def test_both_begin_at_once(site: Lab, unique: str) -> None:
    """Mirrors ikev1/net2net-psk initiated from both ends: both agree on what is left, and packets get through.

    charon may take our ISAKMP SA for a reauthentication of its own, and move its Quick Mode there while that goes on:
    it then tells its client that the command failed, whatever comes of it.
    """
    site.connect(unique=unique)
    ours, theirs = (in_parallel(lambda name=name: site.daemon(name).initiate("net")) for name in ("engine", "charon"))
    ours()
    with suppress(Refused):
        theirs()
    wait_until(lambda: spis(site.engine) == spis(site.charon) != set())
    assert site.left.client.ping(site.right.host, count=3)
    assert site.right.client.ping(site.left.host, count=3)


@pytest.mark.scenario(PSK)
@pytest.mark.parametrize("unique", ["no", "keep", "replace"])
def test_initial_contact(site: Lab, initiator: str, unique: str) -> None:
    """Mirrors ikev1/net2net-psk after a crash: INITIAL_CONTACT ends what was there, with every policy but `never`."""
    site.connect(**{other(initiator): {"unique": unique}})
    beginner, responder = site.daemon(initiator), site.daemon(other(initiator))
    beginner.initiate("net")
    old = responder.ike()["initiator-spi"]
    deaf = (site.left if initiator == "charon" else site.right).gateway
    block(deaf)
    beginner.drop_sas()
    unblock(deaf)
    beginner.initiate("net")
    assert "N(INITIAL_CONTACT)" in site.charon.log()
    wait_until(lambda: len(responder.sas()) == 1)
    assert responder.ike()["initiator-spi"] != old
    site.assert_same_child()
    site.assert_traffic()
