"""NAT detection (RFC 7296 section 2.23)."""

from __future__ import annotations

import hashlib

from ikeengine.ikev2.received import Received
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


def detect(message: Received, spi_i: bytes, spi_r: bytes) -> tuple[bool, bool]:
    """Whether (we, the peer) sit behind a NAT, from the notifies of a received IKE_SA_INIT message."""
    sources = []
    local = False
    for notify in message.all(Notify):
        if notify.kind == NotifyType.NAT_DETECTION_SOURCE_IP:
            sources.append(notify.data)
        elif notify.kind == NotifyType.NAT_DETECTION_DESTINATION_IP:
            local = notify.data != _hash(spi_i, spi_r, message.path.local, message.path.local_port)
    remote = bool(sources) and _hash(spi_i, spi_r, message.path.remote, message.path.remote_port) not in sources
    return local, remote
