"""A network that loses a third of the IKE datagrams in each direction: retransmissions bring everything through."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from tests.engine.interop.lab import Lab, lab
from tests.lab.control import Refused
from tests.lab.netns import wait_until
from tests.lab.topology import drop_at_random

PATIENT_ENGINE = {"retransmit_timeout": 0.1, "retransmit_tries": 100, "retransmit_base": 1.0}
PATIENT_CHARON = {"retransmit_timeout": "0.1", "retransmit_tries": "100", "retransmit_base": "1.0"}
LOSS_PERCENT = 33


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with lab(tmp_path_factory.mktemp("loss"), engine=PATIENT_ENGINE, charon=PATIENT_CHARON) as running:
        for gateway in (running.left.gateway, running.right.gateway):
            drop_at_random(gateway, LOSS_PERCENT)
        yield running


@pytest.mark.parametrize("attempt", range(3))
def test_life_of_a_tunnel(site: Lab, initiator: str, attempt: int) -> None:
    """Mirrors ikev2/net2net-rekey with strongSwan's receive_drop: up, rekeyed by each side, deleted."""
    site.connect()
    site.daemon(initiator).initiate("net")
    site.assert_same_child()
    for name in ("engine", "charon"):
        site.rekey_child(name)
        site.rekey_ike(name)
    assert not site.engine.failures(site.name)
    # Charon forgets an IKE SA as soon as it has answered the Delete; if that answer is lost, nobody can repeat it.
    with contextlib.suppress(Refused):
        site.peer(initiator).terminate(ike=site.name)
    wait_until(lambda: not site.engine.sas() and not site.charon.sas())
