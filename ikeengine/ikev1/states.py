"""The states of ISAKMP SAs, and the messages that they may get."""

from __future__ import annotations

from enum import Enum

from ikeengine.registry import ExchangeType
from ikeengine.sa.states import SaState


class IkeState(SaState):
    """Where an ISAKMP SA is in its life."""

    # As in `timers.Timer`.
    __hash__ = object.__hash__

    CREATED = "created"
    """Initiator: looking for a way to the peer."""
    SA_SENT = "SA sent"
    """Initiator of Main Mode: the first message is sent."""
    KE_SENT = "KE sent"
    """Initiator of Main Mode: the third message is sent."""
    AUTH_SIGNING = "auth signing"
    """Initiator: the private key is at work for the last message that we send."""
    AUTH_SENT = "auth sent"
    """Initiator of Main Mode: the fifth message is sent."""
    AGGRESSIVE_SENT = "aggressive sent"
    """Initiator of Aggressive Mode: the first message is sent."""
    CHECKING_RESPONDER = "checking responder"
    """Initiator: the peer is authenticated; whether its certificate is revoked is being learned."""
    SA_ANSWERED = "SA answered"
    """Responder of Main Mode: the second message is sent."""
    KE_ANSWERED = "KE answered"
    """Responder of Main Mode: the fourth message is sent; nobody has proven anything yet."""
    CHECKING_INITIATOR = "checking initiator"
    """Responder: the peer is authenticated; whether its certificate is revoked is being learned."""
    AUTH_ANSWERING = "auth answering"
    """Responder of Main Mode: the private key is at work for the sixth message."""
    AGGRESSIVE_ANSWERING = "aggressive answering"
    """Responder of Aggressive Mode: the private key is at work for the second message."""
    AGGRESSIVE_ANSWERED = "aggressive answered"
    """Responder of Aggressive Mode: the second message is sent; nobody has proven anything yet."""
    AUTHENTICATED = "authenticated"
    """Phase 1 is done, but XAUTH or mode config is still to come."""
    ESTABLISHED = "established"
    REKEYED = "rekeyed"
    """Replaced by another ISAKMP SA that has its Child SAs; waits to be deleted."""
    DELETING = "deleting"
    CLOSED = "closed"


class Trigger(Enum):
    """The messages that an ISAKMP SA may get; which one of its exchange it is, the state tells."""

    # As in `timers.Timer`.
    __hash__ = object.__hash__

    MAIN = "Main Mode message"
    AGGRESSIVE = "Aggressive Mode message"
    QUICK = "Quick Mode message"
    INFORMATIONAL = "Informational message"
    TRANSACTION = "Transaction message"


MESSAGE_TRIGGERS: dict[int, Trigger] = {
    ExchangeType.IDENTITY_PROTECTION: Trigger.MAIN,
    ExchangeType.AGGRESSIVE: Trigger.AGGRESSIVE,
    ExchangeType.QUICK_MODE: Trigger.QUICK,
    ExchangeType.INFORMATIONAL_V1: Trigger.INFORMATIONAL,
    ExchangeType.TRANSACTION: Trigger.TRANSACTION,
}
"""Exchange type of a message -> what it means to the ISAKMP SA."""
