"""The fragmentation of IKEv1 messages that Cisco, Microsoft and racoon agreed on and strongSwan has; no RFC has it.

A message is cut with its header, encrypted or not, and each piece travels in a message of its own with the same
cookies. Nothing in a fragment is authenticated: whoever sees one can forge another. So a set holds little, its owner
gives it a time and a share of memory, and what comes out of it is a message like any other that somebody sent.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from ikeengine.errors import InvalidSyntax, LocalMisuse
from ikeengine.ikev1.wire.message import GENERIC_LENGTH, ParsedMessage, write_message
from ikeengine.ikev1.wire.numbers import PayloadType
from ikeengine.ikev1.wire.payloads import Fragment
from ikeengine.ikev1.wire.payloads.fragment import LAYOUT
from ikeengine.ikev1.wire.rules import Step, check
from ikeengine.registry import ExchangeType
from ikeengine.wire.caps import MAX_FRAGMENTS, MAX_MESSAGE
from ikeengine.wire.header import HEADER_LENGTH, Header, read_header

FRAGMENT_ID: Final = 1
"""There is never more than one message in fragments under way."""

OVERHEAD: Final = HEADER_LENGTH + GENERIC_LENGTH + LAYOUT.size
"""Octets of a message with a fragment that are not the fragment's data."""


def cut(message: bytes, limit: int, exchange: ExchangeType) -> list[bytes]:
    """The messages of at most `limit` octets that carry a message in fragments; the message itself if it fits.

    `exchange` is that of the phase 1 under which the SA came to be, whatever the message is: peers expect nothing
    else. Raises LocalMisuse if there would be more fragments than their number can count.
    """
    if len(message) <= limit:
        return [message]
    size = limit - OVERHEAD
    if size <= 0 or len(message) > size * MAX_FRAGMENTS:
        raise LocalMisuse(f"a message of {len(message)} octets in fragments of {limit}")
    header = read_header(message)
    pieces = [message[at : at + size] for at in range(0, len(message), size)]
    return [
        write_message(
            header.spi_i, header.spi_r, exchange, 0, 0, [Fragment(FRAGMENT_ID, number, number == len(pieces), piece)]
        )
        for number, piece in enumerate(pieces, 1)
    ]


def is_fragment(header: Header) -> bool:
    """Whether a message holds a fragment."""
    return header.next_payload == PayloadType.FRAGMENT


@dataclass(slots=True)
class FragmentSet:
    """The fragments of one message, until it is complete. One per IKE SA."""

    key: tuple[bytes, bytes, int] = (b"", b"", 0)
    """The cookies and the fragment ID that all of them have."""
    parts: dict[int, bytes] = field(default_factory=dict)
    """Data by fragment number."""
    last: int = 0
    """The number of the last fragment, 0 as long as it is not there."""
    held: int = 0
    """Octets that count against limits."""
    sizes: tuple[int, ...] = ()
    """Octets of each fragment of the message that was complete last."""

    def add(self, parsed: ParsedMessage) -> bytes | None:
        """Take a fragment. The octets of the message, once it is complete; the set is empty then.

        A fragment with another ID begins another message. Raises InvalidSyntax for a fragment that cannot belong to
        a message with the others, which changes nothing; and for a message that is too large or turns out to be none,
        which is forgotten.
        """
        fragment, key = _read(parsed)
        if key != self.key:
            self.clear()
            self.key = key
        if fragment.number in self.parts:
            return None
        self._check_last(fragment)
        if self.held + len(fragment.data) > MAX_MESSAGE:
            self.clear()
            raise InvalidSyntax(f"fragments of a message of more than {MAX_MESSAGE} octets")
        self.parts[fragment.number] = fragment.data
        self.held += len(fragment.data)
        if fragment.is_last:
            self.last = fragment.number
        return self._merge() if len(self.parts) == self.last else None

    def clear(self) -> None:
        """Forget everything: the message did not become complete in time, or is."""
        self.parts.clear()
        self.last = self.held = 0

    def _check_last(self, fragment: Fragment) -> None:
        if fragment.is_last and (self.last or fragment.number < max(self.parts, default=0)):
            raise InvalidSyntax(f"fragment {fragment.number} is not the last one")
        if self.last and fragment.number > self.last:
            raise InvalidSyntax(f"fragment {fragment.number} behind the last one, {self.last}")

    def _merge(self) -> bytes:
        pieces = [self.parts[number] for number in range(1, self.last + 1)]
        message, self.sizes = b"".join(pieces), tuple(map(len, pieces))
        self.clear()
        header = read_header(message)
        if is_fragment(header):
            raise InvalidSyntax("a fragment in fragments")
        if (header.major, header.spi_i, header.spi_r) != (1, *self.key[:2]):
            raise InvalidSyntax("fragments of a message of another IKE SA")
        return message


@dataclass(slots=True)
class Partial:
    """A message of which only some fragments have come, and whose memory it takes."""

    parts: FragmentSet = field(default_factory=FragmentSet)
    began_at: float = 0.0
    source: str = ""
    counted: int = 0
    """Octets that this source is charged with."""


def _read(parsed: ParsedMessage) -> tuple[Fragment, tuple[bytes, bytes, int]]:
    """The fragment of a message, and what those that belong to it have in common."""
    check(Step.FRAGMENT, parsed.chain.payloads, encrypted=parsed.is_encrypted)
    fragment = parsed.chain.first(Fragment)
    if fragment is None:
        raise AssertionError("the rules ask for one")
    if fragment.number == MAX_FRAGMENTS and not fragment.is_last:
        raise InvalidSyntax(f"more than {MAX_FRAGMENTS} fragments")
    return fragment, (parsed.header.spi_i, parsed.header.spi_r, fragment.id)
