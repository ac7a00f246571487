"""Quick crash detection (RFC 6290) between two engines, one of which dies; strongSwan has no part in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.interop.lab import PSK, Lab, child, engines_lab
from tests.engine.support.pcap import read_ike
from tests.lab.netns import wait_until
from tests.lab.traffic import captured

INFORMATIONAL, RESPONSE, NOTIFY = 37, 0x20, 41
PATIENT = {"retransmit_timeout": "2s", "retransmit_base": 1.0, "retransmit_tries": 100}
"""A restart may take a minute on a busy machine. Until then dead peer detection must not give up."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with engines_lab(tmp_path_factory.mktemp("crash"), PATIENT) as running:
        yield running


def restart(site: Lab, changes: dict[str, object]) -> None:
    """Kill the right engine as by `kill -9`, and start it again with the same configuration."""
    site.charon.kill()
    site.charon.start()
    site.charon.load_psk(PSK)
    site.charon.load({site.name: site.connection("charon") | changes})


def questions(file: Path) -> int:
    """How many different protected INFORMATIONAL requests a capture holds."""
    return len({d for d in read_ike(file) if d[18] == INFORMATIONAL and not d[19] & RESPONSE and d[16] != NOTIFY})


@pytest.mark.parametrize("encap", ["yes", "no"])
def test_a_packet_brings_the_tunnel_back(site: Lab, tmp_path: Path, encap: str) -> None:
    """The survivor sends ESP, hears INVALID_SPI, asks once, gets the proof, and makes a new tunnel."""
    site.connect(encap=encap, engine=child(dpd_action="restart"))
    site.engine.initiate("net")
    site.assert_traffic()
    old = site.engine.ike()["initiator-spi"]
    restart(site, {"encap": encap})
    with captured(site.left.gateway, tmp_path / "outer.pcap"):
        site.left.client.ping(site.right.host, wait=1)
        wait_until(site.charon.children)
    assert questions(tmp_path / "outer.pcap") == 1, "it does not ask again"
    mine, _ = site.assert_same_ike()
    assert mine["initiator-spi"] != old
    site.assert_traffic()
    (record,) = site.engine.failures(site.name)
    assert record["alert"] == "invalid-ike-spi"
    assert record["reason"] in site.engine.cli("explain", site.name).stdout.replace("\n", " ")


@pytest.mark.parametrize("rekeyed", [False, True])
def test_a_sign_of_life_brings_the_tunnel_back(site: Lab, tmp_path: Path, rekeyed: bool) -> None:
    """With plain ESP, dead peer detection asks; the answer of the restarted engine ends the waiting at once."""
    site.connect(engine=child(dpd_action="restart") | {"dpd_delay": "1s"})
    site.engine.initiate("net")
    if rekeyed:
        site.rekey_ike("charon")
    old = site.engine.ike()["initiator-spi"]
    with captured(site.left.gateway, tmp_path / "outer.pcap"):
        restart(site, {})
        wait_until(lambda: old not in [sa["initiator-spi"] for sa in site.engine.sas()])
        wait_until(site.charon.children)
    site.assert_same_ike()
    site.assert_traffic()
    assert "proves it with its token" in site.engine.log()


def test_without_tokens_it_takes_the_retransmissions(site: Lab) -> None:
    """The counter-proof: with `qcd: no` the survivor believes nobody, and keeps its IKE SA for the time being."""
    site.connect(qcd="no", engine=child(dpd_action="restart") | {"dpd_delay": "1s"})
    site.engine.initiate("net")
    old = site.engine.ike()["initiator-spi"]
    restart(site, {"qcd": "no"})
    wait_until(lambda: site.engine.ike().get("tasks-active") == ["IKE_DPD"])
    site.engine.mark_log()
    assert site.engine.ike()["initiator-spi"] == old
    assert "token" not in site.engine.log()


def test_the_secret_survives(site: Lab) -> None:
    """The secret is private, and stays the same over restarts."""
    file = site.charon.run_directory / "qcd.secret"  # type: ignore[union-attr]
    before = file.read_bytes()
    assert file.stat().st_mode & 0o077 == 0
    site.charon.kill()
    site.charon.start()
    assert file.read_bytes() == before
