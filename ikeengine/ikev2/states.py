"""The states of IKE SAs and Child SAs, and what can happen to an IKE SA."""

from __future__ import annotations

from enum import Enum

from ikeengine.registry import ExchangeType


class IkeState(Enum):
    """Where an IKE SA is in its life. The names shown to operators are strongSwan's (`shown`)."""

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

    @property
    def shown(self) -> str:
        """strongSwan's name of the state."""
        return _SHOWN.get(self, "CONNECTING")

    @property
    def is_connecting(self) -> bool:
        """Whether the IKE SA is not authenticated yet."""
        return self in _CONNECTING


_CONNECTING = frozenset(
    {
        IkeState.CREATED,
        IkeState.INIT_SENT,
        IkeState.INTERMEDIATE_SENT,
        IkeState.INTERMEDIATE_AWAITED,
        IkeState.AUTH_SIGNING,
        IkeState.GETTING_STATUS,
        IkeState.AUTH_SENT,
        IkeState.CHECKING_RESPONDER,
        IkeState.INIT_ANSWERED,
        IkeState.CHECKING_INITIATOR,
        IkeState.AUTH_ANSWERING,
        IkeState.AUTH_CONTINUED,
        IkeState.REFUSED,
    }
)
_SHOWN = {
    IkeState.ESTABLISHED: "ESTABLISHED",
    IkeState.REKEYED: "REKEYED",
    IkeState.DELETING: "DELETING",
    IkeState.CLOSED: "DESTROYING",
}


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


class Trigger(Enum):
    """What can happen to an IKE SA: a message, or the end of something that it asked for."""

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
    PATH_FOUND = "path to the peer"
    SIGNED = "signature"
    FETCHED = "CRL or OCSP response"
    LOOKED_UP = "certificate by hash and URL"
    USAGE = "counters of a Child SA"
    ROUTES = "routes to the peer's addresses"


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
