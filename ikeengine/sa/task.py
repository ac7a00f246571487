"""What is to be done on an IKE SA, in words of both versions. Each says it to the peer in its own way."""

from __future__ import annotations

from abc import ABC
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, ClassVar

from ikeengine.model.commands import Packet
from ikeengine.model.connection import ChildConfig
from ikeengine.model.failure import FailureRecord
from ikeengine.outputs import OpId

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ikeengine.sa.context import Context
    from ikeengine.sa.ike_sa import IkeSa


class TaskKind(Enum):
    """What a task is for."""

    # As in `timers.Timer`.
    __hash__ = object.__hash__

    CREATE_CHILD = "create a Child SA"
    REKEY_CHILD = "rekey a Child SA"
    DELETE_CHILD = "delete a Child SA"
    REKEY_IKE = "rekey the IKE SA"
    DELETE_IKE = "delete the IKE SA"
    OTHER = "something else"


@dataclass(slots=True, kw_only=True)
class Task(ABC):
    """One task in the queue of an IKE SA. Fields that say nothing to a kind of task have their defaults."""

    name: ClassVar[str]
    """strongSwan's name of the task."""
    kind: ClassVar[TaskKind] = TaskKind.OTHER

    ops: tuple[OpId, ...] = ()
    """Commands that wait for the outcome."""
    config: ChildConfig | None = None
    """The child that is to come up."""
    packet: Packet | None = None
    """The packet that it is wanted for: its selectors go first (RFC 7296 section 2.9)."""
    if_missing: bool = False
    """Only if there is none yet: it was wanted on another IKE SA, before the peer has initiated this one."""
    child_id: int = 0
    """Number of the Child SA that is rekeyed or deleted."""
    for_good: bool = False
    """The tunnel is to go, not just this Child SA: if it is rekeyed before, its replacement is deleted."""

    @property
    def brings_up(self) -> str:
        """Name of the child that is to come up, empty if none is."""
        return "" if self.config is None else self.config.name

    def abandon(self, ctx: Context, sa: IkeSa, reason: str, record: FailureRecord | None = None) -> None:
        """There will be no answer, because the IKE SA is going away."""
        ctx.answer(self.ops, ok=False, reason=reason, record=record)


def pending(sa: IkeSa) -> Iterator[Task]:
    """What is under way, and then what waits."""
    if sa.active is not None:
        yield sa.active
    yield from sa.queue


def is_queued(sa: IkeSa, kind: TaskKind, child_id: int = 0) -> bool:
    """Whether a task of this kind (for this Child SA) is under way or waits."""
    return any(task.kind is kind and task.child_id == child_id for task in pending(sa))
