"""NAT detection (RFC 7296 section 2.23)."""

from __future__ import annotations

import hashlib

from ikeengine.ikev2.messages.received import Received
from ikeengine.model.path import Path, packed
from ikeengine.registry import NotifyType
from ikeengine.wire.payloads import Notify


def _hash(spi_i: bytes, spi_r: bytes, address: str, port: int) -> bytes:
    octets = spi_i + spi_r + packed(address) + port.to_bytes(2, "big")
    return hashlib.sha1(octets, usedforsecurity=False).digest()


def payloads(spi_i: bytes, spi_r: bytes, path: Path, *, fake: bool) -> list[Notify]:
    """The two NAT_DETECTION notifies. `fake` makes the peer believe that we are behind a NAT (`encap = yes`)."""
    source = b"\0" * 20 if fake else _hash(spi_i, spi_r, path.local, path.local_port)
    return [
        Notify(NotifyType.NAT_DETECTION_SOURCE_IP, source),
        Notify(NotifyType.NAT_DETECTION_DESTINATION_IP, _hash(spi_i, spi_r, path.remote, path.remote_port)),
    ]


def is_told(message: Received) -> bool:
    """Whether a message says anything about NATs: its sender knows NAT traversal."""
    return message.notify(NotifyType.NAT_DETECTION_DESTINATION_IP) is not None


def seen_as(message: Received) -> bytes:
    """The hash of our address and port as the sender of a message sees them; empty if it does not say."""
    notify = message.notify(NotifyType.NAT_DETECTION_DESTINATION_IP)
    return b"" if notify is None else notify.data


def detect(message: Received, spi_i: bytes, spi_r: bytes) -> tuple[bool, bool]:
    """Whether (we, the peer) sit behind a NAT, from the notifies of a received message."""
    sources = []
    local = False
    for notify in message.all(Notify):
        if notify.kind == NotifyType.NAT_DETECTION_SOURCE_IP:
            sources.append(notify.data)
        elif notify.kind == NotifyType.NAT_DETECTION_DESTINATION_IP:
            local = notify.data != _hash(spi_i, spi_r, message.path.local, message.path.local_port)
    remote = bool(sources) and _hash(spi_i, spi_r, message.path.remote, message.path.remote_port) not in sources
    return local, remote
