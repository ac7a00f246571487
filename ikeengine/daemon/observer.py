"""Where the events of the core go: counters, log, key log, and whoever else listens (the control socket)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from ikeengine.model.sa import IpsecSa, SaId
from ikeengine.observe.counters import Counters
from ikeengine.observe.keylog import KeyLog
from ikeengine.observe.log import EngineLog
from ikeengine.outputs import Counted, Dropped, DropReason, Event, IkeKeys, IsakmpKeys, LogLine

Listener = Callable[[Event], None]


class Observer:
    """Distributes events. It is called for every datagram, so each kind takes the shortest way."""

    def __init__(self, log: EngineLog, keylog: KeyLog | None = None) -> None:
        self.log = log
        self.keylog = keylog
        self.counters = Counters()
        self.dropped: Counter[DropReason] = Counter()
        self.listeners: list[Listener] = []

    def counted(self, event: Counted) -> None:
        """A counter goes up."""
        self.counters.count(event.counter, event.connection)

    def log_line(self, event: LogLine) -> None:
        """The core has something to say."""
        self.log.event(event)
        for listener in self.listeners:
            listener(event)

    def dropped_datagram(self, event: Dropped) -> None:
        """The core ignored a datagram."""
        self.dropped[event.reason] += 1
        self.event(event)

    def ike_keys(self, event: IkeKeys) -> None:
        """Keys, for the key log and nobody else."""
        if self.keylog is not None:
            self.keylog.ike(event)

    def isakmp_keys(self, event: IsakmpKeys) -> None:
        """The same for IKEv1."""
        if self.keylog is not None:
            self.keylog.isakmp(event)

    def esp_keys(self, sa: IpsecSa) -> None:
        """Keys of an SA that is being installed, for the key log and nobody else."""
        if self.keylog is not None:
            self.keylog.esp(sa)

    def esp_moved(self, sa: SaId, source: str, destination: str) -> None:
        """An SA gets other addresses."""
        if self.keylog is not None:
            self.keylog.moved(sa, source, destination)

    def esp_gone(self, sa: SaId) -> None:
        """An SA is being deleted."""
        if self.keylog is not None:
            self.keylog.gone(sa)

    def event(self, event: Event) -> None:
        """Any other event."""
        self.log.event(event)
        for listener in self.listeners:
            listener(event)

    def say(self, group: str, level: int, text: str, connection: str = "") -> None:
        """The daemon itself has something to say."""
        self.log_line(LogLine(level, group, text, connection))
