"""ESP against implementations that we did not write: scapy in both directions, and tshark reading what we send."""

import subprocess
from dataclasses import replace

import pytest
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
from scapy.layers.ipsec import ESP, SecurityAssociation
from scapy.utils import PcapWriter

from ikeengine.crypto.rng import SeededRng
from ikeengine.datapath.userspace.headers import ipv4_header, ipv6_header, with_header_checksum
from ikeengine.datapath.userspace.inbound import InboundSa
from ikeengine.datapath.userspace.outbound import OutboundSa
from ikeengine.datapath.userspace.spd import PolicyDatabase
from ikeengine.model.connection import Mode
from ikeengine.model.sa import Direction, IpsecSa
from ikeengine.registry import EncrId, IntegId
from tests.engine.datapath.userspace.samples import (
    CBC,
    ENCAP,
    GCM,
    LEFT,
    LEFT6,
    LEFT6_HOST,
    LEFT6_NET,
    LEFT_HOST,
    LEFT_NET,
    RIGHT,
    RIGHT6,
    RIGHT6_HOST,
    RIGHT6_NET,
    RIGHT_HOST,
    RIGHT_NET,
    SUITES,
    encr,
    integ,
    make_sa,
    packed,
    selector,
    suite_name,
)
from tests.lab.needs import need_programs

ESP_PROTOCOL, UDP_PROTOCOL = 50, 17

SCAPY_ENCR = {
    EncrId.AES_CBC: ("AES-CBC", None),
    EncrId.AES_CTR: ("AES-CTR", None),
    EncrId.TRIPLE_DES_CBC: ("3DES", None),
    EncrId.DES_CBC: ("DES", None),
    EncrId.NULL: ("NULL", None),
    EncrId.AES_GCM_16: ("AES-GCM", 16),
    EncrId.AES_CCM_8: ("AES-CCM", 8),
    EncrId.AES_CCM_12: ("AES-CCM", 12),
    EncrId.AES_CCM_16: ("AES-CCM", 16),
    EncrId.CHACHA20_POLY1305: ("CHACHA20-POLY1305", 16),
}
SCAPY_INTEG = {
    IntegId.HMAC_MD5_96: "HMAC-MD5-96",
    IntegId.HMAC_SHA1_96: "HMAC-SHA1-96",
    IntegId.HMAC_SHA2_256_128: "SHA2-256-128",
    IntegId.HMAC_SHA2_384_192: "SHA2-384-192",
    IntegId.HMAC_SHA2_512_256: "SHA2-512-256",
    IntegId.AES_CMAC_96: "AES-CMAC-96",
}
SCAPY_SUITES = [s for s in SUITES if s[0].id in SCAPY_ENCR and (s[1] is None or s[1].id in SCAPY_INTEG)]

TSHARK_ENCR = {
    EncrId.AES_CBC: "AES-CBC [RFC3602]",
    EncrId.AES_CTR: "AES-CTR [RFC3686]",
    EncrId.TRIPLE_DES_CBC: "TripleDES-CBC [RFC2451]",
    EncrId.DES_CBC: "DES-CBC [RFC2405]",
    EncrId.NULL: "NULL",
    EncrId.AES_GCM_8: "AES-GCM with 8 octet ICV [RFC4106]",
    EncrId.AES_GCM_12: "AES-GCM with 12 octet ICV [RFC4106]",
    EncrId.AES_GCM_16: "AES-GCM with 16 octet ICV [RFC4106]",
}
TSHARK_INTEG = {
    IntegId.HMAC_MD5_96: "HMAC-MD5-96 [RFC2403]",
    IntegId.HMAC_SHA2_256_96: "HMAC-SHA-256-96 [draft-ietf-ipsec-ciph-sha-256-00]",
    IntegId.HMAC_SHA1_96: "HMAC-SHA-1-96 [RFC2404]",
    IntegId.HMAC_SHA2_256_128: "HMAC-SHA-256-128 [RFC4868]",
    IntegId.HMAC_SHA2_384_192: "HMAC-SHA-384-192 [RFC4868]",
    IntegId.HMAC_SHA2_512_256: "HMAC-SHA-512-256 [RFC4868]",
}
TSHARK_SUITES = [s for s in SUITES if s[0].id in TSHARK_ENCR and (s[1] is None or s[1].id in TSHARK_INTEG)]


def refuse(*arguments) -> None:
    raise AssertionError(f"no limit was set: {arguments}")


class Setting:
    """One SA between two hosts, as we have it and as scapy has it."""

    def __init__(self, suite, *, outer_v6: bool, inner_v6: bool, mode: Mode, encap: bool, esn: bool = False) -> None:
        self.outer_v6, self.encap = outer_v6, encap
        self.source, self.destination = (LEFT6, RIGHT6) if outer_v6 else (LEFT, RIGHT)
        nets = (LEFT6_NET, RIGHT6_NET) if inner_v6 else (LEFT_NET, RIGHT_NET)
        self.inner = (LEFT6_HOST, RIGHT6_HOST) if inner_v6 else (LEFT_HOST, RIGHT_HOST)
        if mode is Mode.TRANSPORT:
            self.inner = (self.source, self.destination)
            nets = self.inner
        self.sa = make_sa(
            Direction.OUT,
            suite,
            source=self.source,
            destination=self.destination,
            mode=mode,
            encap=ENCAP if encap else None,
            esn=esn,
            local_ts=(selector(nets[0]),),
            remote_ts=(selector(nets[1]),),
        )

    @property
    def inbound(self) -> IpsecSa:
        return replace(
            self.sa, direction=Direction.IN, local_ts=self.sa.remote_ts, remote_ts=self.sa.local_ts, replay_window=64
        )

    def scapy(self) -> SecurityAssociation:
        sa = self.sa
        outer = IPv6 if self.outer_v6 else IP
        name, icv = SCAPY_ENCR[sa.encr.id]
        return SecurityAssociation(
            ESP,
            spi=sa.spi,
            crypt_algo=name,
            crypt_key=sa.encr_key.reveal() or None,
            crypt_icv_size=icv,
            auth_algo=SCAPY_INTEG[sa.integ.id] if sa.integ else None,
            auth_key=sa.integ_key.reveal() or None,
            tunnel_header=outer(src=self.source, dst=self.destination) if sa.mode is Mode.TUNNEL else None,
            nat_t_header=UDP(sport=4500, dport=4500) if self.encap else None,
            esn_en=sa.esn,
        )

    def packet(self, size: int):
        """A ping as scapy writes it."""
        data = bytes(n & 0xFF for n in range(size))
        source, destination = self.inner
        if ":" in source:
            packet = IPv6(src=source, dst=destination) / ICMPv6EchoRequest(id=1, seq=size, data=data)
        else:
            packet = IP(src=source, dst=destination, id=0, ttl=64) / ICMP(id=1, seq=size) / data
        return type(packet)(bytes(packet))

    def sealed(self, packets: list[bytes]) -> list[bytes]:
        """What we send for some packets: ESP from the SPI on."""
        sent: list[bytes] = []
        sa = OutboundSa(self.sa, SeededRng(1), lambda sa, sender: lambda esp, inner: sent.append(esp), refuse)
        for packet in packets:
            sa.send(packet)
        return sent

    def outer(self, esp: bytes) -> bytes:
        """An ESP packet with the headers that carry it."""
        if self.encap:
            esp = b"\x11\x94\x11\x94" + (len(esp) + 8).to_bytes(2, "big") + b"\0\0" + esp
        protocol = UDP_PROTOCOL if self.encap else ESP_PROTOCOL
        ends = packed(self.source), packed(self.destination)
        if self.outer_v6:
            return ipv6_header(*ends, protocol, len(esp)) + esp
        return with_header_checksum(ipv4_header(*ends, protocol, len(esp))) + esp


SHAPES = [
    pytest.param(
        {"outer_v6": outer, "inner_v6": inner, "mode": mode, "encap": encap},
        id=f"{mode.value}-{'6' if inner else '4'}in{'6' if outer else '4'}-{'udp' if encap else 'raw'}",
    )
    for mode in (Mode.TUNNEL, Mode.TRANSPORT)
    for outer in (False, True)
    for inner in (False, True)
    for encap in (False, True)
    if mode is Mode.TUNNEL or inner == outer
]
SIZES = (0, 1, 2, 3, 17, 1300)

SAMPLES = [GCM, CBC, (encr(EncrId.AES_CTR, 256), integ(IntegId.HMAC_SHA2_512_256))]
ALL = pytest.mark.parametrize(
    ("suite", "shape"),
    [pytest.param(suite, SHAPES[0].values[0], id=suite_name(suite)) for suite in SCAPY_SUITES]
    + [
        pytest.param(suite, *shape.values, id=f"{suite_name(suite)}-{shape.id}")
        for suite in SAMPLES
        for shape in SHAPES[1:]
    ],
)
"""Every suite in one shape, every shape with suites of each kind."""


@ALL
def test_scapy_reads_what_we_send(suite, shape):
    setting = Setting(suite, **shape)
    packets = [setting.packet(size) for size in SIZES]
    theirs = setting.scapy()
    for packet, esp in zip(packets, setting.sealed([bytes(p) for p in packets]), strict=True):
        outer = (IPv6 if setting.outer_v6 else IP)(setting.outer(esp))
        assert bytes(theirs.decrypt(outer)) == bytes(packet)


@ALL
def test_we_read_what_scapy_sends(suite, shape):
    setting = Setting(suite, **shape)
    theirs = setting.scapy()
    receiver = InboundSa(setting.inbound, PolicyDatabase(), refuse)
    for size in SIZES:
        packet = setting.packet(size)
        esp = bytes(theirs.encrypt(packet)[ESP])
        assert receiver.receive(esp, None) == bytes(packet)


@pytest.mark.parametrize("suite", SCAPY_SUITES, ids=suite_name)
def test_extended_sequence_numbers(suite):
    setting = Setting(suite, outer_v6=False, inner_v6=False, mode=Mode.TUNNEL, encap=True, esn=True)
    packet = setting.packet(100)
    outer = IP(setting.outer(setting.sealed([bytes(packet)])[0]))
    assert bytes(setting.scapy().decrypt(outer)) == bytes(packet)
    receiver = InboundSa(setting.inbound, PolicyDatabase(), refuse)
    receiver._receiver.window.accept((1 << 32) - 1)
    theirs = setting.scapy().encrypt(packet, seq_num=5, esn=1)
    assert receiver.receive(bytes(theirs[ESP]), None) == bytes(packet)


def test_tshark_reads_what_we_send(tmp_path):
    """tshark checks the ICV, and decodes the ping inside."""
    need_programs("tshark")
    capture = tmp_path / "esp.pcap"
    associations = []
    with PcapWriter(str(capture), linktype=228) as writer:
        for number, suite in enumerate(TSHARK_SUITES):
            setting = Setting(suite, outer_v6=False, inner_v6=False, mode=Mode.TUNNEL, encap=False)
            setting.sa = replace(setting.sa, spi=0x1000 + number)
            associations.append(_tshark_association(setting.sa))
            writer.write(IP(setting.outer(setting.sealed([bytes(setting.packet(50 + number))])[0])))
    options = [part for a in associations for part in ("-o", f"uat:esp_sa:{a}")]
    for name in ("encryption_decode", "authentication_check"):
        options += ["-o", f"esp.enable_{name}:TRUE"]
    fields = ["esp.spi", "esp.icv_good", "icmp.seq", "icmp.checksum.status"]
    columns = [part for f in fields for part in ("-e", f)]
    output = subprocess.run(
        ["tshark", "-r", str(capture), *options, "-T", "fields", "-E", "occurrence=l", *columns],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    rows = [line.split("\t") for line in output.splitlines()]
    assert len(rows) == len(TSHARK_SUITES)
    for number, (row, suite) in enumerate(zip(rows, TSHARK_SUITES, strict=True)):
        spi, good, sequence, status = row
        expected = (0x1000 + number, "1", str(50 + number), "1")
        assert (int(spi, 16), good, sequence, status) == expected, suite_name(suite)


def _tshark_association(sa: IpsecSa) -> str:
    cells = ["IPv4", "*", "*", hex(sa.spi), TSHARK_ENCR[sa.encr.id], _hex(sa.encr_key)]
    cells += [TSHARK_INTEG[sa.integ.id] if sa.integ else "NULL", _hex(sa.integ_key)]
    return ",".join(f'"{cell}"' for cell in cells)


def _hex(secret) -> str:
    return f"0x{secret.reveal().hex()}" if len(secret) else ""
