"""Every IKE SA of an endpoint, by each of the keys that messages, operators and the datapath use."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from ikeengine.limits import FragmentMemory, HalfOpenLimits
from ikeengine.model.identity import Identity
from ikeengine.model.path import Path
from ikeengine.negotiate.identities import canonical

if TYPE_CHECKING:
    from ikeengine.sa.ike_sa import IkeSa


class SaTable:
    """IKE SAs by local SPI, a responder's also by what their initiator sent, Child SAs by inbound SPI."""

    __slots__ = (
        "_by_identities",
        "_by_init",
        "_by_name",
        "_by_spi",
        "_child_owners",
        "_child_spis",
        "fragments",
        "limits",
    )

    def __init__(self) -> None:
        self._by_spi: dict[bytes, IkeSa] = {}
        self._child_owners: dict[int, IkeSa] = {}
        self._child_spis: dict[int, int] = {}
        self._by_init: dict[tuple[str, int, bytes], bytes] = {}
        self._by_identities: dict[Hashable, dict[bytes, IkeSa]] = {}
        self._by_name: dict[str, dict[bytes, IkeSa]] = {}
        self.limits = HalfOpenLimits()
        self.fragments = FragmentMemory()

    def add(self, sa: IkeSa) -> None:
        """Take in an IKE SA."""
        self._by_spi[sa.local_spi] = sa
        if sa.is_initiator:
            self._by_name.setdefault(sa.name, {})[sa.local_spi] = sa

    def add_half_open(self, sa: IkeSa) -> None:
        """Take in an IKE SA of a responder, which counts against the limits until it is authenticated."""
        self.add(sa)
        self._by_init[sa.path.remote, sa.path.remote_port, sa.spi_i] = sa.spi_r
        sa.init_path = sa.path
        sa.is_half_open = True
        self.limits.opened(sa.path.remote)

    def authenticated(self, sa: IkeSa) -> None:
        """An IKE SA is no longer half open."""
        if sa.is_half_open and sa.init_path is not None:
            sa.is_half_open = False
            self.limits.closed(sa.init_path.remote)

    def remove(self, sa: IkeSa) -> None:
        """Forget an IKE SA."""
        self.authenticated(sa)
        if sa.init_path is not None:
            self._by_init.pop((sa.init_path.remote, sa.init_path.remote_port, sa.spi_i), None)
        self._by_spi.pop(sa.local_spi, None)
        _discard(self._by_name, sa.name, sa.local_spi)
        _discard(self._by_identities, _pair(sa.local_id, sa.peer_identity), sa.local_spi)

    def established(self, sa: IkeSa) -> None:
        """Both identities of an IKE SA are proven, and with them its connection."""
        self._by_name.setdefault(sa.name, {})[sa.local_spi] = sa
        self._by_identities.setdefault(_pair(sa.local_id, sa.peer_identity), {})[sa.local_spi] = sa

    def of_identities(self, local: Identity | None, remote: Identity | None) -> list[IkeSa]:
        """The established IKE SAs between two identities, however a peer may encode its distinguished name."""
        return list(self.look_through(local, remote))

    def look_through(self, local: Identity | None, remote: Identity | None) -> Iterable[IkeSa]:
        """The same for a search that may end early, and changes nothing: there may be thousands."""
        return self._by_identities.get(_pair(local, remote), {}).values()

    def of_connection(self, name: str) -> list[IkeSa]:
        """The IKE SAs of a connection: those that we initiate, and every established one."""
        return list(self._by_name.get(name, {}).values())

    def find(self, local_spi: bytes) -> IkeSa | None:
        """The IKE SA with this local SPI."""
        return self._by_spi.get(local_spi)

    def find_by_init(self, path: Path, spi_i: bytes) -> IkeSa | None:
        """The IKE SA that an IKE_SA_INIT request from there with this SPI has created before."""
        local_spi = self._by_init.get((path.remote, path.remote_port, spi_i))
        return None if local_spi is None else self._by_spi.get(local_spi)

    def add_child(self, spi_in: int, unique_id: int, sa: IkeSa) -> None:
        """A Child SA is now this IKE SA's."""
        self._child_owners[unique_id] = sa
        self._child_spis[spi_in] = unique_id

    def remove_child(self, spi_in: int) -> None:
        """Forget a Child SA."""
        unique_id = self._child_spis.pop(spi_in, 0)
        self._child_owners.pop(unique_id, None)

    def has_child(self, spi_in: int) -> bool:
        """Whether an inbound SPI is in use."""
        return spi_in in self._child_spis

    def of_child_spi(self, spi_in: int) -> IkeSa | None:
        """The IKE SA that has the Child SA with this inbound SPI."""
        return self._child_owners.get(self._child_spis.get(spi_in, 0))

    def of_child(self, unique_id: int) -> IkeSa | None:
        """The IKE SA that has this Child SA."""
        return self._child_owners.get(unique_id)

    def __iter__(self) -> Iterator[IkeSa]:
        return iter(list(self._by_spi.values()))

    def __len__(self) -> int:
        return len(self._by_spi)


def _pair(local: Identity | None, remote: Identity | None) -> Hashable:
    return tuple(None if identity is None else canonical(identity) for identity in (local, remote))


def _discard(index: dict[Any, dict[bytes, IkeSa]], key: object, local_spi: bytes) -> None:
    entries = index.get(key)
    if entries is not None:
        entries.pop(local_spi, None)
        if not entries:
            del index[key]
