"""Exceptions by blame. Each knows the Notify that tells the peer, if the peer is to be told at all (design D12).

The text of an exception is for the operator; it never travels to the peer.
"""

from __future__ import annotations

from ikeengine.registry import NotifyType


class IkeError(Exception):
    """Base of everything the engine raises on purpose."""


class PeerMisbehaved(IkeError):
    """The peer broke the protocol. `notify` is what to answer inside a protected exchange, or None for silence."""

    notify: NotifyType | None = NotifyType.INVALID_SYNTAX
    data: bytes = b""


class InvalidSyntax(PeerMisbehaved):
    """A message or payload is malformed (RFC 7296 section 3.10.1, INVALID_SYNTAX)."""


class UnsupportedCriticalPayload(PeerMisbehaved):
    """A payload with the critical bit that we do not know (RFC 7296 section 2.5). `data` is its one-octet type."""

    notify = NotifyType.UNSUPPORTED_CRITICAL_PAYLOAD

    def __init__(self, payload_type: int) -> None:
        super().__init__(f"critical payload type {payload_type} is not supported")
        self.payload_type = payload_type
        self.data = bytes([payload_type])


class IntegrityFailed(PeerMisbehaved):
    """An integrity check value does not match. Never answered: the sender is not proven to be the peer."""

    notify = None


class PeerIncompatible(IkeError):
    """The peer behaves, but wants something else than our configuration."""

    notify: NotifyType = NotifyType.NO_PROPOSAL_CHOSEN
    data: bytes = b""


class NoProposalChosen(PeerIncompatible):
    """No proposal is acceptable to both sides."""


class TsUnacceptable(PeerIncompatible):
    """The traffic selectors have nothing in common (RFC 7296 section 2.9)."""

    notify = NotifyType.TS_UNACCEPTABLE


class SinglePairRequired(PeerIncompatible):
    """Traffic selectors for one pair of addresses only are acceptable (RFC 7296 section 2.9)."""

    notify = NotifyType.SINGLE_PAIR_REQUIRED


class NoAdditionalSas(PeerIncompatible):
    """The peer has as many Child SAs as it may have (RFC 7296 section 1.3)."""

    notify = NotifyType.NO_ADDITIONAL_SAS


class InvalidKeGroup(PeerIncompatible):
    """The KE payload uses another group than the chosen one (RFC 7296 section 1.3). `group` is the one we want."""

    notify = NotifyType.INVALID_KE_PAYLOAD

    def __init__(self, group: int) -> None:
        super().__init__(f"the peer must use key exchange method {group}")
        self.group = group
        self.data = group.to_bytes(2, "big")


class AuthFailed(IkeError):
    """Somebody could not prove an identity. `check` names the check that failed, in words a person can search for."""

    notify = NotifyType.AUTHENTICATION_FAILED

    def __init__(self, check: str, detail: str) -> None:
        super().__init__(f"{check}: {detail}")
        self.check = check
        self.detail = detail


class LocalMisuse(IkeError):
    """Our own configuration or caller asked for something impossible."""


class DatapathError(IkeError):
    """The kernel or the userspace datapath refused an operation."""
