"""Options of `pools.<name>`."""

from __future__ import annotations

from ikeengine.config.kinds import TEXT, Kind, ListOf
from ikeengine.config.pool_kinds import ADDRESSES, ATTRIBUTE_TEXT, DOMAIN, HOST, SUBNET, TRUST_ANCHOR, AddressBlock
from ikeengine.config.schema import Option, Section

_ADDRESSES: Kind[AddressBlock | None] = ADDRESSES
_DOMAIN: Kind[bytes | None] = DOMAIN

ADDRS = Option(
    "addrs", _ADDRESSES, "The addresses: one subnet, whose first and last address are left out, or a range `from-to`."
)
DNS = Option("dns", ListOf(HOST), "Name servers.", "")
NBNS = Option("nbns", ListOf(HOST), "NetBIOS name servers.", "")
DHCP = Option("dhcp", ListOf(HOST), "DHCP servers.", "")
NETMASK = Option("netmask", ListOf(HOST), "Netmask of the network that the addresses are of.", "")
SERVER = Option("server", ListOf(HOST), "Application servers, as Windows knows them.", "")
P_CSCF = Option("p_cscf", ListOf(HOST), "P-CSCF servers, RFC 7651.", "")
SUBNETS = Option("subnet", ListOf(SUBNET), "Networks that are protected by the gateway.", "")
SPLIT_INCLUDE = Option("split_include", ListOf(SUBNET), "Networks to tunnel, for clients that speak Unity.", "")
SPLIT_EXCLUDE = Option("split_exclude", ListOf(SUBNET), "Networks not to tunnel, for clients that speak Unity.", "")
DNS_DOMAIN = Option(
    "internal_dns_domain",
    ListOf(DOMAIN),
    "Domains that the name servers in `dns` are for (split DNS, RFC 8598); clients ask other servers for other names.",
    "",
)
DNSSEC_TA = Option(
    "internal_dnssec_ta",
    ListOf(TRUST_ANCHOR),
    "DNSSEC trust anchors of these domains (RFC 8598), each as `domain keytag algorithm digest-type digest`.",
    "",
)
BANNER = Option("banner", ListOf(TEXT, split=False), "Text that clients show to their users, if they speak Unity.", "")
DEF_DOMAIN = Option("unity_def_domain", _DOMAIN, "Domain of the clients, for those that speak Unity.")
SPLITDNS_NAME = Option(
    "unity_splitdns_name",
    ListOf(DOMAIN),
    "Domains that the name servers in `dns` are for, as Unity's clients know them.",
    "",
)
NUMBERED = Option(
    "<number>", ListOf(ATTRIBUTE_TEXT), "Any other attribute by its number: an address, `0x` and hexadecimal, or text."
)

POOL = Section(
    "pools.<name>",
    "A pool of virtual IP addresses, and attributes for the clients that get one (RFC 7296 section 3.15).",
    (
        ADDRS,
        DNS,
        NBNS,
        DHCP,
        NETMASK,
        SERVER,
        P_CSCF,
        SUBNETS,
        SPLIT_INCLUDE,
        SPLIT_EXCLUDE,
        BANNER,
        DEF_DOMAIN,
        SPLITDNS_NAME,
        DNS_DOMAIN,
        DNSSEC_TA,
    ),
    numbered=NUMBERED,
)
