"""Option types of pools: blocks of addresses, and what configuration attributes hold."""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from struct import error as StructError  # noqa: N812 - its own name says nothing
from struct import pack
from typing import NamedTuple

from ikeengine.config.kinds import JsonSchema

_STRING: JsonSchema = {"type": "string", "minLength": 1}
_DOMAIN = re.compile(r"(?=.{1,253}$)(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)*[A-Za-z0-9_-]{1,63}")
_LARGEST_POOL = 1 << 31
"""Addresses of a pool, as in strongSwan: a larger subnet is used from its beginning."""
Subnet = IPv4Network | IPv6Network


class AddressBlock(NamedTuple):
    """The addresses of a pool, packed. `base` is what the operator wrote first."""

    base: bytes
    first: bytes
    last: bytes


class _Addresses:
    """A subnet or a range."""

    label = "subnet or range of addresses"

    def parse(self, text: str) -> AddressBlock:
        """The first and last address that clients may get."""
        try:
            if "-" in text:
                low, high = (ip_address(end.strip()) for end in text.split("-", 1))
                block = AddressBlock(low.packed, low.packed, high.packed)
            else:
                block = _of_subnet(ip_network(text, strict=False), text)
        except ValueError:
            raise ValueError(
                f"`{text}` is not a subnet such as 10.3.0.0/24 or a range such as 10.3.0.1-10.3.0.9"
            ) from None
        if len(block.first) != len(block.last) or block.first > block.last:
            raise ValueError(f"`{text}`: the range ends before it starts, or mixes IPv4 and IPv6")
        return block

    def json_schema(self) -> JsonSchema:
        """A string."""
        return _STRING


def _of_subnet(subnet: Subnet, text: str) -> AddressBlock:
    """All but the network's own and the broadcast address; host bits say where to begin, as in strongSwan."""
    low, high = int(subnet.network_address), int(subnet.broadcast_address)
    base = int(ip_address(text.partition("/")[0]))
    if subnet.num_addresses > 2:
        low, high = max(base, low + 1), min(high - 1, low + _LARGEST_POOL - 2)
    octets = subnet.max_prefixlen // 8
    return AddressBlock(base.to_bytes(octets), low.to_bytes(octets), high.to_bytes(octets))


class _Host:
    """An address as an attribute holds it."""

    label = "IP address"

    def parse(self, text: str) -> bytes:
        """4 or 16 octets."""
        try:
            return ip_address(text).packed
        except ValueError:
            raise ValueError(f"`{text}` is not an IP address") from None

    def json_schema(self) -> JsonSchema:
        """A string."""
        return _STRING


class _Subnet:
    """A network as an attribute holds it: IPv4 with its mask, IPv6 with the length of its prefix."""

    label = "subnet"

    def parse(self, text: str) -> bytes:
        """8 or 17 octets (RFC 7296 section 3.15.1)."""
        try:
            subnet = ip_network(text, strict=False)
        except ValueError:
            raise ValueError(f"`{text}` is not a subnet such as 10.0.0.0/8") from None
        if isinstance(subnet, IPv4Network):
            return subnet.network_address.packed + subnet.netmask.packed
        return subnet.network_address.packed + bytes([subnet.prefixlen])

    def json_schema(self) -> JsonSchema:
        """A string."""
        return _STRING


class _Domain:
    """A domain in presentation format."""

    label = "domain"

    def parse(self, text: str) -> bytes:
        """The domain without a final dot (RFC 8598 section 4.1)."""
        name = text.rstrip(".")
        if not _DOMAIN.fullmatch(name):
            raise ValueError(f"`{text}` is not a domain such as example.com")
        return name.lower().encode()

    def json_schema(self) -> JsonSchema:
        """A string."""
        return _STRING


class TrustAnchor(NamedTuple):
    """The digest of a DNSSEC key, and the domain that it is for."""

    domain: bytes
    value: bytes
    """As in an INTERNAL_DNSSEC_TA attribute."""


class _TrustAnchor:
    """What a DS record says."""

    label = "trust anchor"

    def parse(self, text: str) -> TrustAnchor:
        """The domain, and key tag, algorithm, digest type and digest (RFC 8598 section 4.2)."""
        words = [word for word in text.split() if word.upper() not in ("IN", "DS")]
        try:
            name, tag, algorithm, kind, *digest = words
            value = pack("!HBB", int(tag), int(algorithm), int(kind)) + bytes.fromhex("".join(digest))
        except (ValueError, StructError) as error:
            raise ValueError(f"`{text}` is not `domain keytag algorithm digest-type digest`") from error
        return TrustAnchor(DOMAIN.parse(name), value)

    def json_schema(self) -> JsonSchema:
        """A string."""
        return _STRING


class _AttributeText:
    """The value of an attribute that has no name."""

    label = "address, 0xHEX or text"

    def parse(self, text: str) -> bytes:
        """Its octets."""
        if text.lower().startswith("0x"):
            try:
                return bytes.fromhex(text[2:])
            except ValueError:
                raise ValueError(f"`{text}` is not hexadecimal") from None
        try:
            return ip_address(text).packed
        except ValueError:
            return text.encode()

    def json_schema(self) -> JsonSchema:
        """A string, or what YAML takes for a number."""
        return {"type": ["string", "number"]}


ADDRESSES = _Addresses()
HOST = _Host()
SUBNET = _Subnet()
DOMAIN = _Domain()
TRUST_ANCHOR = _TrustAnchor()
ATTRIBUTE_TEXT = _AttributeText()
