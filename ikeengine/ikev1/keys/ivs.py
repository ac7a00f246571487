"""The IVs of an ISAKMP SA: one chain for phase 1 and one for each exchange after it (RFC 2409 appendix B).

A message that does not prove genuine must not move a chain, or anybody could break an exchange with one forged
datagram. So asking for an IV changes nothing, and `commit` is called for messages that we send and for messages whose
HASH was right.
"""

from __future__ import annotations

from copy import copy
from typing import Self

from ikeengine.crypto.prf import hash_prf

MAX_CHAINS = 64
"""Exchanges whose IVs are kept at a time. The one that was quiet longest makes room."""

PHASE_1 = 0
"""The message ID of phase 1 (RFC 2408 section 3.1)."""


class IvState:
    """The next IV of every exchange. Cheap to copy."""

    __slots__ = ("_block", "_chains", "_phase1", "_prf_id")

    def __init__(self, prf_id: int, block: int, g_xi: bytes, g_xr: bytes) -> None:
        """The first IV of phase 1 is hash(g^xi | g^xr), cut to one block."""
        self._prf_id = prf_id
        self._block = block
        self._phase1 = hash_prf(prf_id).hash(g_xi + g_xr)[:block]
        self._chains: dict[int, bytes] = {}

    def next_iv(self, message_id: int) -> bytes:
        """The IV of the next message of an exchange, sent or received."""
        if message_id == PHASE_1:
            return self._phase1
        return self._chains.get(message_id) or self.first_iv(message_id)

    def commit(self, message_id: int, next_iv: bytes) -> None:
        """Move the chain of an exchange behind a message: `next_iv` is its last block of ciphertext.

        After phase 1 nothing must be committed to it, because the first IV of every other exchange hangs on it.
        """
        if message_id == PHASE_1:
            self._phase1 = next_iv
            return
        self._chains.pop(message_id, None)
        if len(self._chains) == MAX_CHAINS:
            del self._chains[next(iter(self._chains))]
        self._chains[message_id] = next_iv

    def forget(self, message_id: int) -> None:
        """An exchange is over."""
        self._chains.pop(message_id, None)

    def copy(self) -> Self:
        """An independent state with the same IVs."""
        other = copy(self)
        other._chains = dict(self._chains)
        return other

    def first_iv(self, message_id: int) -> bytes:
        """The IV of the first message of an exchange: hash(last block of phase 1 | M-ID), cut to one block."""
        return hash_prf(self._prf_id).hash(self._phase1 + message_id.to_bytes(4, "big"))[: self._block]
