"""Several authentication rounds (RFC 4739): how far each side has come, and what is still to be proven."""

from __future__ import annotations

from dataclasses import dataclass

from ikeengine.errors import AuthFailed, LocalMisuse
from ikeengine.ikev2.messages.received import Received
from ikeengine.model.connection import ConnectionConfig, LocalAuth, RemoteAuth
from ikeengine.registry import NotifyType
from ikeengine.wire.payloads import Notify, Payload


@dataclass(slots=True)
class Rounds:
    """The rounds of one IKE SA. A side is through when its last AUTH payload came without ANOTHER_AUTH_FOLLOWS."""

    peer_can: bool = False
    """The peer announced MULTIPLE_AUTH_SUPPORTED."""
    own: int = 0
    """How many AUTH payloads we have made."""
    peer: int = 0
    """How many AUTH payloads of the peer were right."""
    peer_follows: bool = True
    """The next message of the peer has to hold an AUTH payload."""

    def own_follows(self, connection: ConnectionConfig) -> bool:
        """Whether our next message has to hold an AUTH payload."""
        return self.own < len(connection.local)

    def are_over(self, connection: ConnectionConfig) -> bool:
        """Whether both sides are authenticated."""
        return not self.peer_follows and not self.own_follows(connection)

    def local(self, connection: ConnectionConfig) -> LocalAuth:
        """How we authenticate in our present round. Raises LocalMisuse for a second one that the peer cannot take."""
        if len(connection.local) > 1 and not self.peer_can:
            raise LocalMisuse("the peer does not support several authentication rounds (no MULTIPLE_AUTH_SUPPORTED)")
        return connection.local[self.own]

    def remote(self, connection: ConnectionConfig) -> RemoteAuth:
        """What we demand of the peer in its present round. Raises AuthFailed for one more than there are."""
        if self.peer >= len(connection.remote):
            raise AuthFailed("rounds", f"the peer authenticates more often than {_sections(connection)} demand")
        return connection.remote[self.peer]

    def count_own(self, connection: ConnectionConfig) -> list[Payload]:
        """We have made an AUTH payload. Returns what has to stand beside it."""
        self.own += 1
        return [Notify(NotifyType.ANOTHER_AUTH_FOLLOWS)] if self.own_follows(connection) else []

    def count_peer(self, connection: ConnectionConfig, message: Received) -> None:
        """An AUTH payload of the peer was right. Raises AuthFailed if it was the last one, and we demand more."""
        self.peer += 1
        self.peer_follows = message.notify(NotifyType.ANOTHER_AUTH_FOLLOWS) is not None
        if not self.peer_follows and self.peer < len(connection.remote):
            counted = f"{self.peer} of {len(connection.remote)}"
            raise AuthFailed("rounds", f"the peer ends after {counted} rounds; {_sections(connection)} demand them all")


def _sections(connection: ConnectionConfig) -> str:
    many = len(connection.remote) > 1
    return f"the {len(connection.remote)} `remote` section{'s' if many else ''} of {connection.name}"
