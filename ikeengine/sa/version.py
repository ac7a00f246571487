"""What a version of IKE has to be able to do, so that everything above it need not know which one it is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from ikeengine.model.commands import NatMappingChanged, Packet, UnknownSpi
from ikeengine.model.connection import ChildConfig, ConnectionConfig
from ikeengine.model.path import Path
from ikeengine.outputs import OpId
from ikeengine.sa.states import Answer, Closing
from ikeengine.wire.header import Header

if TYPE_CHECKING:
    from ikeengine.sa.context import Context, Wanted
    from ikeengine.sa.ike_sa import IkeSa
    from ikeengine.sa.task import Task


class IkeVersion(ABC):
    """One version of IKE at an endpoint."""

    number: ClassVar[int]
    """The major version in the IKE header."""
    calls_back: ClassVar[bool]
    """Whether a responder may authenticate an initiator again whose address it knows only from there."""
    first_child_follows: ClassVar[float]
    """Seconds that an initiator needs from an IKE SA to its first Child SA; 0 if both come together."""

    @abstractmethod
    def __init__(self, ctx: Context) -> None: ...

    # --- what comes in ----------------------------------------------------------------------------------------

    @abstractmethod
    def receive(self, header: Header, data: bytes, path: Path) -> None:
        """A datagram of this version. Never raises for anything that a peer may send."""

    @abstractmethod
    def refuse_version(self, header: Header, path: Path) -> None:
        """A request of a version that is newer than any that is spoken here."""

    @abstractmethod
    def take(self, sa: IkeSa, what: Answer, subject: object) -> None:
        """What an IKE SA has asked the shell for is here."""

    @abstractmethod
    def handle_timers(self, sa: IkeSa) -> None:
        """Do what has fallen due on an IKE SA."""

    @abstractmethod
    def complain(self, event: UnknownSpi) -> None:
        """An ESP packet has come for an SA that is not there: tell its sender, if that is wanted."""

    @abstractmethod
    def follow(self, sa: IkeSa, event: NatMappingChanged) -> None:
        """Authentic ESP packets of the peer come from another address or port."""

    @abstractmethod
    def network_changed(self) -> None:
        """This host has other addresses or routes."""

    # --- IKE SAs ----------------------------------------------------------------------------------------------

    @abstractmethod
    def new_ike_sa(self, config: ConnectionConfig, attempt: int, remote: str) -> IkeSa:
        """An IKE SA that we initiate. `remote` is the peer, if the connection leaves that open."""

    @abstractmethod
    def start_next(self, sa: IkeSa) -> None:
        """Begin with the next task, if there is one and nothing is under way."""

    @abstractmethod
    def say_goodbye(self, sa: IkeSa) -> None:
        """Tell an authenticated peer that an IKE SA ends, without waiting for an answer; if nothing is under way."""

    @abstractmethod
    def reauthenticate(self, old: IkeSa, config: ConnectionConfig, wanted: Wanted) -> None:
        """Replace an established IKE SA by a new one, with authentication."""

    @abstractmethod
    def release(self, sa: IkeSa) -> None:
        """An IKE SA ends: give back what only this version knows of."""

    # --- tasks ------------------------------------------------------------------------------------------------

    @abstractmethod
    def create_child(
        self,
        config: ChildConfig,
        *,
        refused: int = 0,
        packet: Packet | None = None,
        renews: bool = False,
        ops: tuple[OpId, ...] = (),
    ) -> Task:
        """Bring up a Child SA. `renews`: in place of those of an older configuration, which stay until it is up."""

    @abstractmethod
    def rekey_child(self, child_id: int, ops: tuple[OpId, ...] = ()) -> Task:
        """Replace a Child SA by one with fresh keys."""

    @abstractmethod
    def delete_child(
        self, child_id: int, *, restart: bool = False, for_good: bool = False, ops: tuple[OpId, ...] = ()
    ) -> Task:
        """Close a Child SA. `restart`: bring it up again then; `for_good`: its replacement goes as well."""

    @abstractmethod
    def rekey_ike(self, ops: tuple[OpId, ...] = ()) -> Task:
        """Replace the IKE SA by one with fresh keys."""

    @abstractmethod
    def delete_ike(self, why: Closing = Closing.TERMINATED, ops: tuple[OpId, ...] = ()) -> Task:
        """Close the IKE SA with everything in it."""
