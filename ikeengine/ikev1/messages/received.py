"""A message that may be acted on, as its handler gets it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from ikeengine.errors import InvalidSyntax
from ikeengine.ikev1.wire.message import Chain
from ikeengine.ikev1.wire.payloads import Payload
from ikeengine.ikev1.wire.rules import Step
from ikeengine.model.immutable import immutable
from ikeengine.model.path import Path

if TYPE_CHECKING:
    from ikeengine.ikev1.messages.conversation import Conversation

_P = TypeVar("_P", bound=Payload)


@immutable
class Received:
    """A message that has passed the rules; one that is encrypted has proven its HASH, if that needs no signature."""

    step: Step
    chain: Chain
    data: bytes
    path: Path
    conversation: Conversation
    encrypted: bool
    has_commit_bit: bool
    """Flag C, which no HASH covers."""

    def find(self, kind: type[_P]) -> _P | None:
        """The first payload of a kind."""
        return self.chain.first(kind)

    def all(self, kind: type[_P]) -> list[_P]:
        """The payloads of a kind in their order."""
        return self.chain.all(kind)

    def require(self, kind: type[_P]) -> _P:
        """The payload of a kind that the rules demand. Raises InvalidSyntax if it is not there after all."""
        found = self.chain.first(kind)
        if found is None:
            raise InvalidSyntax(f"{self.step.value} without {kind.__name__}")
        return found
