"""`pools.<name>`: addresses and attributes."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest

from ikeengine.config.problems import ConfigErrors
from ikeengine.config.vici import pool_from_vici
from ikeengine.registry import CpAttribute

CONNECTION = """\
connections:
  rw:
    local: {auth: psk, id: gw}
    remote: {auth: psk}
    pools: [here, there]
    children: {net: {}}
secrets: {ike-1: {file: psk.txt}}
"""


def attributes(**section: Any) -> list[tuple[CpAttribute, str]]:
    pool = pool_from_vici("p", {"addrs": "10.3.0.0/24", **section})
    return [(attribute.kind, attribute.value.hex()) for attribute in pool.attributes]


@pytest.mark.parametrize(
    ("addrs", "base", "first", "last"),
    [
        ("10.3.0.0/28", "10.3.0.0", "10.3.0.1", "10.3.0.14"),
        ("10.3.0.5/28", "10.3.0.5", "10.3.0.5", "10.3.0.14"),
        ("10.3.0.0/31", "10.3.0.0", "10.3.0.0", "10.3.0.1"),
        ("10.3.0.1/32", "10.3.0.1", "10.3.0.1", "10.3.0.1"),
        ("10.3.0.1", "10.3.0.1", "10.3.0.1", "10.3.0.1"),
        ("10.3.0.1-10.3.0.9", "10.3.0.1", "10.3.0.1", "10.3.0.9"),
        ("10.3.0.1 - 10.3.0.1", "10.3.0.1", "10.3.0.1", "10.3.0.1"),
        ("fd00:3::/120", "fd00:3::", "fd00:3::1", "fd00:3::fe"),
        ("fd00:3::/64", "fd00:3::", "fd00:3::1", "fd00:3::7fff:fffe"),
    ],
)
def test_addresses(addrs: str, base: str, first: str, last: str) -> None:
    pool = pool_from_vici("p", {"addrs": addrs})
    assert [str(ip_address(octets)) for octets in (pool.base, pool.first, pool.last)] == [base, first, last]


@pytest.mark.parametrize(
    "addrs", ["", "10.3.0", "10.3.0.0/33", "10.3.0.9-10.3.0.1", "10.3.0.1-fd00::1", "a-b", "%dhcp"]
)
def test_what_is_no_pool(addrs: str) -> None:
    with pytest.raises(ConfigErrors, match=r"pools\.p\.addrs"):
        pool_from_vici("p", {"addrs": addrs})


def test_attributes_of_both_families() -> None:
    assert attributes(dns="10.0.0.53, fd00::53", nbns=["10.0.0.1"], netmask="255.255.0.0", p_cscf="fd00::1") == [
        (CpAttribute.INTERNAL_IP4_DNS, "0a000035"),
        (CpAttribute.INTERNAL_IP6_DNS, "fd000000000000000000000000000053"),
        (CpAttribute.INTERNAL_IP4_NBNS, "0a000001"),
        (CpAttribute.INTERNAL_IP4_NETMASK, "ffff0000"),
        (CpAttribute.P_CSCF_IP6_ADDRESS, "fd000000000000000000000000000001"),
    ]


def test_subnets() -> None:
    assert attributes(subnet="10.1.0.0/16, fd00:1::/48", split_include=["10.1.0.0/16", "10.2.0.0/16"]) == [
        (CpAttribute.INTERNAL_IP4_SUBNET, "0a010000ffff0000"),
        (CpAttribute.INTERNAL_IP6_SUBNET, "fd000001000000000000000000000000" + "30"),
        (CpAttribute.UNITY_SPLIT_INCLUDE, "0a010000ffff0000" + "00" * 6 + "0a020000ffff0000" + "00" * 6),
    ]


def test_split_dns() -> None:
    anchor = "Example.com. IN DS 43547 8 1 B6225AB2CC613E0DCA7962BDC2342EA4F1B56083"
    made = attributes(dns="10.0.0.53", internal_dns_domain="corp.example, example.com.", internal_dnssec_ta=anchor)
    assert made[1:] == [
        (CpAttribute.INTERNAL_DNS_DOMAIN, b"corp.example".hex()),
        (CpAttribute.INTERNAL_DNS_DOMAIN, b"example.com".hex()),
        (CpAttribute.INTERNAL_DNSSEC_TA, "aa1b0801" + "b6225ab2cc613e0dca7962bdc2342ea4f1b56083"),
    ]


def test_numbers() -> None:
    made = attributes(**{"20": "10.0.0.1", "16384": ["0x0102", "some text"]})
    assert made == [
        (CpAttribute.P_CSCF_IP4_ADDRESS, "0a000001"),
        (CpAttribute(16384), "0102"),
        (CpAttribute(16384), b"some text".hex()),
    ]


@pytest.mark.parametrize(
    ("section", "complaint"),
    [
        ({"dns": "ten"}, "p.dns: `ten` is not an IP address"),
        ({"subnet": "10.0.0.0/40"}, "p.subnet: `10.0.0.0/40` is not a subnet"),
        ({"split_include": "fd00::/64"}, "Unity knows IPv4 only"),
        ({"internal_dns_domain": "corp.example"}, "add `dns`"),
        ({"dns": "10.0.0.1", "internal_dns_domain": "a..b"}, "is not a domain"),
        ({"dns": "10.0.0.1", "internal_dnssec_ta": "example.com 1 2"}, "is not `domain keytag"),
        ({"dns": "10.0.0.1", "internal_dnssec_ta": "example.com 99999 8 1 aa"}, "is not `domain keytag"),
        ({"dns": "10.0.0.1", "internal_dnssec_ta": "example.com 1 8 1 aa"}, "not among `internal_dns_domain`"),
        ({"40000": "x"}, "from 1 to 32767"),
        ({"0": "x"}, "from 1 to 32767"),
        ({"15": "0xZZ"}, "is not hexadecimal"),
        ({"dnz": "10.0.0.1"}, "did you mean `dns`?"),
    ],
)
def test_what_is_no_attribute(section: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigErrors) as caught:
        pool_from_vici("p", {"addrs": "10.3.0.0/24", **section})
    assert complaint in str(caught.value)


def test_pools_must_exist_and_must_not_overlap(site: Any) -> None:
    site.write("psk.txt", "a long secret of two gateways")
    text = CONNECTION + "pools:\n  here: {addrs: 10.3.0.0/24}\n  near: {addrs: 10.3.0.9}\n  none: {dns: 10.0.0.1}\n"
    assert [error.split(": ", 2)[1:] for error in site.errors(text)] == [
        ["connections.rw.pools", "there is no pool `there`; configured pools: here, near, none"],
        ["pools.near.addrs", "the pool has addresses in common with the pool `here`"],
        ["pools.none.addrs", "`addrs` is missing: a pool needs addresses"],
    ]
