"""Which SAs a reload takes down: what an operator wants to know before anything is changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ikeengine.config.diff import PlanAction, PlanEntry
from ikeengine.model.connection import ConnectionConfig
from ikeengine.model.immutable import immutable
from ikeengine.model.status import ChildStatus, IkeStatus
from ikeengine.negotiate.identities import format_identity
from ikeengine.sa.children.traps import SHUNTS

_GONE = ("REKEYED", "DELETING", "DELETED", "DESTROYING")
"""What is on its way out already is not taken down by us."""


@immutable
class Drop:
    """An SA that goes: an IKE SA with all its Child SAs, or one Child SA, whose IKE SA stays.

    A Child SA whose section has changed is none of them, because its successor comes first (renewal.py).
    """

    connection: str
    unique_id: int
    peer: str
    peer_id: str
    since: float | None
    """When it was established, on the clock of the core; None if it is still connecting."""
    children: tuple[str, ...]
    child: str = ""
    """The Child SA, empty if the IKE SA goes."""
    again: bool = False
    """Whether the connection stays configured, so that it can be established anew."""


def drops(
    entries: Iterable[PlanEntry], connections: Mapping[str, ConnectionConfig], sas: Iterable[IkeStatus]
) -> tuple[Drop, ...]:
    """The SAs that carrying out a plan takes down, by connection. `connections` are those of the new configuration."""
    actions = {entry.connection: entry.action for entry in entries}
    up = (sa for sa in sas if sa.state not in _GONE)
    found = [drop for sa in up for drop in _of(sa, actions.get(sa.name), connections.get(sa.name))]
    return tuple(sorted(found, key=lambda drop: (drop.connection, drop.unique_id)))


def _of(sa: IkeStatus, action: PlanAction | None, config: ConnectionConfig | None) -> Iterator[Drop]:
    if action in (PlanAction.REMOVE, PlanAction.REPLACE):
        names = tuple(child.name for child in sa.children if child.state not in _GONE)
        yield _drop(sa, sa.unique_id, sa.established_at, names, again=action is PlanAction.REPLACE)
    elif action is PlanAction.CHILD and config is not None:
        for child in sa.children:
            if child.state not in _GONE and not _stays(child, config):
                yield _drop(sa, child.unique_id, child.installed_at, (child.name,), child=child.name)


def _stays(child: ChildStatus, config: ConnectionConfig) -> bool:
    wanted = config.children.get(child.name)
    return wanted is not None and wanted.mode not in SHUNTS


def _drop(
    sa: IkeStatus, unique_id: int, since: float | None, names: tuple[str, ...], *, child: str = "", again: bool = False
) -> Drop:
    peer_id = format_identity(sa.remote_id) if sa.remote_id is not None else ""
    return Drop(sa.name, unique_id, str(sa.path.remote), peer_id, since, names, child, again)
