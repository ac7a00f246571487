"""What MOBIKE (RFC 4555) knows about an IKE SA, and the addresses that the two sides tell each other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address

from ikeengine.ikev2.messages.received import Received
from ikeengine.model.path import Path, packed
from ikeengine.registry import NotifyType
from ikeengine.wire.payloads import Notify, Payload

MOST_ADDRESSES = 8
"""Additional addresses that we tell, and that we believe of a peer; strongSwan's number."""

_KINDS = {NotifyType.ADDITIONAL_IP4_ADDRESS: 4, NotifyType.ADDITIONAL_IP6_ADDRESS: 16}


@dataclass(slots=True)
class Mobility:
    """The MOBIKE state of one IKE SA. Rekeying hands it on."""

    decides: bool
    """Whether we were the initiator of the first IKE SA: that side alone decides about the path (section 3.5)."""
    peer_addresses: tuple[str, ...] = ()
    """Where the peer says that it can be reached, besides the current path."""
    announced: tuple[str, ...] | None = None
    """What the peer knows of our own additional addresses; None if that went by an address of ours that is gone."""
    seen_as: bytes = b""
    """NAT_DETECTION_DESTINATION_IP of the peer's last answer: a hash of the address that it sees us at."""
    held: Path | None = None
    """The path that the Child SAs stay on until the IKE SA's new one is known to work."""
    nats: tuple[bool, bool] | None = None
    """Whether (we, the peer) sit behind a NAT on the new path; None if nothing was said about that."""
    probed: set[Path] = field(default_factory=set)
    """Other paths on which the outstanding request was sent as well (section 3.10)."""
    refused: set[Path] = field(default_factory=set)
    """Paths that the peer does not want (UNACCEPTABLE_ADDRESSES) since we last were on a good one."""
    is_stranded: bool = False
    """No address of the peer can be reached at present: nothing is sent until that changes."""


def additional(own_addresses: Iterable[str], current: str) -> tuple[str, ...]:
    """Our addresses besides the current one, in a stable order, no more than the peer will keep."""
    others = set(own_addresses) - {current}
    return tuple(sorted(others, key=lambda address: (":" in address, packed(address))))[:MOST_ADDRESSES]


def address_notifies(addresses: Sequence[str]) -> list[Payload]:
    """ADDITIONAL_*_ADDRESS notifies, or NO_ADDITIONAL_ADDRESSES (RFC 4555 section 3.6)."""
    if not addresses:
        return [Notify(NotifyType.NO_ADDITIONAL_ADDRESSES)]
    return [Notify(_kind(address), packed(address)) for address in addresses]


def read_addresses(message: Received) -> tuple[str, ...] | None:
    """The additional addresses in a message, None if it says nothing about them.

    What cannot be an address of a host is skipped, and no more are believed than `MOST_ADDRESSES`.
    """
    found: dict[str, None] = {}
    mentioned = False
    for notify in message.all(Notify):
        length = _KINDS.get(notify.kind)
        mentioned = mentioned or length is not None or notify.kind == NotifyType.NO_ADDITIONAL_ADDRESSES
        if length == len(notify.data) and _is_of_a_host(notify.data):
            found[str(ip_address(notify.data))] = None
    return tuple(found)[:MOST_ADDRESSES] if mentioned else None


def _kind(address: str) -> NotifyType:
    return NotifyType.ADDITIONAL_IP6_ADDRESS if ":" in address else NotifyType.ADDITIONAL_IP4_ADDRESS


def _is_of_a_host(octets: bytes) -> bool:
    address = ip_address(octets)
    return not (address.is_multicast or address.is_unspecified or address.is_loopback or address.is_link_local)
