"""The end of IKEv1 SAs: deleted from each side, by a dead peer, and what brings them back."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.engine.interop.ikev1.site import connect
from tests.engine.interop.lab import Lab, child, lab
from tests.lab.netns import wait_until

QUICK_ENGINE = {"retransmit_timeout": 0.5, "retransmit_tries": 4, "retransmit_base": 1.2}
QUICK_CHARON = {"retransmit_timeout": "0.5", "retransmit_tries": "4", "retransmit_base": "1.2"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with lab(tmp_path_factory.mktemp("liveness"), engine=QUICK_ENGINE, charon=QUICK_CHARON) as running:
        yield running


@pytest.mark.parametrize("deleted_by", ["engine", "charon"])
def test_child_deleted(site: Lab, initiator: str, deleted_by: str) -> None:
    """The ISAKMP SA stays and takes a new Child SA."""
    connect(site)
    site.daemon(initiator).initiate("net")
    site.assert_same_child()
    site.daemon(deleted_by).terminate(child="net")
    wait_until(lambda: not site.engine.children() and not site.charon.children())
    site.assert_same_ike()
    site.peer(deleted_by).initiate("net")
    site.assert_same_ike()
    site.assert_same_child()
    site.assert_traffic()


@pytest.mark.parametrize("deleted_by", ["engine", "charon"])
def test_ike_deleted(site: Lab, initiator: str, deleted_by: str) -> None:
    """Nothing is left on either side."""
    connect(site)
    site.daemon(initiator).initiate("net")
    site.assert_same_child()
    site.daemon(deleted_by).terminate(ike=site.name)
    wait_until(lambda: not site.engine.sas() and not site.charon.sas())
    site.assert_no_traffic()


@pytest.mark.parametrize("asks", ["engine", "charon"])
def test_dpd_keeps_a_living_peer(site: Lab, asks: str) -> None:
    """One side asks (RFC 3706), the other answers, and nothing changes."""
    connect(site, **{asks: {"dpd_delay": "1s", "dpd_timeout": "5s"}})
    site.engine.initiate("net")
    spi = site.engine.ike()["initiator-spi"]
    wait_until(lambda: site.charon.log().count("N(DPD_ACK)") >= 2)
    assert site.assert_same_ike()[0]["initiator-spi"] == spi
    site.assert_traffic()


@pytest.mark.parametrize(
    "action",
    [
        pytest.param(action, marks=pytest.mark.scenario(f"ikev1/dpd-{action}", role="initiator"))
        for action in ("clear", "restart")
    ],
)
def test_charon_dies(site: Lab, action: str) -> None:
    """Mirrors ikev1/dpd-clear and ikev1/dpd-restart: charon is killed and comes back."""
    changes = {"dpd_delay": "1s", "dpd_timeout": "3s", "keyingtries": "0"}
    connect(site, engine=changes | child(dpd_action=action))
    site.engine.initiate("net")
    spi = site.engine.ike()["initiator-spi"]
    site.charon.kill()
    wait_until(lambda: spi not in [sa["initiator-spi"] for sa in site.engine.sas()])
    record = site.engine.failures(site.name)[-1]
    assert (record["alert"], record["side"]) == ("retransmit-send-timeout", "network")
    site.charon.start()
    connect(site, engine=changes | child(dpd_action=action))
    if action == "clear":
        time.sleep(0.5)
        assert not site.engine.sas()
        return
    wait_until(site.engine.children)
    site.assert_same_child()
    site.assert_traffic()
