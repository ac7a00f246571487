"""How long an SA may live, as both sides tell each other (RFC 2407 sections 4.5 and 4.6.3.1, RFC 2409 appendix A).

Lifetimes are not negotiated: the initiator says its own, a responder with a shorter one may say so, and each side
replaces SAs in its own time. The shorter one counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ikeengine.errors import InvalidSyntax
from ikeengine.ikev1.wire.algorithms import LifeType, Phase1Attribute, Phase2Attribute
from ikeengine.ikev1.wire.attributes import Attribute, numeric, read_attributes, write_attributes
from ikeengine.ikev1.wire.caps import MAX_TRANSFORM_ATTRIBUTES
from ikeengine.ikev1.wire.numbers import ProtocolId
from ikeengine.model.immutable import immutable
from ikeengine.wire.reader import Reader

SHORTEST = 10
"""Seconds that a peer cannot go below: SAs that end as soon as they begin would only cost us time."""
DEFAULT_SECONDS = 28800
"""Of an SA of phase 2 whose lifetime nobody says (RFC 2407 section 4.5)."""
_KILOBYTE = 1024
_MOST = 0xFFFFFFFF


@immutable
class Lifetime:
    """Seconds and kilobytes after which an SA must be gone; 0 is no limit."""

    seconds: int = 0
    kilobytes: int = 0

    @property
    def octets(self) -> int:
        """The kilobytes in octets."""
        return self.kilobytes * _KILOBYTE

    def shorter(self, peers: Lifetime) -> Lifetime:
        """What counts if the peer says another lifetime than we; the peer alone cannot go below `SHORTEST`."""
        seconds = _smaller(self.seconds, max(peers.seconds, SHORTEST) if peers.seconds else 0)
        return Lifetime(seconds, _smaller(self.kilobytes, peers.kilobytes))


def lifetime(seconds: float, octets: int = 0) -> Lifetime:
    """The lifetime of a configuration, in the units of the wire; what is more than these can say is the most."""
    return Lifetime(min(int(seconds), _MOST), min(-(-octets // _KILOBYTE), _MOST))


def _smaller(one: int, other: int) -> int:
    return min(one, other) if one and other else one or other


class LifeAttributes(NamedTuple):
    """The two kinds of attribute that say a lifetime: its unit, then its length."""

    type: int
    duration: int


PHASE_1 = LifeAttributes(Phase1Attribute.LIFE_TYPE, Phase1Attribute.LIFE_DURATION)
PHASE_2 = LifeAttributes(Phase2Attribute.SA_LIFE_TYPE, Phase2Attribute.SA_LIFE_DURATION)


def life_attributes(kinds: LifeAttributes, life: Lifetime) -> tuple[Attribute, ...]:
    """A type and a duration for each limit."""
    limits = ((LifeType.SECONDS, life.seconds), (LifeType.KILOBYTES, life.kilobytes))
    return tuple(
        attribute
        for unit, length in limits
        if length
        for attribute in (numeric(kinds.type, unit), numeric(kinds.duration, length))
    )


def read_life(kinds: LifeAttributes, attributes: Sequence[Attribute]) -> Lifetime:
    """The lifetime among the attributes of a transform. Other attributes are ignored.

    Raises InvalidSyntax for a duration without a type before it, and for two durations that conflict (RFC 2407 section
    4.5.2). A type that is neither seconds nor kilobytes limits nothing.
    """
    limits: dict[int, int] = {}
    unit = 0
    for attribute in attributes:
        if attribute.kind == kinds.type:
            unit = attribute.number
        elif attribute.kind == kinds.duration:
            if not unit or limits.get(unit, attribute.number) != attribute.number:
                raise InvalidSyntax("a lifetime without a unit, or two that conflict")
            limits[unit], unit = attribute.number, 0
    return Lifetime(limits.get(LifeType.SECONDS, 0), limits.get(LifeType.KILOBYTES, 0))


def responder_lifetime(protocol: ProtocolId, life: Lifetime) -> bytes:
    """The data of a RESPONDER-LIFETIME notify for an SA of this protocol."""
    return write_attributes(life_attributes(PHASE_1 if protocol == ProtocolId.ISAKMP else PHASE_2, life))


def read_responder_lifetime(protocol: ProtocolId, data: bytes) -> Lifetime:
    """The lifetime in the data of a RESPONDER-LIFETIME notify. Raises InvalidSyntax.

    RFC 2407 does not say with which attributes the lifetime of an ISAKMP SA is told: some peers take those of phase 1,
    others those of phase 2. Both are understood.
    """
    attributes = read_attributes(Reader(data), MAX_TRANSFORM_ATTRIBUTES)
    if protocol == ProtocolId.ISAKMP and any(attribute.kind in PHASE_1 for attribute in attributes):
        return read_life(PHASE_1, attributes)
    return read_life(PHASE_2, attributes)
