"""ESP within AH against scapy, which cannot make it, and what a receiver does not take (RFC 2401 section 4.3)."""

from __future__ import annotations

from collections import Counter

import pytest
from scapy.layers.inet import IP
from scapy.layers.ipsec import AH, ESP, SecurityAssociation

from ikeengine.datapath.userspace.esp import EspReceiver, EspSender, Replayed
from ikeengine.datapath.userspace.inbound import Inbound, InboundSa, spi_of_ah
from ikeengine.datapath.userspace.packet import IPIP, MalformedPacket
from ikeengine.datapath.userspace.possible import check_possible
from ikeengine.datapath.userspace.protection import (
    BundleReceiver,
    BundleSender,
    EspOfBundles,
    receiver_of,
    sender_of,
)
from ikeengine.datapath.userspace.spd import PolicyDatabase
from ikeengine.datapath.userspace.system_rng import SystemRng
from ikeengine.errors import DatapathError, IntegrityFailed
from ikeengine.model.sa import Direction, IpsecSa, OuterAh
from ikeengine.registry import IntegId
from tests.engine.datapath.userspace.samples import CBC, ENCAP, GCM, LEFT, RIGHT, SPI, integ, key, make_sa, udp_packet

AH_SPI = 0xA4000001
AROUND = OuterAh(AH_SPI, integ(IntegId.HMAC_SHA2_256_128), key(32))


def bundle(direction: Direction = Direction.OUT, suite=CBC, generation: int = 0, **changes) -> IpsecSa:
    around = OuterAh(AH_SPI + generation, AROUND.integ, AROUND.integ_key, esn=changes.pop("ah_esn", False))
    return make_sa(direction, suite, spi=SPI + generation, encap=None, ah=around, **changes)


def whole(sealed: bytes, sign) -> bytes:
    """The IP packet, signed."""
    header = bytes(IP(src=LEFT, dst=RIGHT, proto=51, id=77, len=20 + len(sealed)))
    return header + sign(header, sealed)


def packet(sa: IpsecSa) -> bytes:
    sender = BundleSender(sa, SystemRng())
    return whole(sender.seal(udp_packet(), IPIP), sender.sign)


def scapy_ah() -> SecurityAssociation:
    return SecurityAssociation(AH, spi=AH_SPI, auth_algo="SHA2-256-128", auth_key=key(32).reveal())


def scapy_esp() -> SecurityAssociation:
    return SecurityAssociation(
        ESP,
        spi=SPI,
        crypt_algo="AES-CBC",
        crypt_key=key(32).reveal(),
        auth_algo="SHA2-256-128",
        auth_key=key(32).reveal(),
        tunnel_header=IP(src=LEFT, dst=RIGHT),
    )


def test_scapy_takes_what_we_send() -> None:
    found = IP(packet(bundle()))
    assert (found.proto, found[AH].nh, found[AH].spi) == (51, 50, AH_SPI)
    within = scapy_ah().decrypt(found)
    assert bytes(scapy_esp().decrypt(IP(bytes(within)))) == udp_packet()


@pytest.mark.parametrize("esn", [False, True])
@pytest.mark.parametrize("suite", [GCM, CBC], ids=["gcm", "cbc"])
def test_each_protocol_has_its_own_numbers(suite, esn: bool) -> None:
    changes = {"suite": suite, "esn": esn, "ah_esn": not esn}
    receiver = BundleReceiver(bundle(Direction.IN, **changes), EspOfBundles())
    sent = packet(bundle(**changes))
    assert receiver.open(sent) == (udp_packet(), IPIP)
    with pytest.raises(Replayed):
        receiver.open(sent)


def test_a_changed_address_is_noticed() -> None:
    sent = packet(bundle())
    with pytest.raises(IntegrityFailed):
        BundleReceiver(bundle(Direction.IN), EspOfBundles()).open(sent[:15] + b"\x09" + sent[16:])


def test_ah_around_something_else() -> None:
    sender = BundleSender(bundle(), SystemRng())
    stranger = EspSender(bundle(generation=1), SystemRng())
    ah = sender._ah
    for payload, next_header in ((udp_packet(), IPIP), (stranger.seal(udp_packet(), IPIP), 50), (b"\0", 50)):
        with pytest.raises(MalformedPacket, match="without the ESP of its bundle"):
            BundleReceiver(bundle(Direction.IN), EspOfBundles()).open(whole(ah.seal(payload, next_header), ah.sign))


def test_while_the_peer_rekeys_the_halves_may_be_mixed() -> None:
    """Its kernel has two states to change, one after the other."""
    of_bundles = EspOfBundles()
    old, new = (receiver_of(bundle(Direction.IN, generation=number), of_bundles) for number in (0, 1))
    ah = BundleSender(bundle(), SystemRng())._ah
    esp = EspSender(bundle(generation=1), SystemRng())
    assert old.open(whole(ah.seal(esp.seal(udp_packet(), IPIP), 50), ah.sign)) == (udp_packet(), IPIP)
    del new
    with pytest.raises(MalformedPacket):
        old.open(whole(ah.seal(esp.seal(udp_packet(), IPIP), 50), ah.sign))


def test_those_of_another_child_may_not() -> None:
    of_bundles = EspOfBundles()
    ours = receiver_of(bundle(Direction.IN), of_bundles)
    other = receiver_of(bundle(Direction.IN, generation=1, reqid=99), of_bundles)
    ah = BundleSender(bundle(), SystemRng())._ah
    esp = EspSender(bundle(generation=1), SystemRng())
    with pytest.raises(MalformedPacket):
        ours.open(whole(ah.seal(esp.seal(udp_packet(), IPIP), 50), ah.sign))
    del other


def test_a_bundle_is_found_by_the_spi_of_its_ah() -> None:
    delivered: list[bytes] = []
    drops: Counter[str] = Counter()
    inbound = Inbound(delivered.append, drops, spi_of_ah)
    sa = InboundSa(bundle(Direction.IN), PolicyDatabase(), lambda sa, hard: None)
    sent = packet(bundle())
    assert inbound.process(sent, 0) is None
    inbound.add(sa)
    assert delivered == [udp_packet()], "it has come a moment too early"
    assert inbound.get(AH_SPI) is sa
    assert inbound.process(sent, 0) is None
    assert sa.usage.replay_drops == 1
    inbound.remove(sa)
    assert inbound.get(AH_SPI) is None


def test_single_protocols_are_as_before() -> None:
    assert isinstance(sender_of(make_sa(), SystemRng()), EspSender)
    assert isinstance(receiver_of(make_sa(Direction.IN), EspOfBundles()), EspReceiver)


def test_no_nat_for_a_bundle() -> None:
    check_possible(bundle())
    with pytest.raises(DatapathError, match="AH cannot pass a NAT"):
        check_possible(make_sa(suite=CBC, encap=ENCAP, ah=AROUND))
