"""An exchange on an ISAKMP SA: one of ours is a task in its queue, one of the peer's comes with its first message."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ikeengine.ikev1.keys.hashes import hash_1
from ikeengine.ikev1.wire.rules import Step
from ikeengine.registry import ExchangeType
from ikeengine.sa.task import Task

if TYPE_CHECKING:
    from ikeengine.ikev1.messages.received import Received
    from ikeengine.ikev1.sa import IkeSa
    from ikeengine.model.failure import FailureRecord
    from ikeengine.sa.children.data import ChildSa
    from ikeengine.sa.context import Context


@dataclass(slots=True, kw_only=True)
class Exchange(Task):
    """What begins an exchange of ours and what the answer does. Only one at a time is under way."""

    type: ClassVar[ExchangeType]
    expects: ClassVar[Step] = Step.INFORMATIONAL
    """The message that comes next."""
    most_repeats: ClassVar[int | None] = None
    """How often our message is repeated at most; None as the configuration says."""

    @abstractmethod
    def begin(self, ctx: Context, sa: IkeSa) -> bool:
        """Send the first message. False if nothing is left to wait for."""

    def receive(self, ctx: Context, sa: IkeSa, message: Received) -> None:
        """The peer has answered. PeerMisbehaved and PeerIncompatible become the failure of the exchange."""

    def ask_otherwise(self, ctx: Context, sa: IkeSa, reason: str) -> bool:
        """The peer refuses: whether another way to ask for the same is in the queue now."""
        return False

    def awaits(self, child: ChildSa) -> bool:
        """Whether a Child SA is only half there until this exchange ends."""
        return False

    def hash_of(self, sa: IkeSa, message_id: int, rest: bytes) -> bytes:
        """What the HASH payload of the next message must hold; `rest` is everything behind it."""
        return hash_1(sa.prf_id, sa.keyring.keys.skeyid_a, message_id, rest)

    def discard(self, ctx: Context, sa: IkeSa) -> None:
        """The ISAKMP SA is gone, and what has replaced it knows nothing of this exchange."""

    def give_up(self, ctx: Context, sa: IkeSa, record: FailureRecord) -> bool:
        """The peer does not answer. True if that says that it is dead."""
        self.abandon(ctx, sa, record.reason, record)
        return True
