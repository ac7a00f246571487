"""Fragments of first messages, from senders of whom nothing is known: no more than a few messages for a short time."""

from __future__ import annotations

from typing import Final

from ikeengine.ikev1.messages import reassembly
from ikeengine.ikev1.messages.fragments import Partial
from ikeengine.model.path import Path
from ikeengine.sa.context import Context
from ikeengine.wire.header import Header

MAX_FIRST_MESSAGES: Final = 64
"""First messages in fragments at the same time; the oldest one makes room for another."""


class FirstFragments:
    """The first messages that are not complete, by address, port and cookie of their senders."""

    __slots__ = ("_ctx", "_partials")

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._partials: dict[tuple[str, int, bytes], Partial] = {}

    def add(self, header: Header, data: bytes, path: Path) -> bytes | None:
        """Take a fragment. The message, once it is complete."""
        self._expire()
        key = path.remote, path.remote_port, header.spi_i
        partial = self._partials.setdefault(key, Partial())
        message = reassembly.collect(self._ctx, partial, header, data, path)
        if not partial.counted:
            del self._partials[key]
        elif len(self._partials) > MAX_FIRST_MESSAGES:
            self._forget(next(iter(self._partials)))
        return message

    def _expire(self) -> None:
        limit = self._ctx.now - reassembly.TIMEOUT
        for key in [key for key, partial in self._partials.items() if partial.began_at <= limit]:
            self._forget(key)

    def _forget(self, key: tuple[str, int, bytes]) -> None:
        reassembly.forget(self._ctx, self._partials.pop(key))
