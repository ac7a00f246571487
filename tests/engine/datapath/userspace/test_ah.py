"""AH against scapy, and the fields that it does not cover (RFC 4302)."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, UDP, IPOption_NOP, IPOption_Router_Alert, IPOption_RR
from scapy.layers.inet6 import HBHOptUnknown, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrHopByHop, PadN, RouterAlert
from scapy.layers.ipsec import AH, SecurityAssociation

from ikeengine.datapath.userspace.ah import AhReceiver, AhSender
from ikeengine.datapath.userspace.ah_header import covered, split_headers
from ikeengine.datapath.userspace.esp import LAST_SEQUENCE, Replayed, SequenceExhausted
from ikeengine.datapath.userspace.fragments import MTU, fragments
from ikeengine.datapath.userspace.packet import MalformedPacket
from ikeengine.errors import DatapathError, IntegrityFailed
from ikeengine.model.proposal import Transform
from ikeengine.model.sa import IpsecSa
from ikeengine.model.secret import Secret
from ikeengine.registry import IntegId, Protocol, TransformType
from tests.engine.datapath.userspace.samples import LEFT, LEFT6, RIGHT, RIGHT6, make_sa

SUITES = {
    "HMAC-SHA1-96": (IntegId.HMAC_SHA1_96, 20),
    "SHA2-256-128": (IntegId.HMAC_SHA2_256_128, 32),
    "SHA2-384-192": (IntegId.HMAC_SHA2_384_192, 48),
    "SHA2-512-256": (IntegId.HMAC_SHA2_512_256, 64),
    "AES-CMAC-96": (IntegId.AES_CMAC_96, 16),
}


def ah_sa(name: str = "SHA2-256-128", **changes: object) -> IpsecSa:
    integ, octets = SUITES[name]
    return make_sa(
        protocol=Protocol.AH,
        encr=None,
        integ=Transform(TransformType.INTEG, integ),
        integ_key=Secret(bytes(range(octets))),
        **changes,
    )


def scapy_sa(name: str = "SHA2-256-128") -> SecurityAssociation:
    return SecurityAssociation(AH, spi=ah_sa().spi, auth_algo=name, auth_key=bytes(range(SUITES[name][1])))


def inner() -> bytes:
    return bytes(ICMP(id=7, seq=9) / b"some data")


@pytest.mark.parametrize("name", SUITES)
def test_scapy_takes_what_we_send(name: str) -> None:
    sender = AhSender(ah_sa(name))
    sealed = sender.seal(inner(), 1)
    header = bytes(IP(src=LEFT, dst=RIGHT, proto=51, id=77, tos=3, flags="DF", len=20 + len(sealed)))
    whole = IP(header + sender.sign(header, sealed))
    assert bytes(whole[AH].payload) == inner()
    assert bytes(scapy_sa(name).decrypt(whole))[20:] == inner()


@pytest.mark.parametrize("name", SUITES)
def test_we_take_what_scapy_sends(name: str) -> None:
    packet = bytes(scapy_sa(name).encrypt(IP(src=RIGHT, dst=LEFT, id=77) / ICMP(inner()), seq_num=5))
    receiver = AhReceiver(ah_sa(name))
    assert receiver.open(packet) == (inner(), 1)
    with pytest.raises(Replayed):
        receiver.open(packet)


def ipv4_with_options() -> IP:
    options = [IPOption_NOP(), IPOption_Router_Alert(), IPOption_RR(routers=["1.2.3.4"]), IPOption_NOP()]
    return IP(src=RIGHT, dst=LEFT, id=5, options=options) / UDP(sport=1, dport=2) / b"data"


def ipv6_with_extensions() -> IPv6:
    hop_by_hop = IPv6ExtHdrHopByHop(options=[RouterAlert(), HBHOptUnknown(otype=0x3E, optdata=b"changes!")])
    return IPv6(src=RIGHT6, dst=LEFT6) / hop_by_hop / IPv6ExtHdrDestOpt(options=[PadN()]) / UDP(sport=1, dport=2)


@pytest.mark.parametrize("packet", [ipv4_with_options(), ipv6_with_extensions()], ids=["options", "extensions"])
def test_options_are_covered_unless_they_may_change(packet: IP | IPv6) -> None:
    """RFC 4302 appendix A: scapy zeroes the same fields."""
    signed = bytes(scapy_sa().encrypt(packet, seq_num=1))
    sa = ah_sa(destination=LEFT6 if isinstance(packet, IPv6) else LEFT)
    assert AhReceiver(sa).open(signed)[0].startswith(bytes(packet[UDP])[:4])


REFUSED = (IntegrityFailed, MalformedPacket, Replayed)
MUTABLE_V4 = (1, 6, 7, 8, 10, 11)
"""Type of service, flags and offset, time to live, checksum."""
MUTABLE_V6 = (1, 2, 3, 7)
"""Part of the traffic class, the flow label, the hop limit."""


@pytest.mark.parametrize("version", [4, 6])
def test_which_octets_of_the_header_are_covered(version: int) -> None:
    """Each octet is changed in turn: only routers' own fields may differ (RFC 4302 section 3.3.3.1)."""
    sender = AhSender(ah_sa(destination=LEFT if version == 4 else LEFT6))
    sealed = sender.seal(inner(), 1)
    if version == 4:
        header = bytes(IP(src=LEFT, dst=RIGHT, proto=51, id=77, len=20 + len(sealed)))
    else:
        header = bytes(IPv6(src=LEFT6, dst=RIGHT6, nh=51, plen=len(sealed)))
    signed = sender.sign(header, sealed)
    mutable = MUTABLE_V4 if version == 4 else MUTABLE_V6
    for at in range(1, len(header)):
        changed = bytearray(header)
        changed[at] ^= 1
        if at in mutable:
            assert AhReceiver(ah_sa()).open(bytes(changed) + signed)[0] == inner()
        else:
            with pytest.raises(REFUSED):
                AhReceiver(ah_sa()).open(bytes(changed) + signed)
    for at in range(len(signed)):
        changed = bytearray(signed)
        changed[at] ^= 1
        with pytest.raises(REFUSED):
            AhReceiver(ah_sa()).open(header + bytes(changed))


def test_alignment() -> None:
    """RFC 4302 section 3.3.3.2.1: words of 4 octets in IPv4, of 8 in IPv6."""
    assert len(AhSender(ah_sa()).seal(b"", 59)) == 12 + 16
    assert len(AhSender(ah_sa(destination=RIGHT6)).seal(b"", 59)) == 12 + 16 + 4


def test_extended_sequence_numbers() -> None:
    """The high half is covered but not sent (RFC 4302 section 2.5.1)."""
    sender, receiver = AhSender(ah_sa(esn=True)), AhReceiver(ah_sa(esn=True))
    sender.sequence = (1 << 32) - 2
    receiver.window.accept((1 << 32) - 2)
    for expected in (LAST_SEQUENCE, 1 << 32, (1 << 32) + 1):
        sealed = sender.seal(inner(), 1)
        header = bytes(IP(src=LEFT, dst=RIGHT, proto=51, id=77, len=20 + len(sealed)))
        assert receiver.open(header + sender.sign(header, sealed)) == (inner(), 1)
        assert receiver.window.top == expected
    plain = AhReceiver(ah_sa())
    with pytest.raises(IntegrityFailed):
        plain.open(header + sender.sign(header, sealed))


def test_the_last_sequence_number() -> None:
    sender = AhSender(ah_sa())
    sender.sequence = LAST_SEQUENCE
    with pytest.raises(SequenceExhausted):
        sender.seal(b"", 59)


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"E",
        bytes(IP(proto=50)),
        bytes(IP(proto=51)) + b"short",
        bytes(IPv6(nh=51)),
        bytes(IPv6(nh=0)) + b"\x33" * 9,
    ],
)
def test_garbage(packet: bytes) -> None:
    with pytest.raises(MalformedPacket):
        AhReceiver(ah_sa()).open(packet)


@pytest.mark.parametrize("options", [b"\x07\x01\0\0", b"\x07\x09\0\0", b"\x01\x01\x01\x07"])
def test_options_of_wrong_length(options: bytes) -> None:
    header = bytearray(bytes(IP(proto=51)))
    header[0] = 0x46
    with pytest.raises(MalformedPacket):
        covered(bytes(header) + options)


def test_an_integrity_algorithm_is_needed() -> None:
    with pytest.raises(DatapathError):
        AhSender(replace(ah_sa(), integ=None))


@pytest.mark.parametrize("version", [4, 6])
def test_fragments_make_up_the_packet(version: int) -> None:
    payload = bytes(range(256)) * 12
    if version == 4:
        packet = bytes(IP(src=LEFT, dst=RIGHT, proto=51, id=9, len=20 + len(payload))) + payload
    else:
        packet = bytes(IPv6(src=LEFT6, dst=RIGHT6, nh=51, plen=len(payload))) + payload
    pieces = list(fragments(packet))
    assert all(len(piece) <= MTU for piece in pieces)
    start = 20 if version == 4 else 48
    assert b"".join(piece[start:] for piece in pieces) == payload
    offsets = [int.from_bytes(piece[6:8] if version == 4 else piece[42:44]) for piece in pieces]
    more, unit = (0x2000, 8) if version == 4 else (1, 1)
    assert [bool(offset & more) for offset in offsets] == [True, True, False]
    assert [(offset & ~more) * unit for offset in offsets] == [0, len(pieces[0]) - start, 2 * (len(pieces[0]) - start)]


def test_headers_end_where_ah_begins() -> None:
    packet = bytes(ipv6_with_extensions())
    with pytest.raises(MalformedPacket):
        split_headers(packet)
    signed = bytes(scapy_sa().encrypt(ipv6_with_extensions(), seq_num=1))
    headers, rest = split_headers(signed)
    assert headers + rest == signed
    assert rest[4:8] == ah_sa().spi.to_bytes(4, "big")


@given(
    st.sampled_from([bytes(IP(proto=51)), bytes(IPv6(nh=51)), bytes(IPv6(nh=0)), bytes(IPv6(nh=60)), b""]),
    st.binary(max_size=200),
)
def test_nothing_but_the_documented_errors(header: bytes, rest: bytes) -> None:
    """Whatever arrives is refused quietly."""
    with pytest.raises(REFUSED):
        AhReceiver(ah_sa()).open(header + rest)


@given(st.binary(max_size=60))
def test_any_options(options: bytes) -> None:
    """Options of any kind either have a form or are refused; what is covered is as long as what was there."""
    padded = options + bytes(-len(options) % 4)
    header = bytearray(bytes(IP(proto=51)))
    header[0] = 0x45 + min(10, len(padded) // 4)
    headers = bytes(header) + padded[:40]
    with contextlib.suppress(MalformedPacket):
        assert len(covered(headers)) == len(headers)
