"""Why a command ends with something else than 0. The exit codes are a contract with scripts."""

from __future__ import annotations

from enum import IntEnum

from ikeengine.daemon.vici.codec import Message


class Exit(IntEnum):
    """Exit codes of `ikeengine`."""

    DONE = 0
    FAILED = 1
    """The operation failed; the reason is on stderr."""
    USAGE = 2
    """Wrong usage or an invalid configuration."""
    UNREACHABLE = 3
    """The daemon cannot be reached."""


class CommandFailed(Exception):
    """The daemon refused or failed; the text is the reason, `answer` what the daemon tells besides."""

    code = Exit.FAILED

    def __init__(self, reason: str, answer: Message | None = None) -> None:
        super().__init__(reason)
        self.answer: Message = answer or {}


class DaemonUnreachable(Exception):
    """Nobody answers on the control socket; the text says what to do."""

    code = Exit.UNREACHABLE


class UsageError(Exception):
    """What was asked makes no sense; the text says why."""

    code = Exit.USAGE
