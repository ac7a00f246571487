"""Checking passwords of XAUTH with a program (`engine.xauth_command`), such as one that asks PAM or RADIUS.

The program gets the user name and the password as two lines on its standard input, so that no list of processes shows
them, and accepts with exit code 0. It is run without a shell, and killed if it takes too long. What it prints is thrown
away: it could repeat the password.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable

from ikeengine.errors import LocalMisuse
from ikeengine.limits import Attempts
from ikeengine.outputs import AskXauth

WORKERS = 8
"""Programs that run at the same time."""
MAX_WAITING = 64
"""Users that wait for one of these; more are refused at once."""
_ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
_LINE_ENDS = (b"\n", b"\r", b"\0")

Answer = Callable[[bool | LocalMisuse], None]


class XauthProgram:
    """Answers AskXauth."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._command: tuple[str, ...] = ()
        self._timeout = 10.0
        self._attempts = Attempts()
        self._free = asyncio.Semaphore(WORKERS)
        self._tasks: set[asyncio.Task[None]] = set()

    def configure(self, command: tuple[str, ...], timeout: float) -> None:
        """Use this program from now on; no words for none."""
        self._command, self._timeout = command, timeout

    def close(self) -> None:
        """Stop; programs under way are killed and their users not answered."""
        for task in self._tasks:
            task.cancel()

    def check(self, ask: AskXauth, answer: Answer) -> None:
        """Call `answer` with whether the password is right, or the reason why nobody knows."""
        if problem := self._refusal(ask):
            answer(LocalMisuse(problem))
            return
        task = asyncio.get_running_loop().create_task(self._check(ask, answer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _refusal(self, ask: AskXauth) -> str:
        """Why the program is not even asked."""
        if not self._command:
            return "engine.xauth_command is not set"
        if any(end in part for end in _LINE_ENDS for part in (ask.user, ask.password.reveal())):
            return "the user name or password holds a line break"
        if ask.user.startswith(b"-"):
            return "the user name looks like an option"
        if len(self._tasks) >= WORKERS + MAX_WAITING:
            return "too many users wait for engine.xauth_command"
        if not self._attempts.admit(ask.user, self._clock()):
            return "too many attempts for this user name"
        return ""

    async def _check(self, ask: AskXauth, answer: Answer) -> None:
        result: bool | LocalMisuse
        try:
            async with self._free:
                result = await self._run(ask)
        except OSError as error:
            result = LocalMisuse(f"{self._command[0]} cannot be run: {error.strerror}")
        except Exception as error:  # noqa: BLE001 - the ISAKMP SA waits for an answer, and would wait for ever
            result = LocalMisuse(f"internal error while checking a password: {type(error).__name__}")
        answer(result)

    async def _run(self, ask: AskXauth) -> bool | LocalMisuse:
        program, *arguments = self._command
        process = await asyncio.create_subprocess_exec(
            program,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env=_ENVIRONMENT | _about(ask),
            cwd="/",
            start_new_session=True,
        )
        try:
            await asyncio.wait_for(process.communicate(ask.user + b"\n" + ask.password.reveal() + b"\n"), self._timeout)
        except TimeoutError:
            return LocalMisuse(f"{program} has not decided within {self._timeout:g} s")
        finally:
            await _end(process)
        return process.returncode == 0


def _about(ask: AskXauth) -> dict[str, str]:
    """What a program may want to know besides: nothing secret, since others can read the environment."""
    return {"IKE_CONNECTION": ask.connection, "IKE_BACKEND": ask.backend.value, "IKE_PEER": ask.peer}


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill what is left of a program and its children."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
