"""What an operator can ask of the Endpoint (`Endpoint.command`). The answer is an `outputs.CommandDone`."""

from __future__ import annotations

from ikeengine.model.immutable import immutable
from ikeengine.model.path import Path
from ikeengine.model.sa import SaId
from ikeengine.model.selector import TrafficSelector


@immutable
class Initiate:
    """Establish a Child SA, or only the IKE SA when `child` is empty. `ike` may be empty if `child` is unique."""

    child: str = ""
    ike: str = ""


@immutable
class Terminate:
    """Close SAs by name or unique number. `force` does not wait for the peer's answer."""

    child: str = ""
    ike: str = ""
    child_id: int = 0
    ike_id: int = 0
    force: bool = False


@immutable
class Rekey:
    """Rekey SAs by name or unique number; `reauth` makes a new IKE SA from scratch instead."""

    child: str = ""
    ike: str = ""
    child_id: int = 0
    ike_id: int = 0
    reauth: bool = False


@immutable
class Packet:
    """The selectors of one packet: its own addresses, protocol and ports."""

    source: TrafficSelector
    destination: TrafficSelector


@immutable
class Acquire:
    """The datapath saw a packet that matches a trap policy."""

    owner: int
    """Owner number of the trap's PolicySet, 0 if only the reqid is known."""
    reqid: int = 0
    source: TrafficSelector | None = None
    destination: TrafficSelector | None = None

    @property
    def packet(self) -> Packet | None:
        """What the datapath tells about the packet, None if it does not."""
        if self.source is None or self.destination is None:
            return None
        return Packet(self.source, self.destination)


@immutable
class Install:
    """Set the trap of a child, or put its shunt into force. `ike` may be empty if `child` is unique."""

    child: str
    ike: str = ""


@immutable
class Uninstall:
    """Take the trap or shunt of a child back. SAs that it has brought up stay."""

    child: str
    ike: str = ""


@immutable
class SaExpired:
    """The datapath reports that an SA reached a volume or time limit."""

    sa: SaId
    hard: bool


@immutable
class NatMappingChanged:
    """The datapath saw an authentic UDP-encapsulated packet of a peer from another address or port than before."""

    sa: SaId
    address: str
    port: int


@immutable
class UnknownSpi:
    """The datapath got a packet for an SA that it does not have. `path` leads to its sender."""

    spi: int
    path: Path


@immutable
class NetworkChanged:
    """The addresses or routes of this host are others than before. `addresses` are all that a peer may reach us at."""

    addresses: tuple[str, ...]


@immutable
class Unreachable:
    """A datagram could not be sent, or an ICMP error came for one. Nobody has authenticated it."""

    path: Path
    reason: str


@immutable
class Shutdown:
    """Delete every SA and accept nothing new. Done when all Deletes are answered or given up."""


Command = (
    Initiate
    | Terminate
    | Rekey
    | Install
    | Uninstall
    | Acquire
    | SaExpired
    | NatMappingChanged
    | UnknownSpi
    | NetworkChanged
    | Unreachable
    | Shutdown
)
