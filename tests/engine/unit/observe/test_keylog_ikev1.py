"""The key log of IKEv1, and what tshark reads with it."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import pytest

from ikeengine.model.commands import Rekey
from ikeengine.model.secret import Secret
from ikeengine.negotiate.proposals import parse_ike
from ikeengine.observe.keylog import ISAKMP_TABLE, KeyLog
from ikeengine.outputs import IsakmpKeys
from tests.engine.support.ikev1 import ikev1_pair
from tests.engine.unit.observe.test_keylog import ipv4, tshark, write_pcap


def test_line_of_an_isakmp_sa(tmp_path: Path) -> None:
    log = KeyLog(tmp_path)
    log.isakmp(IsakmpKeys(bytes(range(8)), Secret(b"\xaa" * 16)))
    log.close()
    table = tmp_path / ISAKMP_TABLE
    assert table.read_text() == "0001020304050607," + "aa" * 16 + "\n"
    assert table.stat().st_mode & 0o777 == 0o600


def test_no_keys_unless_they_are_wanted() -> None:
    net, left, right = ikev1_pair()
    assert net.initiate(left).ok
    assert not left.events(IsakmpKeys)
    assert not right.events(IsakmpKeys)


def test_the_key_is_not_in_any_text() -> None:
    assert "aa" * 16 not in repr(IsakmpKeys(bytes(8), Secret(b"\xaa" * 16)))


@pytest.mark.parametrize("proposal", ["aes128-sha256-modp2048", "aes256-sha1-modp2048", "3des-sha1-modp1024"])
def test_tshark_decrypts_ikev1_with_the_table(tmp_path: Path, proposal: str) -> None:
    net, left, right = ikev1_pair(proposals=(parse_ike(proposal),))
    for host in (left, right):
        host.endpoint.set_settings(replace(host.endpoint._ctx.settings, keylog=True))
    assert net.initiate(left).ok
    net.settle()
    net.command(left, Rekey(child="net"))
    net.settle()
    assert left.events(IsakmpKeys) == right.events(IsakmpKeys)
    log = KeyLog(tmp_path)
    (keys,) = left.events(IsakmpKeys)
    log.isakmp(keys)
    log.close()
    packets = [
        ipv4(17, struct.pack("!HHHH", 500, 500, 8 + len(sent.data), 0) + sent.data, sent.path.local, sent.path.remote)
        for _when, sent in net.sent
    ]
    write_pcap(tmp_path / "ike.pcap", *packets)
    shown, _errors = tshark(tmp_path, tmp_path / "ike.pcap", "-V")
    for text in ("left.example.com", "right.example.com", "10.1.0.0", "10.2.0.0"):
        assert text in shown
