"""What a command gets: its message, the client's session, and the daemon to act on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from ikeengine.daemon.vici.codec import Message, Value
from ikeengine.daemon.vici.messages import Section
from ikeengine.errors import LocalMisuse
from ikeengine.model.immutable import immutable

if TYPE_CHECKING:
    from ikeengine.daemon.control import Control
    from ikeengine.daemon.vici.session import Session


class CommandFailed(LocalMisuse):
    """The answer is `success = no` with this text as `errmsg`, and `more` besides."""

    def __init__(self, errmsg: str, more: Section | None = None) -> None:
        super().__init__(errmsg)
        self.more = more or {}


@immutable
class Request:
    """One command of a client."""

    control: Control
    session: Session
    message: Message

    def text(self, key: str, default: str = "") -> str:
        """A value as text. Raises CommandFailed if the key holds a list or section."""
        return self.octets(key, default.encode()).decode("utf-8", "backslashreplace")

    def octets(self, key: str, default: bytes = b"") -> bytes:
        """A value as octets. Raises CommandFailed if the key holds a list or section."""
        return plain(key, self.message.get(key, default))

    def number(self, key: str, default: int = 0) -> int:
        """A decimal value. Raises CommandFailed if it is not one."""
        text = self.text(key, str(default))
        try:
            return int(text)
        except ValueError:
            raise CommandFailed(f"invalid value for: {key}") from None

    def flag(self, key: str) -> bool:
        """Whether a key is set to something else than `no`."""
        return self.text(key, "no") != "no"

    def items(self, key: str) -> list[str]:
        """A list of texts; a single value counts as a list of one."""
        value = self.message.get(key, [])
        items = value if isinstance(value, list) else [plain(key, value)]
        return [item.decode("utf-8", "backslashreplace") for item in items]


Handler = Callable[[Request], Awaitable[Section]]

SUCCESS: Section = {"success": "yes"}


def plain(key: str, value: Value) -> bytes:
    """A value that must be neither list nor section. Raises CommandFailed."""
    if not isinstance(value, bytes):
        raise CommandFailed(f"invalid value for: {key}")
    return value
