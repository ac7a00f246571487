"""Tunnels of IKEv1 that come up by themselves, and come back whatever happens. Most tests are those of IKEv2."""

from __future__ import annotations

import pytest

from tests.engine.interop import test_keep_up as of_ikev2
from tests.engine.interop.ikev1.site import borrowed, with_ikev1
from tests.engine.interop.lab import PSK, Lab, child, merged
from tests.lab.netns import wait_until

site = of_ikev2.site


@pytest.fixture(autouse=True)
def _with_ikev1(monkeypatch: pytest.MonkeyPatch) -> None:
    with_ikev1(monkeypatch)


test_start_action = borrowed(of_ikev2.test_start_action)
test_dpd_clear = borrowed(of_ikev2.test_dpd_clear, "ikev1/dpd-clear")
test_dpd_trap = borrowed(of_ikev2.test_dpd_trap)
test_dpd_restart = borrowed(of_ikev2.test_dpd_restart, "ikev1/dpd-restart")
test_dpd_timeout = borrowed(of_ikev2.test_dpd_timeout)
test_kept_when_charon_reboots = borrowed(of_ikev2.test_kept_when_charon_reboots)
test_kept_when_charon_initiates = borrowed(of_ikev2.test_kept_when_charon_initiates_after_its_reboot)
test_kept_when_charon_closes = borrowed(of_ikev2.test_kept_when_charon_closes)
test_terminated_here_it_stays_down = borrowed(of_ikev2.test_terminated_here_it_stays_down)


@pytest.mark.scenario("ikev1/net2net-psk", role="both")
def test_kept_when_both_sides_start(site: Lab) -> None:
    """Mirrors ikev1/net2net-psk begun on both sides: of two ISAKMP SAs, or of two Child SAs, one stays in the end.

    The initiator of Quick Mode may send a little before charon can receive, so packets are counted afterwards.
    """
    site.connect()
    for name, section in (("charon", child(start_action="start")), ("engine", of_ikev2.KEPT)):
        site.daemon(name).unload(site.name)
        site.daemon(name).load({site.name: merged(site.connection(name), section)})
    wait_until(lambda: len(site.engine.children()) == len(site.charon.children()) == 1, 90)
    of_ikev2.assert_one(site)


@pytest.mark.scenario("ikev1/net2net-psk-fail", role="initiator")
def test_kept_when_authentication_fails_for_a_while(site: Lab) -> None:
    """Mirrors ikev1/net2net-psk-fail, until the secret is the same on both sides. Nobody can say that it is wrong."""
    site.charon.load_psk("another secret")
    site.engine.load_psk(PSK)
    site.charon.load({site.name: site.connection("charon")})
    site.engine.load({site.name: merged(site.connection("engine"), of_ikev2.KEPT)})
    wait_until(lambda: len(site.engine.failures(site.name)) >= 3)
    site.charon.load_psk(PSK)
    of_ikev2.assert_one(site)
