import pytest

from ikeengine.datapath.userspace.modes import Transport, Tunnel, Untransportable, mode_of
from ikeengine.datapath.userspace.packet import MalformedPacket
from ikeengine.model.connection import Mode
from tests.engine.datapath.userspace.samples import (
    LEFT,
    LEFT6,
    LEFT6_HOST,
    RIGHT,
    RIGHT6,
    RIGHT6_HOST,
    ip_packet,
    make_sa,
    udp_packet,
)


def transport(**changes) -> Transport:
    mode = mode_of(make_sa(mode=Mode.TRANSPORT, **changes))
    assert isinstance(mode, Transport)
    return mode


def test_tunnel_mode_takes_the_whole_packet():
    tunnel = mode_of(make_sa())
    assert isinstance(tunnel, Tunnel)
    for packet, next_header in ((udp_packet(), 4), (udp_packet(LEFT6_HOST, RIGHT6_HOST), 41)):
        assert tunnel.wrap(packet) == (packet, next_header)
        assert tunnel.unwrap(packet + bytes(9), next_header, 0) == packet


def test_a_tunnel_carries_nothing_but_ip():
    with pytest.raises(MalformedPacket):
        Tunnel().unwrap(udp_packet()[20:], 17, 0)


@pytest.mark.parametrize("ends", [(LEFT, RIGHT), (LEFT6, RIGHT6)])
@pytest.mark.parametrize("natted", [False, True])
def test_transport_mode_takes_what_follows_the_header(ends, natted):
    changes = {"source": ends[0], "destination": ends[1]} | ({} if natted else {"encap": None})
    packet = udp_packet(*ends)
    payload, next_header = transport(**changes).wrap(packet)
    assert (payload, next_header) == (packet[20 if ":" not in ends[0] else 40 :], 17)
    assert transport(**changes).unwrap(payload, next_header, 0) == packet


def test_the_traffic_class_of_the_outer_header_is_kept():
    packet = udp_packet(LEFT, RIGHT, tos=0xB8)
    assert transport().unwrap(packet[20:], 17, 0xB8) == packet


def test_checksums_are_mended_behind_a_nat():
    """RFC 3948 section 3.1.2: the sender has summed up addresses that the NAT has changed since."""
    sent = udp_packet("10.9.9.9", RIGHT)
    assert transport().unwrap(sent[20:], 17, 0) == udp_packet(LEFT, RIGHT)
    untouched = transport(encap=None).unwrap(sent[20:], 17, 0)
    assert untouched[20:] == sent[20:]


@pytest.mark.parametrize(
    "packet",
    [
        udp_packet(LEFT, RIGHT)[:6] + b"\x20\x00" + udp_packet(LEFT, RIGHT)[8:],
        udp_packet(LEFT, RIGHT)[:6] + b"\x00\x10" + udp_packet(LEFT, RIGHT)[8:],
        b"\x46" + udp_packet(LEFT, RIGHT)[1:],
        ip_packet(bytes(16), 44, LEFT6, RIGHT6),
        ip_packet(bytes(16), 0, LEFT6, RIGHT6),
        ip_packet(bytes(16), 43, LEFT6, RIGHT6),
    ],
)
def test_what_transport_mode_cannot_carry(packet):
    with pytest.raises(Untransportable):
        transport().wrap(packet)


def test_destination_options_go_inside():
    packet = ip_packet(b"\x11\x00\x01\x04" + bytes(12), 60, LEFT6, RIGHT6)
    assert transport(source=LEFT6, destination=RIGHT6).wrap(packet) == (packet[40:], 60)
