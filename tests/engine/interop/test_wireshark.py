"""What the key log is for: tshark reads a whole conversation with strongSwan, through all its rekeyings."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.interop.lab import LEFT_ID, RIGHT_ID, Lab, child, lab
from tests.lab.traffic import captured


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    directory = tmp_path_factory.mktemp("wireshark")
    with lab(directory, engine={"keylog": str(directory / "keys")}) as running:
        yield running


def tshark(capture: Path, tables: Path, *options: str) -> str:
    """What tshark shows of a capture, with these tables of keys."""
    command = ["tshark", "-r", str(capture), "-o", "esp.enable_encryption_decode:TRUE", *options]
    environment = os.environ | {"WIRESHARK_CONFIG_DIR": str(tables)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


@pytest.mark.scenario("ikev2/net2net-psk", role="both")
@pytest.mark.parametrize(
    ("initiator", "ike", "esp"),
    [
        ("engine", "aes128gcm16-prfsha256-x25519", "aes256gcm16-x25519"),
        ("charon", "aes256-sha384-x25519", "aes128-sha256-x25519"),
        ("engine", "aes128ctr-sha256-x25519", "aes256gcm12-x25519"),
        ("charon", "aes256ccm16-prfsha256-x25519", "aes128gcm8-x25519"),
    ],
)
def test_a_conversation_is_readable(site: Lab, tmp_path: Path, initiator: str, ike: str, esp: str) -> None:
    """Mirrors ikev2/net2net-psk with strongSwan's plugin save-keys: IKE_AUTH, pings, and both after rekeying."""
    with captured(site.left.gateway, tmp_path / "outer.pcap"):
        site.connect(proposals=[ike], **child(esp_proposals=[esp]))
        site.daemon(initiator).initiate("net")
        site.assert_traffic()
        site.rekey_child(initiator)
        site.assert_traffic()
        site.rekey_ike("engine")
        site.rekey_ike("charon")
        site.rekey_child("charon")
        site.assert_traffic()
    tables = site.engine.log_file.parent.parent / "keys"
    handshake = tshark(tmp_path / "outer.pcap", tables, "-V", "-Y", "isakmp.exchangetype == 35")
    assert LEFT_ID in handshake
    assert RIGHT_ID in handshake
    rekeyings = tshark(tmp_path / "outer.pcap", tables, "-V", "-Y", "isakmp.exchangetype == 36")
    assert rekeyings.count("Payload: Security Association") >= 4 * 2
    pings = tshark(tmp_path / "outer.pcap", tables, "-Y", "icmp.type == 8 or icmp.type == 0")
    assert pings.count("Echo (ping)") >= 3 * 12
    hidden = tshark(tmp_path / "outer.pcap", tmp_path, "-V")
    assert LEFT_ID not in hidden
    assert "Echo (ping)" not in hidden
