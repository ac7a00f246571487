"""What an ISAKMP SA still needs between phase 1 and its use: a password of XAUTH, an address of mode config."""

from __future__ import annotations

from dataclasses import dataclass, field

from ikeengine.ikev1.exchanges.xauth import Login
from ikeengine.model.connection import AuthKind, ConnectionConfig, LocalAuth, RemoteAuth
from ikeengine.model.failure import FailureRecord


@dataclass(slots=True)
class Admission:
    """How far it has come."""

    initial_contact: bool
    """Whether the peer has said INITIAL_CONTACT in phase 1."""
    needs_password: bool
    needs_address: bool
    login: Login = field(default_factory=Login)
    """Gateway: what the client has told so far. Client: how often it was asked."""
    refusal: FailureRecord | None = None
    """Why the client is not let in; it is just being told."""

    @property
    def is_complete(self) -> bool:
        """Whether the ISAKMP SA may be used."""
        return not (self.needs_password or self.needs_address)


def admission(config: ConnectionConfig, *, initial_contact: bool) -> Admission:
    """What a connection demands."""
    needs_password = own_login(config) is not None or demanded_login(config) is not None
    return Admission(initial_contact, needs_password, needs_address=bool(config.vips or config.pools))


def own_login(config: ConnectionConfig) -> LocalAuth | None:
    """How we log in at the gateway; None if we do not."""
    return next((auth for auth in config.local if auth.auth is AuthKind.XAUTH), None)


def demanded_login(config: ConnectionConfig) -> RemoteAuth | None:
    """How the client has to log in; None if it does not."""
    return next((auth for auth in config.remote if auth.auth is AuthKind.XAUTH), None)
