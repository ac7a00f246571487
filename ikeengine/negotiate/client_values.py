"""What a gateway tells its clients, checked before it is used: addresses of hosts, domains, networks, texts."""

from __future__ import annotations

from ipaddress import IPv4Network, ip_address

_BROADCAST = ip_address(b"\xff" * 4)


def host_address(octets: bytes) -> str:
    """An address that a host can have, as text; else nothing. `octets` are 4 or 16."""
    address = ip_address(octets)
    unusable = address.is_unspecified or address.is_multicast or address.is_loopback or address.is_link_local
    return "" if unusable or address == _BROADCAST else str(address)


def domain(value: bytes) -> str:
    """A domain in presentation format (RFC 8598 section 4.1); empty if it is none."""
    text = value.decode("ascii", "replace").rstrip(".").lower()
    labels = text.split(".")
    sound = all(0 < len(label) < 64 and label.replace("-", "").replace("_", "").isalnum() for label in labels)
    return text if sound and text.isascii() and len(text) < 254 else ""


def network(octets: bytes) -> str:
    """An IPv4 network of 4 octets address and 4 octets mask, as text; empty if it is none."""
    try:
        return str(IPv4Network((octets[:4], str(ip_address(octets[4:8]))), strict=False))
    except ValueError:
        return ""


def text(octets: bytes, longest: int) -> str:
    """A text for people, without what could harm a terminal or a log; line breaks stay."""
    decoded = octets.removesuffix(b"\0").decode("utf-8", "replace").replace("\r\n", "\n")
    return "".join(c if c.isprintable() or c == "\n" else " " for c in decoded)[:longest]
