"""Encapsulation modes: tunnel or transport, in UDP or not, by the numbers of RFC 3947 or of the drafts before it."""

from __future__ import annotations

from typing import NamedTuple

from ikeengine.ikev1.wire.algorithms import EncapsulationMode
from ikeengine.model.connection import Mode


class Encapsulation(NamedTuple):
    """What a number means."""

    mode: Mode
    udp: bool


MEANING: dict[int, Encapsulation] = {
    EncapsulationMode.TUNNEL: Encapsulation(Mode.TUNNEL, udp=False),
    EncapsulationMode.TRANSPORT: Encapsulation(Mode.TRANSPORT, udp=False),
    EncapsulationMode.UDP_TUNNEL: Encapsulation(Mode.TUNNEL, udp=True),
    EncapsulationMode.UDP_TRANSPORT: Encapsulation(Mode.TRANSPORT, udp=True),
    EncapsulationMode.UDP_TUNNEL_DRAFT: Encapsulation(Mode.TUNNEL, udp=True),
    EncapsulationMode.UDP_TRANSPORT_DRAFT: Encapsulation(Mode.TRANSPORT, udp=True),
}
_DRAFT = {
    Mode.TUNNEL: EncapsulationMode.UDP_TUNNEL_DRAFT,
    Mode.TRANSPORT: EncapsulationMode.UDP_TRANSPORT_DRAFT,
}


def number_of(encapsulation: Encapsulation, *, draft: bool = False) -> EncapsulationMode:
    """The number to offer; with `draft` that of draft-ietf-ipsec-nat-t-ike-00 to -03, if it is a mode in UDP."""
    if draft and encapsulation.udp:
        return _DRAFT[encapsulation.mode]
    return next(EncapsulationMode(number) for number, meaning in MEANING.items() if meaning == encapsulation)
