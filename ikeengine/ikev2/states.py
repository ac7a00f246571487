"""The states of IKE SAs, and the messages that they may get."""

from __future__ import annotations

from enum import Enum

from ikeengine.registry import ExchangeType
from ikeengine.sa.states import SaState


class IkeState(SaState):
    """Where an IKE SA is in its life."""

    # As in `timers.Timer`.
    __hash__ = object.__hash__

    CREATED = "created"
    """Initiator: looking for a way to the peer."""
    INIT_SENT = "init sent"
    INTERMEDIATE_SENT = "intermediate sent"
    """Initiator: additional key exchanges are under way (RFC 9370)."""
    GETTING_STATUS = "getting status"
    """Initiator: the peer wants to know whether our certificate is revoked (RFC 4806)."""
    AUTH_SIGNING = "auth signing"
    """Initiator: the private key is at work for our IKE_AUTH request."""
    AUTH_SENT = "auth sent"
    CHECKING_RESPONDER = "checking responder"
    """Initiator: the peer is authenticated; whether its certificate is revoked is being learned."""
    INTERMEDIATE_AWAITED = "intermediate awaited"
    """Responder: half open, and additional key exchanges are still to come (RFC 9370)."""
    INIT_ANSWERED = "init answered"
    """Responder: half open; nobody has proven anything yet."""
    CHECKING_INITIATOR = "checking initiator"
    """Responder: the peer is authenticated; whether its certificate is revoked is being learned."""
    AUTH_ANSWERING = "auth answering"
    """Responder: the private key is at work for our IKE_AUTH response."""
    AUTH_CONTINUED = "auth continued"
    """Responder: a round of authentication is done, another one is to come (RFC 4739)."""
    REFUSED = "refused"
    """Responder: the peer is not authenticated; the SA stays only to repeat that answer until it times out."""
    ESTABLISHED = "established"
    REKEYED = "rekeyed"
    """Replaced by another IKE SA that has its Child SAs; waits to be deleted."""
    DELETING = "deleting"
    CLOSED = "closed"


class Trigger(Enum):
    """The messages that an IKE SA may get."""

    # As in `timers.Timer`.
    __hash__ = object.__hash__

    INIT_RESPONSE = "IKE_SA_INIT response"
    INTERMEDIATE_REQUEST = "IKE_INTERMEDIATE request"
    INTERMEDIATE_RESPONSE = "IKE_INTERMEDIATE response"
    AUTH_REQUEST = "IKE_AUTH request"
    AUTH_RESPONSE = "IKE_AUTH response"
    CHILD_REQUEST = "CREATE_CHILD_SA request"
    CHILD_RESPONSE = "CREATE_CHILD_SA response"
    FOLLOWUP_REQUEST = "IKE_FOLLOWUP_KE request"
    FOLLOWUP_RESPONSE = "IKE_FOLLOWUP_KE response"
    INFO_REQUEST = "INFORMATIONAL request"
    INFO_RESPONSE = "INFORMATIONAL response"


MESSAGE_TRIGGERS: dict[tuple[int, bool], Trigger] = {
    (ExchangeType.IKE_SA_INIT, True): Trigger.INIT_RESPONSE,
    (ExchangeType.IKE_INTERMEDIATE, False): Trigger.INTERMEDIATE_REQUEST,
    (ExchangeType.IKE_INTERMEDIATE, True): Trigger.INTERMEDIATE_RESPONSE,
    (ExchangeType.IKE_AUTH, False): Trigger.AUTH_REQUEST,
    (ExchangeType.IKE_AUTH, True): Trigger.AUTH_RESPONSE,
    (ExchangeType.CREATE_CHILD_SA, False): Trigger.CHILD_REQUEST,
    (ExchangeType.CREATE_CHILD_SA, True): Trigger.CHILD_RESPONSE,
    (ExchangeType.IKE_FOLLOWUP_KE, False): Trigger.FOLLOWUP_REQUEST,
    (ExchangeType.IKE_FOLLOWUP_KE, True): Trigger.FOLLOWUP_RESPONSE,
    (ExchangeType.INFORMATIONAL, False): Trigger.INFO_REQUEST,
    (ExchangeType.INFORMATIONAL, True): Trigger.INFO_RESPONSE,
}
"""(exchange type, is it a response) of a message -> what it means to the IKE SA."""
