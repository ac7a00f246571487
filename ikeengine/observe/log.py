"""The log: charon's groups and levels, plain text or JSON lines, on the standard `logging` of Python.

Every line names its SA as `<connection|unique number>`. Whatever a peer sent is escaped before it is written.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TextIO

from ikeengine.model.immutable import field, immutable
from ikeengine.observe.events import TOLD, Story, story
from ikeengine.observe.limiter import RateLimiter
from ikeengine.outputs import Dropped, Event, Failed, LogLine

GROUPS = ("APP", "ASN", "CFG", "CHD", "DMN", "ENC", "ESP", "IKE", "JOB", "KNL", "LIB", "MGR", "NET", "TLS")
"""strongSwan's subsystems; DMN is the daemon itself."""
DEFAULT_LEVEL = 1
OWN_GROUPS = ("DMN", "CFG", "APP")
"""Groups whose lines an unknown peer cannot cause. They are not rate limited."""

PACKET_LEVEL = 2
"""Level of the lines about each datagram, in the group NET."""

_NAME = "ikeengine"
_DATAPATHS = "ikeengine.datapath"
_STORY = "ikeengine_story"


@immutable
class LogSettings:
    """How to log. `levels` overrides `default` per group, as charon's filelog does; -1 silences a group."""

    default: int = DEFAULT_LEVEL
    levels: dict[str, int] = field(default_factory=dict)
    json: bool = False

    def level(self, group: str) -> int:
        """The highest level that is written for a group."""
        return self.levels.get(group.lower(), self.default)


class EngineLog:
    """Takes events and lines, and writes those that the settings ask for."""

    def __init__(self, settings: LogSettings, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._limiter = RateLimiter()
        self._logger = logging.getLogger(_NAME)
        self.packets = False
        """Whether there is to be a line for each datagram."""
        self.configure(settings)

    def configure(self, settings: LogSettings) -> None:
        """Obey new settings from now on."""
        self._settings = settings
        self._levels = {group: settings.level(group) for group in GROUPS}
        self._wanted = {
            kind for kind, told in TOLD.items() if any(self.wants(group, told.level) for group in told.groups)
        }
        self.packets = self.wants("NET", PACKET_LEVEL)
        self._logger.setLevel(_python_level(max(settings.default, *settings.levels.values(), 0)))
        for handler in self._logger.handlers:
            handler.filters[:] = [self._admits]

    def _admits(self, record: logging.LogRecord) -> bool:
        """Whether a record that did not come through here, as from a datapath, is wanted."""
        return hasattr(record, _STORY) or self.wants(*_foreign(record))

    def wants(self, group: str, level: int) -> bool:
        """Whether a line of this group and level would be written. Ask before formatting something expensive."""
        return level <= self._levels.get(group, self._settings.default)

    def line(self, group: str, level: int, text: str, connection: str = "", ike_id: int = 0) -> None:
        """Write one line, if it is wanted."""
        if self.wants(group, level):
            self._write(Story("log", group, level, text, {}, connection, ike_id))

    def event(self, event: Event) -> None:
        """Write an event of the core, if it is wanted and not one of too many."""
        if type(event) not in self._wanted or (isinstance(event, LogLine) and not self.wants(event.group, event.level)):
            return
        told = story(event)
        if told is None or not self.wants(told.group, told.level):
            return
        reason = _reason(event)
        if reason is None:
            self._write(told)
            return
        suppressed = self._limiter.admit(reason, self._clock())
        if suppressed is not None:
            self._write(told if not suppressed else _with_suppressed(told, suppressed))

    def _write(self, told: Story) -> None:
        self._logger.log(_python_level(told.level), "%s", told.text, extra={_STORY: told})


def _reason(event: Event) -> object | None:
    """What an event is counted under by the rate limiter; None for what only an authenticated peer or we can cause."""
    if isinstance(event, Dropped):
        return event.reason
    if isinstance(event, Failed):
        return event.record.alert, event.record.connection
    if isinstance(event, LogLine) and not event.ike_id and event.group not in OWN_GROUPS:
        return event.group
    return None


def _with_suppressed(told: Story, suppressed: int) -> Story:
    text = f"{told.text} ({suppressed} similar suppressed)"
    return told._replace(text=text, fields=told.fields | {"suppressed": suppressed})


def _python_level(level: int) -> int:
    if level < 0:
        return logging.ERROR
    return logging.INFO if level <= DEFAULT_LEVEL else logging.DEBUG


def printable(text: str) -> str:
    """Text safe for a terminal and a line-based log: what is not printable becomes an escape."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def set_up(settings: LogSettings, stream: TextIO | None = None) -> None:
    """Send the engine's log to a stream (standard error): for the journal without time stamps, else with them."""
    handler = logging.StreamHandler(stream or sys.stderr)
    under_journal = "JOURNAL_STREAM" in os.environ and stream is None
    handler.setFormatter(JsonFormatter() if settings.json else PlainFormatter(stamps=not under_journal))
    logger = logging.getLogger(_NAME)
    logger.handlers[:] = [handler]
    logger.propagate = False


def _story_of(record: logging.LogRecord) -> Story:
    told = getattr(record, _STORY, None)
    return told if isinstance(told, Story) else Story("log", *_foreign(record), record.getMessage(), {})


def _foreign(record: logging.LogRecord) -> tuple[str, int]:
    """Group and level of a record of Python's own making."""
    group = "KNL" if record.name.startswith(_DATAPATHS) else "DMN"
    if record.levelno >= logging.WARNING:
        return group, 0
    return group, DEFAULT_LEVEL if record.levelno >= logging.INFO else DEFAULT_LEVEL + 1


class PlainFormatter(logging.Formatter):
    """`2026-01-31T12:00:00.123+00:00 [IKE] <gw-gw|1> text`; the stamp is left to the journal where there is one."""

    def __init__(self, *, stamps: bool) -> None:
        super().__init__()
        self._stamps = stamps

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        told = _story_of(record)
        owner = f"<{told.connection}|{told.ike_id}> " if told.ike_id else ""
        stamp = _stamp(record) + " " if self._stamps else ""
        return f"{stamp}[{told.group}] {printable(owner + told.text)}" + _traceback(self, record)


class JsonFormatter(logging.Formatter):
    """One JSON object per line. Non-ASCII characters are escaped by the encoding itself."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        told = _story_of(record)
        entry: dict[str, object] = {
            "time": _stamp(record),
            "event": told.name,
            "group": told.group,
            "level": told.level,
        }
        if told.connection:
            entry["ikesa-name"] = told.connection
        if told.ike_id:
            entry["ikesa-uniqueid"] = told.ike_id
        entry["msg"] = told.text + _traceback(self, record)
        entry.update({key: value for key, value in told.fields.items() if value != ""})
        return json.dumps(entry)


def _stamp(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


def _traceback(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    return "\n" + formatter.formatException(record.exc_info) if record.exc_info else ""
