"""SAs, suites and packets that the tests of the userspace datapath share."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_network

from ikeengine.crypto.encr import ENCR
from ikeengine.crypto.integ import INTEG
from ikeengine.datapath.userspace.headers import ipv4_header, ipv6_header, with_header_checksum, with_upper_checksum
from ikeengine.model.connection import Mode
from ikeengine.model.proposal import Transform
from ikeengine.model.sa import Direction, IpsecSa, PolicyAction, PolicySet, UdpEncap
from ikeengine.model.secret import EMPTY, Secret
from ikeengine.model.selector import TrafficSelector
from ikeengine.registry import EncrId, IntegId, Protocol, TransformType

LEFT, RIGHT = "192.0.2.1", "192.0.2.2"
LEFT_NET, RIGHT_NET = "10.1.0.0/24", "10.2.0.0/24"
LEFT_HOST, RIGHT_HOST = "10.1.0.1", "10.2.0.1"
LEFT6, RIGHT6 = "2001:db8::1", "2001:db8::2"
LEFT6_NET, RIGHT6_NET = "2001:db8:1::/64", "2001:db8:2::/64"
LEFT6_HOST, RIGHT6_HOST = "2001:db8:1::1", "2001:db8:2::1"

ENCAP = UdpEncap(4500, 4500)
SPI = 0xC0FFEE01
REQID = 7


def encr(encr_id: int, bits: int | None = None) -> Transform:
    return Transform(TransformType.ENCR, encr_id, bits)


def integ(integ_id: int) -> Transform:
    return Transform(TransformType.INTEG, integ_id)


GCM = encr(EncrId.AES_GCM_16, 128), None
CBC = encr(EncrId.AES_CBC, 256), integ(IntegId.HMAC_SHA2_256_128)

AEAD_SUITES = [(encr(e, bits), None) for (e, bits), algorithm in ENCR.items() if algorithm.aead]
CLASSIC_SUITES = [
    (encr(e, bits), integ(i)) for (e, bits), algorithm in ENCR.items() if not algorithm.aead for i in INTEG
]
SUITES = AEAD_SUITES + CLASSIC_SUITES


def suite_name(suite: tuple[Transform, Transform | None]) -> str:
    keyword = ENCR[suite[0].id, suite[0].key_length].keyword
    return f"{keyword}-{INTEG[suite[1].id].keyword}" if suite[1] else keyword


def selector(text: str, protocol: int = 0, first: int = 0, last: int = 65535) -> TrafficSelector:
    network = ip_network(text)
    return TrafficSelector(network[0].packed, network[-1].packed, protocol, first, last)


def key(length: int) -> Secret:
    return Secret(bytes(range(1, length + 1)))


def make_sa(direction: Direction = Direction.OUT, suite=GCM, **changes) -> IpsecSa:
    """An SA from left to right; the inbound one is its other end."""
    cipher, mac = suite
    local, remote = selector(LEFT_NET), selector(RIGHT_NET)
    if direction is Direction.IN:
        local, remote = remote, local
    sa = IpsecSa(
        direction=direction,
        protocol=Protocol.ESP,
        spi=SPI,
        source=LEFT,
        destination=RIGHT,
        mode=Mode.TUNNEL,
        reqid=REQID,
        encr=cipher,
        encr_key=key(ENCR[cipher.id, cipher.key_length].key_octets),
        integ=mac,
        integ_key=key(INTEG[mac.id].key_octets) if mac else EMPTY,
        encap=ENCAP,
        replay_window=64,
        local_ts=(local,),
        remote_ts=(remote,),
    )
    return replace(sa, **changes)


def make_policies(owner: int = 1, action: PolicyAction = PolicyAction.PROTECT, **changes) -> PolicySet:
    policies = PolicySet(
        owner=owner,
        action=action,
        local_ts=(selector(LEFT_NET),),
        remote_ts=(selector(RIGHT_NET),),
        reqid=REQID,
        local=LEFT,
        remote=RIGHT,
    )
    return replace(policies, **changes)


def packed(address: str) -> bytes:
    return ip_address(address).packed


def ip_packet(payload: bytes, protocol: int, source: str = LEFT_HOST, destination: str = RIGHT_HOST, **fields) -> bytes:
    """An IP packet with right checksums."""
    ends = packed(source), packed(destination)
    payload = with_upper_checksum(payload, protocol, *ends)
    if len(ends[0]) == 16:
        return ipv6_header(*ends, protocol, len(payload), **fields) + payload
    return with_header_checksum(ipv4_header(*ends, protocol, len(payload), **fields)) + payload


def udp_packet(
    source: str = LEFT_HOST,
    destination: str = RIGHT_HOST,
    *,
    ports: tuple[int, int] = (4000, 53),
    data: bytes = b"some words",
    **fields,
) -> bytes:
    header = ports[0].to_bytes(2, "big") + ports[1].to_bytes(2, "big") + (8 + len(data)).to_bytes(2, "big") + b"\1\1"
    return ip_packet(header + data, 17, source, destination, **fields)


def reply_packet(**fields) -> bytes:
    return udp_packet(RIGHT_HOST, LEFT_HOST, **fields)
