"""What every IKE SA goes through, whatever its version, and the states of Child SAs."""

from __future__ import annotations

from enum import Enum
from typing import Self


class Phase(Enum):
    """Where an IKE SA is in its life; the values are strongSwan's names, which operators see."""

    # As in `timers.Timer`.
    __hash__ = object.__hash__

    CONNECTING = "CONNECTING"
    """The peer is not authenticated yet."""
    ESTABLISHED = "ESTABLISHED"
    REKEYED = "REKEYED"
    """Replaced by another IKE SA that has its Child SAs; waits to be deleted."""
    DELETING = "DELETING"
    CLOSED = "DESTROYING"


class SaState(Enum):
    """Base of the states of an IKE SA, which each version has its own of. All phases but the first have just one."""

    @property
    def phase(self) -> Phase:
        """What the state means to everybody who does not care about the version; connecting unless said otherwise."""
        return _PHASES.get(self.name, Phase.CONNECTING)

    @classmethod
    def of(cls, phase: Phase) -> Self:
        """The state of this version that is this phase."""
        return cls[phase.name]

    @property
    def is_connecting(self) -> bool:
        """Whether the IKE SA is not authenticated yet."""
        return self.phase is Phase.CONNECTING


_PHASES = {phase.name: phase for phase in Phase}


class ChildState(Enum):
    """Where a Child SA is in its life; the values are strongSwan's names."""

    INSTALLED = "INSTALLED"
    REKEYING = "REKEYING"
    """We have asked the peer to replace it."""
    REKEYED = "REKEYED"
    """Replaced by another Child SA; waits to be deleted."""
    DELETING = "DELETING"
    """We have asked the peer to delete it."""
    DELETED = "DELETED"
    """Deleted on both sides; its inbound half lives on for packets that are still under way."""


class Answer(Enum):
    """What an IKE SA has asked the shell for, and gets."""

    # As in `timers.Timer`.
    __hash__ = object.__hash__

    PATH_FOUND = "path to the peer"
    SIGNED = "signature"
    FETCHED = "CRL or OCSP response"
    LOOKED_UP = "certificate by hash and URL"
    PASSWORD = "verdict about a password"
    USAGE = "counters of a Child SA"
    ROUTES = "routes to the peer's addresses"


class Closing(Enum):
    """Why an IKE SA ends. Decides what happens to its Child SAs."""

    TERMINATED = "terminated by the operator"
    DELETED = "deleted by the peer"
    DEAD = "the peer does not answer"
    UNREACHABLE = "there is no way to the peer"
    FAILED = "negotiation failed"
    BROKEN = "the peer broke the protocol"
    REPLACED = "replaced by another IKE SA"
    REESTABLISHED = "closed to be authenticated again"
    EXPIRED = "lifetime over"
