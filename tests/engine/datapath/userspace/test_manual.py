"""Manually keyed SAs as a configuration file gives them, against scapy with the same keys."""

from __future__ import annotations

from pathlib import Path

from scapy.layers.inet import ICMP, IP
from scapy.layers.ipsec import ESP, SecurityAssociation

from ikeengine.crypto.rng import SeededRng
from ikeengine.datapath.userspace.inbound import InboundSa
from ikeengine.datapath.userspace.outbound import OutboundSa
from ikeengine.datapath.userspace.spd import PolicyDatabase
from ikeengine.model.sa import IpsecSa
from tests.engine.unit.config.test_build_manual import document, loaded


def scapy_sa(sa: IpsecSa) -> SecurityAssociation:
    return SecurityAssociation(
        ESP,
        spi=sa.spi,
        crypt_algo="AES-CBC",
        crypt_key=sa.encr_key.reveal(),
        auth_algo="SHA2-256-128",
        auth_key=sa.integ_key.reveal(),
        tunnel_header=IP(src=sa.source, dst=sa.destination),
    )


def ping(source: str, destination: str) -> bytes:
    return bytes(IP(src=source, dst=destination, id=0, ttl=64) / ICMP(id=1, seq=7) / b"manual keys")


def test_scapy_reads_what_we_send(tmp_path: Path) -> None:
    _inbound, outbound = loaded(tmp_path, document()).manual["link"].sas
    sent: list[bytes] = []
    ours = OutboundSa(
        outbound, SeededRng(1), lambda sa, sender: lambda esp, inner: sent.append(esp), lambda *limit: None
    )
    packet = ping("10.1.0.5", "10.2.0.5")
    ours.send(packet)
    ours.send(packet)
    for number, esp in enumerate(sent, 1):
        outer = IP(src=outbound.source, dst=outbound.destination, proto=50) / ESP(esp)
        opened = scapy_sa(outbound).decrypt(IP(bytes(outer)))
        assert bytes(opened) == packet
        assert int.from_bytes(esp[4:8], "big") == number


def test_we_read_what_scapy_sends(tmp_path: Path) -> None:
    inbound, outbound = loaded(tmp_path, document()).manual["link"].sas
    ours = InboundSa(inbound, PolicyDatabase(), lambda *limit: None)
    packet = ping("10.2.0.5", "10.1.0.5")
    sealed = scapy_sa(inbound).encrypt(IP(packet), seq_num=1)
    assert ours.receive(bytes(sealed[IP].payload), None) == packet
    foreign = scapy_sa(outbound).encrypt(IP(packet), seq_num=2)
    assert bytes(foreign[IP].payload)[:4] != bytes(sealed[IP].payload)[:4]
