"""Makes PoolConfigs out of the values of `pools.<name>` sections."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ikeengine.config.draft import Draft
from ikeengine.config.options import connection as connection_options
from ikeengine.config.options import pools as options
from ikeengine.config.problems import Problems
from ikeengine.config.schema import Option, Values
from ikeengine.model.pool import PoolAttribute, PoolConfig
from ikeengine.registry import CpAttribute

_LARGEST_NUMBER = 0x7FFF
_UNITY_PADDING = bytes(6)
"""Protocol and ports of a Unity subnet, which nobody uses."""

_KINDS: tuple[tuple[Option[Any], CpAttribute, CpAttribute], ...] = (
    (options.DNS, CpAttribute.INTERNAL_IP4_DNS, CpAttribute.INTERNAL_IP6_DNS),
    (options.NBNS, CpAttribute.INTERNAL_IP4_NBNS, CpAttribute.INTERNAL_IP6_NBNS),
    (options.DHCP, CpAttribute.INTERNAL_IP4_DHCP, CpAttribute.INTERNAL_IP6_DHCP),
    (options.NETMASK, CpAttribute.INTERNAL_IP4_NETMASK, CpAttribute.INTERNAL_IP6_NETMASK),
    (options.SERVER, CpAttribute.INTERNAL_IP4_SERVER, CpAttribute.INTERNAL_IP6_SERVER),
    (options.P_CSCF, CpAttribute.P_CSCF_IP4_ADDRESS, CpAttribute.P_CSCF_IP6_ADDRESS),
    (options.SUBNETS, CpAttribute.INTERNAL_IP4_SUBNET, CpAttribute.INTERNAL_IP6_SUBNET),
)
_UNITY: tuple[tuple[Option[Any], CpAttribute], ...] = (
    (options.SPLIT_INCLUDE, CpAttribute.UNITY_SPLIT_INCLUDE),
    (options.SPLIT_EXCLUDE, CpAttribute.UNITY_LOCAL_LAN),
)
_IPV4_OCTETS = (4, 8)


def build_pools(sections: Mapping[str, Values], problems: Problems) -> dict[str, PoolConfig]:
    """The pools by name. Broken ones, and those that overlap, go to `problems`."""
    pools: dict[str, PoolConfig] = {}
    for name, values in sections.items():
        pool = build_pool(name, values, problems)
        if pool is None:
            continue
        for other in pools.values():
            same_family = len(other.first) == len(pool.first)
            if same_family and other.first <= pool.last and pool.first <= other.last:
                problems.add(
                    values.mark_of(options.ADDRS),
                    values.key(options.ADDRS),
                    f"the pool has addresses in common with the pool `{other.name}`",
                )
        pools[name] = pool
    return pools


def build_pool(name: str, values: Values, problems: Problems) -> PoolConfig | None:
    """One pool; None if it has no usable addresses, which is among the problems then."""
    block = values[options.ADDRS]
    if block is None:
        if values.sound(options.ADDRS):
            problems.add(values.mark, values.key(options.ADDRS), "`addrs` is missing: a pool needs addresses")
        return None
    attributes = (
        *_named(values),
        *_unity(values, problems),
        *_unity_texts(values),
        *_domains(values, problems),
        *_numbered(values, problems),
    )
    return PoolConfig(name, *block, attributes)


def check_pools(drafts: Sequence[Draft], pools: Mapping[str, Values], problems: Problems) -> None:
    """Note every connection that names a pool that does not exist."""
    for draft in drafts:
        for name in draft.config.pools:
            if name not in pools:
                known = ", ".join(pools) or "none"
                problems.add(
                    draft.values.mark_of(connection_options.POOLS),
                    draft.values.key(connection_options.POOLS),
                    f"there is no pool `{name}`; configured pools: {known}",
                )


def _named(values: Values) -> Iterator[PoolAttribute]:
    for option, ipv4, ipv6 in _KINDS:
        for value in values[option]:
            yield PoolAttribute(ipv4 if len(value) in _IPV4_OCTETS else ipv6, value)


def _unity(values: Values, problems: Problems) -> Iterator[PoolAttribute]:
    for option, kind in _UNITY:
        subnets = values[option]
        if any(len(value) not in _IPV4_OCTETS for value in subnets):
            problems.add(values.mark_of(option), values.key(option), "Unity knows IPv4 only; use `subnet` for IPv6")
        elif subnets:
            yield PoolAttribute(kind, b"".join(value + _UNITY_PADDING for value in subnets))


def _unity_texts(values: Values) -> Iterator[PoolAttribute]:
    if banner := values[options.BANNER]:
        yield PoolAttribute(CpAttribute.UNITY_BANNER, "\n".join(banner).encode())
    if domain := values[options.DEF_DOMAIN]:
        yield PoolAttribute(CpAttribute.UNITY_DEF_DOMAIN, domain)
    if names := values[options.SPLITDNS_NAME]:
        yield PoolAttribute(CpAttribute.UNITY_SPLITDNS_NAME, b",".join(names))


def _domains(values: Values, problems: Problems) -> Iterator[PoolAttribute]:
    """RFC 8598 section 3.2: name servers must be there, and trust anchors follow the domain that they are for."""
    domains, anchors = values[options.DNS_DOMAIN], values[options.DNSSEC_TA]
    if domains and not values[options.DNS] and values.sound(options.DNS):
        problems.add(
            values.mark_of(options.DNS_DOMAIN),
            values.key(options.DNS_DOMAIN),
            "domains need name servers that know them: add `dns`",
        )
    for domain in domains:
        yield PoolAttribute(CpAttribute.INTERNAL_DNS_DOMAIN, domain)
        for anchor in anchors:
            if anchor.domain == domain:
                yield PoolAttribute(CpAttribute.INTERNAL_DNSSEC_TA, anchor.value)
    for anchor in anchors:
        if anchor.domain not in domains and values.sound(options.DNS_DOMAIN):
            problems.add(
                values.mark_of(options.DNSSEC_TA),
                values.key(options.DNSSEC_TA),
                f"`{anchor.domain.decode()}` is not among `internal_dns_domain`",
            )


def _numbered(values: Values, problems: Problems) -> Iterator[PoolAttribute]:
    for key in values.values:
        if not key.isdecimal():
            continue
        if not 0 < int(key) <= _LARGEST_NUMBER:
            problems.add(values.marks[key], values.key(key), f"attribute numbers are from 1 to {_LARGEST_NUMBER}")
            continue
        yield from (PoolAttribute(CpAttribute(int(key)), value) for value in values.values[key])
