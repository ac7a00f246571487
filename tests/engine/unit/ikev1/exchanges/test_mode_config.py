"""Mode config between a client and a gateway, without the messages around it."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from ikeengine.ikev1.exchanges import mode_config
from ikeengine.ikev1.exchanges.mode_config import Given
from ikeengine.ikev1.wire.attributes import Attribute, read_attributes, write_attributes
from ikeengine.model.identity import Identity
from ikeengine.model.pool import PoolAttribute, PoolConfig
from ikeengine.negotiate.leases import Claim, LeaseTable
from ikeengine.negotiate.selectors import parse_selector
from ikeengine.registry import CpAttribute as C
from ikeengine.registry import IdType
from ikeengine.wire.reader import Reader

CAROL = Identity(IdType.ID_FQDN, b"carol")
NETWORK = ip_address("10.1.0.0").packed + ip_address("255.255.0.0").packed + bytes(6)


def octets(address: str) -> bytes:
    return ip_address(address).packed


V4 = PoolConfig(
    "v4",
    octets("10.3.0.0"),
    octets("10.3.0.1"),
    octets("10.3.0.2"),
    (
        PoolAttribute(C.INTERNAL_IP4_DNS, octets("10.1.0.53")),
        PoolAttribute(C.INTERNAL_DNS_DOMAIN, b"example.com"),
        PoolAttribute(C.UNITY_BANNER, b"Welcome\r\nto \x1b[1mmoon"),
        PoolAttribute(C.UNITY_SPLIT_INCLUDE, NETWORK),
        PoolAttribute(C.UNITY_SPLITDNS_NAME, b"example.com,example.org"),
        PoolAttribute(C.UNITY_DEF_DOMAIN, b"example.com"),
    ),
)
V6 = PoolConfig("v6", octets("fec3::"), octets("fec3::1"), octets("fec3::9"))


@pytest.fixture
def leases() -> LeaseTable:
    table = LeaseTable()
    table.set_pool(V4)
    table.set_pool(V6)
    return table


def over_the_wire(attributes: tuple[Attribute, ...]) -> tuple[Attribute, ...]:
    return read_attributes(Reader(write_attributes(attributes)), 100)


def pull(leases: LeaseTable, vips: list[str], *, unity: bool = True) -> Given:
    asked = over_the_wire(mode_config.request(vips, unity=unity))
    claim = Claim(CAROL, 1, "192.0.2.1")
    found = mode_config.assign(leases, ["v4", "v6"], claim, mode_config.wanted(asked))
    return mode_config.read_given(over_the_wire(mode_config.told(found, leases.pools(), asked, unity=unity)), vips)


def test_pull(leases: LeaseTable) -> None:
    given = pull(leases, ["0.0.0.0", "::"])
    assert given == Given(
        ("10.3.0.1", "fec3::1"),
        ("10.1.0.53",),
        ("example.com", "example.org"),
        "example.com",
        "Welcome\nto  [1mmoon",
        ("10.1.0.0/16",),
    )


def test_who_does_not_speak_unity_hears_nothing_of_it(leases: LeaseTable) -> None:
    assert pull(leases, ["0.0.0.0"], unity=False) == Given(("10.3.0.1",), ("10.1.0.53",))


def test_a_client_that_asks_for_its_address_gets_it(leases: LeaseTable) -> None:
    assert pull(leases, ["10.3.0.2"]).addresses == ("10.3.0.2",)
    assert pull(leases, ["fec3::7"]).addresses == ("fec3::7",)


def test_leases_are_those_of_ikev2(leases: LeaseTable) -> None:
    leases.acquire(["v4"], Claim(CAROL, 7, "192.0.2.9"), bytes(4))
    leases.release(7)
    assert pull(leases, ["0.0.0.0"]).addresses == ("10.3.0.1",)
    other = Claim(Identity(IdType.ID_FQDN, b"dave"), 2, "192.0.2.2")
    assert len(mode_config.assign(leases, ["v4"], other, (bytes(4), bytes(4), bytes(16)))) == 1


def test_push(leases: LeaseTable) -> None:
    claim = Claim(CAROL, 1, "192.0.2.1")
    offered = mode_config.offered(leases.pools(), ["v6", "v4", "gone"])
    found = mode_config.assign(leases, ["v4", "v6"], claim, offered)
    sent = mode_config.told(found, leases.pools(), (), unity=False)
    received = over_the_wire(sent)
    given = mode_config.read_given(received, ["0.0.0.0"])
    assert given.addresses == ("10.3.0.1",)
    ack = over_the_wire(mode_config.acknowledgement(received, given))
    assert all(attribute.octets == b"" for attribute in ack)
    assert mode_config.is_accepted(sent, ack)


def test_a_push_that_nobody_wants(leases: LeaseTable) -> None:
    claim = Claim(CAROL, 1, "192.0.2.1")
    sent = mode_config.told(mode_config.assign(leases, ["v4"], claim, (bytes(4),)), leases.pools(), (), unity=False)
    given = mode_config.read_given(sent, [])
    assert given == Given()
    assert mode_config.acknowledgement(sent, given) == ()
    assert not mode_config.is_accepted(sent, ())


@pytest.mark.parametrize(
    "attributes",
    [
        (Attribute(C.INTERNAL_IP4_ADDRESS, b"\x0a\x03"),),
        (Attribute(C.INTERNAL_IP4_ADDRESS, octets("127.0.0.1")),),
        (Attribute(C.INTERNAL_IP4_ADDRESS, octets("224.0.0.1")),),
        (Attribute(C.INTERNAL_IP4_ADDRESS, bytes(4)),),
        (Attribute(C.INTERNAL_IP4_DNS, octets("10.1.0.53")),),
        (Attribute(C.INTERNAL_IP4_ADDRESS, 5),),
        (),
    ],
)
def test_what_gives_no_address_gives_nothing(attributes: tuple[Attribute, ...]) -> None:
    assert mode_config.read_given(attributes, ["0.0.0.0"]) == Given()


def test_no_more_addresses_than_asked_for() -> None:
    many = tuple(Attribute(C.INTERNAL_IP4_ADDRESS, octets(f"10.3.0.{n}")) for n in range(1, 9))
    assert mode_config.read_given(many, ["0.0.0.0", "10.3.0.9"]).addresses == ("10.3.0.1", "10.3.0.2")


def test_broken_values_are_left_out() -> None:
    address = Attribute(C.INTERNAL_IP4_ADDRESS, octets("10.3.0.1"))
    given = mode_config.read_given(
        (
            address,
            Attribute(C.INTERNAL_IP4_DNS, b"\x01"),
            Attribute(C.UNITY_SPLIT_INCLUDE, NETWORK + NETWORK[:8] + b"123456" + b"rest"),
            Attribute(C.UNITY_LOCAL_LAN, octets("10.0.0.0") + octets("255.0.255.0") + bytes(6)),
            Attribute(C.UNITY_SPLITDNS_NAME, b"a.example b;rm -rf,\xff,-"),
            Attribute(C.UNITY_DEF_DOMAIN, b"$(reboot)"),
        ),
        ["0.0.0.0"],
    )
    assert given.split_include == ("10.1.0.0/16",)
    assert (given.name_servers, given.split_exclude, given.default_domain) == ((), (), "")
    assert "a.example" in given.domains
    assert all(";" not in name and "\ufffd" not in name for name in given.domains)


def test_what_is_wanted_is_bounded() -> None:
    asked = (Attribute(C.INTERNAL_IP4_ADDRESS, b""),) * 20
    assert len(mode_config.wanted(asked)) == mode_config.MAX_ADDRESSES
    assert mode_config.wanted((Attribute(C.INTERNAL_IP4_ADDRESS, b"\1"), Attribute(C.INTERNAL_IP6_ADDRESS, 5))) == ()


def test_networks_of_the_child_sas_are_split_include(leases: LeaseTable) -> None:
    found = mode_config.assign(leases, ["v6"], Claim(CAROL, 1, "192.0.2.1"), (bytes(16),))

    def networks(*selectors: str) -> tuple[str, ...]:
        templates = [parse_selector(selector) for selector in selectors]
        sent = mode_config.told(found, leases.pools(), (), unity=True, networks=templates)
        return mode_config.read_given(sent, ["::"]).split_include

    assert networks("10.1.0.0/16", "10.2.0.4-10.2.0.5", "fec1::/16", "dynamic") == ("10.1.0.0/16", "10.2.0.4/31")
    assert networks("10.1.0.0/16", "0.0.0.0/0") == ()
