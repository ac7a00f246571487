"""When a message is sent again that was not answered."""

from __future__ import annotations

from ikeengine.crypto.rng import Rng, fraction
from ikeengine.model.connection import ConnectionConfig, EngineSettings
from ikeengine.model.immutable import immutable


@immutable
class Retransmission:
    """When to send a request again: after timeout * base ** tries, at most `limit`, less `jitter` percent."""

    timeout: float
    base: float
    tries: int
    jitter: float
    limit: float

    def delay(self, tries: int, rng: Rng) -> float:
        """Seconds until the next retransmission after `tries` of them."""
        delay = self.timeout * self.base**tries
        if self.limit:
            delay = min(delay, self.limit)
        return delay - delay * self.jitter / 100 * fraction(rng) if self.jitter else delay


def retransmission(settings: EngineSettings, connection: ConnectionConfig) -> Retransmission:
    """What holds for a connection: its own values, else those of the engine."""
    return Retransmission(
        timeout=_first(connection.retransmit_timeout, settings.retransmit_timeout),
        base=_first(connection.retransmit_base, settings.retransmit_base),
        tries=settings.retransmit_tries if connection.retransmit_tries is None else connection.retransmit_tries,
        jitter=_first(connection.retransmit_jitter, settings.retransmit_jitter),
        limit=_first(connection.retransmit_limit, settings.retransmit_limit),
    )


def _first(own: float | None, common: float) -> float:
    return common if own is None else own
