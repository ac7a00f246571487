"""The private keys at work, in threads: an RSA-4096 signature takes milliseconds, in which OpenSSL lets others go on.

An IKE SA asks for one signature at a time, so the answers of several threads cannot come in a wrong order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from ikeengine.errors import LocalMisuse
from ikeengine.outputs import AskSignature

WORKERS = 4

Answer = Callable[[bytes | LocalMisuse], None]


class Signer(Protocol):
    """Who holds the private keys."""

    def sign(self, key_id: bytes, scheme: str, data: bytes) -> bytes:
        """A signature. Called in any thread. Raises LocalMisuse."""


class SigningThreads:
    """Answers AskSignature."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer
        self._threads = ThreadPoolExecutor(WORKERS, thread_name_prefix="sign")
        self._tasks: set[asyncio.Task[None]] = set()

    def close(self) -> None:
        """Stop; what is not signed yet is not answered."""
        for task in self._tasks:
            task.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def sign(self, ask: AskSignature, answer: Answer) -> None:
        """Call `answer` with the signature, or the reason why there is none, from the event loop."""
        task = asyncio.get_running_loop().create_task(self._sign(ask, answer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _sign(self, ask: AskSignature, answer: Answer) -> None:
        result: bytes | LocalMisuse
        try:
            loop = asyncio.get_running_loop()
            result = await loop.run_in_executor(self._threads, self._signer.sign, ask.key_id, ask.scheme, ask.data)
        except LocalMisuse as error:
            result = error
        except Exception as error:  # noqa: BLE001 - the IKE SA waits for an answer, and would wait for ever
            result = LocalMisuse(f"internal error while signing: {error!r}")
        answer(result)
