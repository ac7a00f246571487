"""IPComp with DEFLATE (RFC 3173, RFC 2394)."""

from __future__ import annotations

import os
import zlib

import pytest

from ikeengine.crypto.rng import SeededRng
from ikeengine.datapath.userspace.inbound import InboundSa
from ikeengine.datapath.userspace.ipcomp import IPCOMP, SMALLEST_PAYLOAD, compress, expand
from ikeengine.datapath.userspace.modes import mode_of
from ikeengine.datapath.userspace.outbound import OutboundSa
from ikeengine.datapath.userspace.packet import IPIP, MalformedPacket
from ikeengine.datapath.userspace.spd import PolicyDatabase
from ikeengine.model.connection import TFC_PAD_TO_MTU, Mode
from ikeengine.model.sa import Direction
from ikeengine.registry import Protocol
from tests.engine.datapath.userspace.samples import make_sa, selector, udp_packet

CPI = 0x1234


def test_header_and_raw_deflate():
    """RFC 3173 section 3: next header, flags of zero, CPI; RFC 2394: the raw format without zlib's header."""
    packed, kind = compress(b"text " * 100, IPIP, CPI)
    assert kind == IPCOMP
    assert packed[:4] == bytes([IPIP, 0, 0x12, 0x34])
    assert zlib.decompress(packed[4:], -15) == b"text " * 100
    assert expand(packed, CPI) == (b"text " * 100, IPIP)


@pytest.mark.parametrize(
    "payload", [os.urandom(1000), b"a" * (SMALLEST_PAYLOAD - 1), b""], ids=["random", "short", "no"]
)
def test_what_would_not_get_smaller_is_sent_as_it_is(payload):
    assert compress(payload, IPIP, CPI) == (payload, IPIP)


def _garbage():
    packed, _ = compress(b"text " * 100, IPIP, CPI)
    yield packed[:4]
    yield packed[:-3]
    yield packed[:4] + b"\xff" * 40
    yield packed[:2] + b"\0\0" + packed[4:]
    yield bytes([IPCOMP]) + packed[1:]
    bomb = zlib.compressobj(9, zlib.DEFLATED, -15)
    yield packed[:4] + bomb.compress(bytes(10_000_000)) + bomb.flush()


@pytest.mark.parametrize("payload", _garbage(), ids=["empty", "cut", "garbage", "other-cpi", "nested", "bomb"])
def test_what_cannot_be_expanded_is_dropped(payload):
    with pytest.raises(MalformedPacket):
        expand(payload, CPI)


@pytest.mark.parametrize("mode", [Mode.TUNNEL, Mode.TRANSPORT])
@pytest.mark.parametrize("protocol", [Protocol.ESP])
def test_through_an_sa(mode, protocol):
    sent = []
    sa = make_sa(mode=mode, cpi=CPI, protocol=protocol)
    net = (selector("0.0.0.0/0"),)
    inbound = InboundSa(
        make_sa(Direction.IN, mode=mode, cpi=CPI, local_ts=net, remote_ts=net), PolicyDatabase(), lambda sa, hard: None
    )
    sender = OutboundSa(sa, SeededRng(1), lambda sa, sender: lambda esp, inner: sent.append(esp), lambda sa, hard: None)
    for data in (b"x" * 900, os.urandom(900)):
        sender.send(udp_packet(data=data))
    assert len(sent[0]) < 200
    assert len(sent[1]) > 900
    for esp, data in zip(sent, (b"x" * 900,), strict=False):
        assert inbound.receive(esp, None).endswith(data)


@pytest.mark.parametrize(
    ("padding", "length"), [(TFC_PAD_TO_MTU, 1400), (500, 500), (9000, 1400), (20, len(udp_packet()))]
)
def test_tfc_padding(padding, length):
    """RFC 4303 section 2.7: up to the wanted length, but never beyond the MTU, and the receiver takes it off."""
    mode = mode_of(make_sa(tfc_padding=padding), 1400)
    payload, kind = mode.wrap(udp_packet())
    assert len(payload) == length
    assert mode.unwrap(payload, kind, 0) == udp_packet()


def test_no_padding_where_nothing_tells_where_it_begins():
    payload, _ = mode_of(make_sa(tfc_padding=500, mode=Mode.TRANSPORT), 1400).wrap(udp_packet())
    assert len(payload) == len(udp_packet()) - 20
