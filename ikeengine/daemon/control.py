"""The daemon as the control socket sees it, and the running of commands."""

from __future__ import annotations

import traceback
from collections.abc import Mapping

from ikeengine.daemon.credentials import Credentials, certificate_of
from ikeengine.daemon.observer import Observer
from ikeengine.daemon.reload import Loader
from ikeengine.daemon.service import Service
from ikeengine.daemon.trial import Trial
from ikeengine.daemon.vici.bridge import EventBridge
from ikeengine.daemon.vici.codec import Message
from ikeengine.daemon.vici.commands import COMMANDS
from ikeengine.daemon.vici.request import CommandFailed, Handler, Request
from ikeengine.daemon.vici.session import Runner, Session
from ikeengine.errors import IkeError
from ikeengine.model.immutable import immutable

_READ_ONLY = ("get-", "list-", "version", "stats", "plan", "failures")


@immutable
class Control:
    """What commands may use."""

    service: Service
    loader: Loader
    credentials: Credentials
    observer: Observer
    bridge: EventBridge
    trial: Trial
    started: float
    """The core's clock when the daemon began to serve."""

    def find_command(self, name: str) -> Runner | None:
        """The command of this name, None if there is none."""
        handler = COMMANDS.get(name)
        return None if handler is None else self._runner(handler)

    def subject_of(self, der: bytes) -> str:
        """The subject of a certificate in words."""
        return certificate_of(der).subject_text

    def _runner(self, handler: Handler) -> Runner:
        async def run(session: Session, name: str, message: Message) -> Mapping[str, object]:
            self._note(session, name, message)
            try:
                return await handler(Request(self, session, message))
            except CommandFailed as error:
                return {"success": "no", "errmsg": str(error)} | error.more
            except (IkeError, ValueError) as error:
                return {"success": "no", "errmsg": str(error)}
            except Exception:  # noqa: BLE001 - a bug in a command must not leave its client without an answer
                self.observer.say("DMN", 0, f"internal error in command {name}: {traceback.format_exc()}")
                return {"success": "no", "errmsg": "internal error; the log of the daemon has the details"}

        return run

    def _note(self, session: Session, name: str, message: Message) -> None:
        """An audit line. It says which section or key of a message was set, but never a value that may be secret."""
        level = 2 if name.startswith(_READ_ONLY) else 1
        if self.observer.log.wants("CFG", level):
            self.observer.say("CFG", level, f"vici {name} {_subject(message)}by {session.peer}")


def _subject(message: Message) -> str:
    words = [
        f"{key} '{value.decode('utf-8', 'backslashreplace')}' "
        for key, value in message.items()
        if key in ("child", "ike", "name", "id", "ike-id", "child-id") and isinstance(value, bytes)
    ]
    words += [f"'{key}' " for key, value in message.items() if isinstance(value, dict)]
    return "".join(words)
