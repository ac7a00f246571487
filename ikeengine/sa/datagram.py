"""Octets of a datagram: how many of them are not the IKE message, and how many always pass (RFC 7383 section 2.5.1)."""

from __future__ import annotations

from ikeengine.model.connection import EngineSettings
from ikeengine.model.path import Path

SAFE_DATAGRAM_IPV4 = 576
SAFE_DATAGRAM_IPV6 = 1280
"""Octets of an IP datagram that passes everywhere."""

IPV4_HEADER, IPV6_HEADER, UDP_HEADER, NON_ESP_MARKER = 20, 40, 8, 4


def safe(path: Path) -> int:
    """Octets of an IP datagram that passes everywhere."""
    return SAFE_DATAGRAM_IPV6 if ":" in path.remote else SAFE_DATAGRAM_IPV4


def overhead(settings: EngineSettings, path: Path) -> int:
    """Octets of a datagram that are not the IKE message."""
    marker = NON_ESP_MARKER if path.local_port == settings.port_nat_t else 0
    return (IPV6_HEADER if ":" in path.remote else IPV4_HEADER) + UDP_HEADER + marker
