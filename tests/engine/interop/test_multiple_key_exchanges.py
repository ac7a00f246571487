"""Several key exchanges (RFC 9370) between two engines: strongSwan 5.9, the peer of the other tests, has none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ikeengine.crypto.selftest import is_usable
from ikeengine.model.proposal import Transform
from ikeengine.registry import KeId, TransformType
from tests.engine.interop.lab import Lab, child, engines_lab
from tests.engine.support.pcap import read_ike
from tests.lab.needs import give_up
from tests.lab.traffic import captured

IKE = "aes128gcm16-prfsha256-x25519-ke1_ecp384-ke2_modp3072"
ESP = "aes128gcm16-x25519-ke1_ecp256"
RESPONSE = 0x20
ML_KEM_768 = Transform(TransformType.KE, KeId.ML_KEM_768)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with engines_lab(tmp_path_factory.mktemp("multi-ke")) as running:
        yield running


@pytest.mark.scenario("ikev2/rw-cert-multi-ke", role="both")
def test_tunnel_and_both_rekeyings(site: Lab, tmp_path: Path) -> None:
    """Mirrors ikev2/rw-cert-multi-ke, with pre-shared keys, and rekeys what it has made."""
    site.connect(proposals=[IKE], engine=child(esp_proposals=[ESP]), charon=child(esp_proposals=[ESP]))
    with captured(site.left.gateway, tmp_path / "outer.pcap"):
        site.engine.initiate("net")
        site.assert_traffic()
        mine, theirs = site.assert_same_ike()
        for sa in (mine, theirs):
            assert (sa["dh-group"], sa["ake1"], sa["ake2"]) == ("CURVE_25519", "ECP_384", "MODP_3072")
        site.rekey_child("engine")
        site.assert_same_child()
        site.assert_traffic()
        site.rekey_ike("charon")
        renewed, _ = site.assert_same_ike()
        assert renewed["initiator-spi"] != mine["initiator-spi"]
        assert renewed["ake2"] == "MODP_3072"
        site.assert_traffic()
    requests = [message[18] for message in read_ike(tmp_path / "outer.pcap") if not message[19] & RESPONSE]
    assert requests.count(34) == 1
    assert requests.count(43) >= 2
    assert requests.count(44) >= 3


@pytest.mark.scenario("ikev2/rw-mlkem", role="both")
def test_ml_kem(site: Lab) -> None:
    """Mirrors ikev2/rw-mlkem, with pre-shared keys and rekeyed Child SAs."""
    if not is_usable(ML_KEM_768):
        give_up("the installed cryptography library has no ML-KEM")
    esp = child(esp_proposals=["aes256gcm16-x25519-ke1_mlkem1024"])
    site.connect(proposals=["aes256gcm16-prfsha384-x25519-ke1_mlkem768"], engine=esp, charon=esp)
    site.charon.initiate("net")
    site.assert_traffic()
    mine, theirs = site.assert_same_ike()
    assert mine["ake1"] == theirs["ake1"] == "ML_KEM_768"
    site.rekey_child("charon")
    mine, theirs = site.assert_same_child()
    assert mine["ake1"] == theirs["ake1"] == "ML_KEM_1024"
    site.assert_traffic()
