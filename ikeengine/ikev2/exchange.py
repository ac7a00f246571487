"""An exchange that we initiate on an established IKE SA: a task in its queue."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from ikeengine.ikev2.messages.received import Received
from ikeengine.model.secret import Secret
from ikeengine.registry import ExchangeType
from ikeengine.sa.task import Task
from ikeengine.wire.payloads import Payload

if TYPE_CHECKING:
    from ikeengine.ikev2.exchanges.followup_ke import Followup
    from ikeengine.ikev2.sa import IkeSa
    from ikeengine.sa.context import Context


@dataclass(slots=True, kw_only=True)
class Exchange(Task):
    """One request of ours and what its response does. Only one at a time is under way (a window of one)."""

    type: ClassVar[ExchangeType]

    followup: Followup | None = None
    """The additional key exchanges that the answer has made necessary (RFC 9370)."""
    deleted: set[int] = field(default_factory=set)
    """SPIs that the peer has deleted before we knew them: its Delete has overtaken the answer that made them."""

    @abstractmethod
    def request(self, ctx: Context, sa: IkeSa) -> Sequence[Payload] | None:
        """The payloads of the request, or None if there is nothing left to do."""

    @abstractmethod
    def response(self, ctx: Context, sa: IkeSa, message: Received) -> None:
        """The peer has answered."""

    @property
    def more_secrets(self) -> tuple[Secret, ...]:
        """The results of the additional key exchanges."""
        return () if self.followup is None else tuple(self.followup.secrets)

    def gives_way(self, ctx: Context, sa: IkeSa, nonce_peer: bytes) -> bool:
        """Whether this ends here, because the peer does the same and its exchange is the one that survives."""
        return False
