"""Keys of live SAs: all different, a direction each, and never the same again after rekeying (S10)."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from ikeengine.model.commands import Rekey
from ikeengine.model.sa import Direction
from ikeengine.negotiate.proposals import parse_esp, parse_ike
from ikeengine.outputs import IkeKeys
from tests.engine.support.pair import Host
from tests.engine.support.site import psk_pair

SUITES = [
    ("aes256gcm16-prfsha384-x25519", "aes256gcm16-x25519"),
    ("aes128-sha256-x25519", "aes128-sha256-x25519"),
    ("chacha20poly1305-prfsha256-x25519", "chacha20poly1305"),
    ("aes128ctr-sha256-x25519", "aes128ctr-sha256"),
]


def ike_secrets(host: Host) -> list[list[bytes]]:
    """The keys of every IKE SA that there was, in the order of their making."""
    made = host.events(IkeKeys)
    return [[s.reveal() for s in (keys.sk_ei, keys.sk_er, keys.sk_ai, keys.sk_ar) if s.reveal()] for keys in made]


@pytest.mark.parametrize(("ike", "esp"), SUITES)
def test_s10_keys_are_distinct_and_never_come_back(ike: str, esp: str) -> None:
    net, left, right = psk_pair(proposals=(parse_ike(ike),), child_esp_proposals=(parse_esp(esp),))
    left.endpoint.set_settings(replace(left.endpoint._ctx.settings, keylog=True))
    assert net.initiate(left).ok
    net.settle()
    derived: list[bytes] = []
    spis: list[tuple[bytes, bytes]] = []
    for _unused in range(4):
        (out,) = [sa for sa in left.sas.values() if sa.direction is Direction.OUT]
        (back,) = [sa for sa in left.sas.values() if sa.direction is Direction.IN]
        (twin,) = [sa for sa in right.sas.values() if sa.spi == out.spi]
        assert twin.encr_key.reveal() == out.encr_key.reveal(), "both sides have the same keys"
        derived += [key for sa in (out, back) for key in (sa.encr_key.reveal(), sa.integ_key.reveal()) if key]
        (ike_sa,) = left.endpoint._ctx.table
        derived += [secret.reveal() for secret in (ike_sa.keys.sk_d, ike_sa.keys.sk_p_own, ike_sa.keys.sk_p_peer)]
        spis.append((left.ikes()[0].spi_i, left.ikes()[0].spi_r))
        net.command(left, Rekey(child="net"))
        net.settle(10)
        net.command(right, Rekey(ike="right"))
        net.settle(10)
    ike_keys = ike_secrets(left)
    everything = [*itertools.chain.from_iterable(ike_keys), *derived]
    assert len(ike_keys) == 5
    assert len(set(everything)) == len(everything), "a key has come back"
    assert len({spi for pair in spis for spi in pair}) == 2 * len(spis), "a rekeyed IKE SA has new SPIs"
