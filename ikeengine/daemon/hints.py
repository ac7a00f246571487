"""What the counters say about tunnels that are up: ESP that does not get through while IKE does."""

from __future__ import annotations

from collections.abc import Iterator

from ikeengine.daemon.service import Service
from ikeengine.model.failure import Alert, FailureRecord, Side
from ikeengine.model.status import ChildStatus, IkeStatus
from ikeengine.registry import Protocol

ENOUGH = 3
"""Packets that must have gone out before silence means something: a ping that is not answered is a few."""


def hints(service: Service, connection: str = "") -> Iterator[FailureRecord]:
    """A record for each Child SA that sends, but has never received anything."""
    for ike in service.core.status():
        if ike.state != "ESTABLISHED" or connection not in ("", ike.name):
            continue
        for child in ike.children:
            record = _silent(service, ike, child)
            if record is not None:
                yield record


def _silent(service: Service, ike: IkeStatus, child: ChildStatus) -> FailureRecord | None:
    received, sent = service.usage(child.sa_in), service.usage(child.sa_out)
    if child.state != "INSTALLED" or received is None or sent is None:
        return None
    if received.packets or sent.packets < ENOUGH:
        return None
    unreadable = received.integrity_failures
    return FailureRecord(
        alert=Alert.ESP_BLOCKED,
        side=Side.NETWORK,
        phase=f"{_protection(child)}{' in UDP' if child.encap else ''}",
        reason=f"{sent.packets} packets went out, none has come back, while IKE gets through",
        at=service.now(),
        connection=ike.name,
        child=child.name,
        peer=f"{ike.path.remote}:{ike.path.remote_port}" if child.encap else ike.path.remote,
        advice=_advice(child, unreadable),
    )


def _protection(child: ChildStatus) -> str:
    return child.protocol.name if child.ah is None else "ESP within AH"


def _advice(child: ChildStatus, unreadable: int) -> str:
    if unreadable:
        return f"{unreadable} packets came with a wrong checksum (ICV): the two sides do not have the same keys"
    if child.encap:
        return "see whether the peer counts packets in; if not, UDP 4500 loses large packets (MTU) on the way"
    if child.ah is not None or child.protocol is Protocol.AH:
        return "see whether the peer counts packets in; if not, a firewall drops IP protocol 51 (AH): let it pass"
    return (
        "see whether the peer counts packets in; if not, a firewall drops IP protocol 50: let it pass, "
        "or send ESP in UDP with `encap: yes`"
    )
