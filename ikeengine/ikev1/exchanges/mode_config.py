"""Mode config: virtual IP addresses and what belongs to them (draft-dukes-ike-mode-cfg-02, and Cisco's Unity).

pull    client  ATTR(REQUEST, IP4_ADDRESS, IP4_DNS, ...)  -->  gateway
                <--  ATTR(REPLY, IP4_ADDRESS=..., IP4_DNS=..., ...)
push    gateway  ATTR(SET, IP4_ADDRESS=..., ...)          -->  client
                <--  ATTR(ACK, IP4_ADDRESS, ...)

The pools, and who has which address, are those of IKEv2 (`negotiate.leases`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import IPv4Address, ip_address, summarize_address_range

from ikeengine.ikev1.wire.attributes import Attribute
from ikeengine.model.immutable import immutable
from ikeengine.model.path import packed
from ikeengine.model.pool import Lease, PoolAttribute, PoolConfig
from ikeengine.model.selector import SelectorTemplate, TrafficSelector
from ikeengine.negotiate.client_values import domain, host_address, network, text
from ikeengine.negotiate.leases import Claim, LeaseTable
from ikeengine.registry import CpAttribute

MAX_ADDRESSES = 8
"""Addresses that one ISAKMP SA may have."""
MAX_TOLD = 200
"""Attributes of the pools that are told to a client."""
MAX_NAME_SERVERS = 16
MAX_DOMAINS = 64
MAX_NETWORKS = 128
MAX_BANNER = 4096
"""Characters."""

_IP4, _IP6 = CpAttribute.INTERNAL_IP4_ADDRESS, CpAttribute.INTERNAL_IP6_ADDRESS
_OCTETS = {_IP4: 4, _IP6: 16}
_DNS = {CpAttribute.INTERNAL_IP4_DNS: 4, CpAttribute.INTERNAL_IP6_DNS: 16}
_ASKED_WITH = {
    4: (CpAttribute.INTERNAL_IP4_NETMASK, CpAttribute.INTERNAL_IP4_DNS, CpAttribute.INTERNAL_IP4_NBNS),
    16: (CpAttribute.INTERNAL_IP6_DNS,),
}
_INCLUDE, _EXCLUDE = CpAttribute.UNITY_SPLIT_INCLUDE, CpAttribute.UNITY_LOCAL_LAN
_BANNER, _SPLIT_DNS = CpAttribute.UNITY_BANNER, CpAttribute.UNITY_SPLITDNS_NAME
_DEF_DOMAIN = CpAttribute.UNITY_DEF_DOMAIN
_UNITY = (_BANNER, _DEF_DOMAIN, _SPLIT_DNS, _INCLUDE, _EXCLUDE)
_OF_IKEV2 = (CpAttribute.INTERNAL_DNS_DOMAIN, CpAttribute.INTERNAL_DNSSEC_TA)
"""RFC 8598; clients of IKEv1 have never heard of them."""
_UNITY_NETWORK = 14
"""Octets: address, mask, and protocol and ports that nobody uses."""
_WITH_MASK = 8
_WHOLE_HOST = 128


@immutable
class Given:
    """What a gateway gives to a client, checked. Networks and addresses are text."""

    addresses: tuple[str, ...] = ()
    name_servers: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    """For which the name servers are (split DNS); none: for all names."""
    default_domain: str = ""
    banner: str = ""
    split_include: tuple[str, ...] = ()
    """The only networks to tunnel; none: everything."""
    split_exclude: tuple[str, ...] = ()


# --- the client's side


def request(vips: Sequence[str], *, unity: bool) -> tuple[Attribute, ...]:
    """A REQUEST for the addresses of `vips`, all zero where any will do; `unity` if the gateway speaks Unity."""
    attributes = [_address(vip) for vip in vips]
    for octets in dict.fromkeys(len(packed(vip)) for vip in vips):
        attributes += [Attribute(kind, b"") for kind in _ASKED_WITH[octets]]
    return tuple(attributes + [Attribute(kind, b"") for kind in _UNITY if unity])


def read_given(attributes: Sequence[Attribute], vips: Sequence[str]) -> Given:
    """What a REPLY or SET gives us: at most as many addresses of each family as `vips` asks for.

    Without an address there is nothing: what else a gateway says, only an address makes useful.
    """
    addresses = _given_addresses(attributes, vips)
    if not addresses:
        return Given()
    servers = (host_address(a.octets) for a in attributes if len(a.octets) == _DNS.get(CpAttribute(a.kind), -1))
    split_dns = b",".join(_values(attributes, _SPLIT_DNS)).replace(b" ", b",").replace(b"\0", b"")
    return Given(
        addresses,
        _some(servers, MAX_NAME_SERVERS),
        _some(map(domain, split_dns.split(b",")), MAX_DOMAINS),
        next(filter(None, map(domain, _values(attributes, _DEF_DOMAIN))), ""),
        text(b"\n".join(_values(attributes, _BANNER)), MAX_BANNER),
        _some(_networks(attributes, _INCLUDE), MAX_NETWORKS),
        _some(_networks(attributes, _EXCLUDE), MAX_NETWORKS),
    )


def acknowledgement(attributes: Iterable[Attribute], given: Given) -> tuple[Attribute, ...]:
    """The ACK to a SET: what we use of it, without values (section 3.1)."""
    if not given.addresses:
        return ()
    known = {*_OCTETS, *_DNS, *_UNITY}
    return tuple(Attribute(kind, b"") for kind in dict.fromkeys(a.kind for a in attributes) if kind in known)


def _given_addresses(attributes: Sequence[Attribute], vips: Sequence[str]) -> tuple[str, ...]:
    given: list[str] = []
    for kind, octets in _OCTETS.items():
        wanted = sum(len(packed(vip)) == octets for vip in vips)
        values = (value[:octets] for value in _values(attributes, kind) if len(value) >= octets)
        given += _some(map(host_address, values), wanted)
    return tuple(given)


def _values(attributes: Iterable[Attribute], kind: CpAttribute) -> Iterator[bytes]:
    return (attribute.octets for attribute in attributes if attribute.kind == kind)


def _networks(attributes: Iterable[Attribute], kind: CpAttribute) -> Iterator[str]:
    """The networks of all attributes of a kind; each holds as many as its sender likes.

    strongSwan's pools leave out what nobody uses of the last one.
    """
    for value in _values(attributes, kind):
        for start in range(0, len(value) - _WITH_MASK + 1, _UNITY_NETWORK):
            yield network(value[start : start + _WITH_MASK])


def _some(texts: Iterable[str], most: int) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, texts)))[:most]


# --- the gateway's side


def wanted(attributes: Iterable[Attribute]) -> tuple[bytes, ...]:
    """The addresses that a REQUEST asks for, all zero where any will do."""
    asked = [(kind, a.octets) for a in attributes if (kind := CpAttribute(a.kind)) in _OCTETS]
    sound = [(value or bytes(_OCTETS[kind]))[: _OCTETS[kind]] for kind, value in asked]
    return tuple(value for value in sound if len(value) in _ASKED_WITH)[:MAX_ADDRESSES]


def offered(pools: Mapping[str, PoolConfig], names: Iterable[str]) -> tuple[bytes, ...]:
    """What to lease for a SET: any address of each family that the pools have."""
    families = dict.fromkeys(len(pools[name].first) for name in names if name in pools)
    return tuple(bytes(octets) for octets in families)


def assign(leases: LeaseTable, pools: Sequence[str], claim: Claim, addresses: Iterable[bytes]) -> tuple[Lease, ...]:
    """Lease the addresses, as far as the pools have some; a client that comes back gets what it had."""
    found = (leases.acquire(pools, claim, address) for address in addresses)
    return tuple(Lease(*lease, claim.identity, online=True) for lease in found if lease is not None)


def told(
    leases: Sequence[Lease],
    pools: Mapping[str, PoolConfig],
    asked: Iterable[Attribute],
    *,
    unity: bool,
    networks: Sequence[SelectorTemplate] = (),
) -> tuple[Attribute, ...]:
    """A REPLY or SET: the leased addresses, and what their pools tell.

    Unity's attributes go to clients that speak Unity (`unity`) or ask for them. Without `split_include` in a pool,
    such clients are told the `networks` of the Child SAs.
    """
    kinds = {attribute.kind for attribute in asked}
    values: dict[PoolAttribute, None] = {}
    for lease in leases:
        values.update(dict.fromkeys(pools[lease.pool].attributes if lease.pool in pools else ()))
    if not any(value.kind == _INCLUDE for value in values):
        values.update(dict.fromkeys(_split_include(networks)))
    fitting = [v for v in values if v.kind not in _OF_IKEV2 and (v.kind not in _UNITY or unity or v.kind in kinds)]
    addresses = [_address(str(ip_address(lease.address))) for lease in leases]
    return tuple(addresses + [Attribute(value.kind, value.value) for value in fitting[:MAX_TOLD]])


def is_accepted(sent: Iterable[Attribute], ack: Iterable[Attribute]) -> bool:
    """Whether the client uses an address of our SET."""
    kinds = {attribute.kind for attribute in ack}
    return any(attribute.kind in kinds for attribute in sent if attribute.kind in _OCTETS)


def _split_include(networks: Iterable[SelectorTemplate]) -> Iterator[PoolAttribute]:
    """IPv4 networks as Unity has them; none if one of them is everything, which is what clients do anyway."""
    octets = b""
    for selector in networks:
        if not isinstance(selector, TrafficSelector) or selector.is_ipv6:
            continue
        first, last = (IPv4Address(end) for end in (selector.first, selector.last))
        for subnet in summarize_address_range(first, last):
            if not subnet.prefixlen:
                return
            octets += subnet.network_address.packed + subnet.netmask.packed + bytes(_UNITY_NETWORK - 8)
    if octets:
        yield PoolAttribute(_INCLUDE, octets)


def _address(text_form: str) -> Attribute:
    """An address to ask for or to give. IPv6 has a length of prefix, as with IKEv2 and as strongSwan expects it."""
    octets = packed(text_form)
    kind = _IP4 if len(octets) == 4 else _IP6
    if not any(octets):
        return Attribute(kind, b"")
    return Attribute(kind, octets if kind is _IP4 else octets + bytes([_WHOLE_HOST]))
