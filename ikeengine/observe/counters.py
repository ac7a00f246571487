"""strongSwan's counters, globally and per connection. They survive rekeys and the end of an SA."""

from __future__ import annotations

NAMES = (
    "ike-rekey-init",
    "ike-rekey-resp",
    "child-rekey",
    "invalid",
    "invalid-spi",
    "ike-init-in-req",
    "ike-init-in-resp",
    "ike-init-out-req",
    "ike-init-out-resp",
    "ike-auth-in-req",
    "ike-auth-in-resp",
    "ike-auth-out-req",
    "ike-auth-out-resp",
    "create-child-in-req",
    "create-child-in-resp",
    "create-child-out-req",
    "create-child-out-resp",
    "info-in-req",
    "info-in-resp",
    "info-out-req",
    "info-out-resp",
)
"""In the order in which strongSwan prints them."""

GLOBAL = ""
"""The name under which the sum over everything is kept, as in VICI."""


class Counters:
    """One set of counters for the host and one for every connection that has counted something."""

    def __init__(self) -> None:
        self._sets: dict[str, dict[str, int]] = {GLOBAL: dict.fromkeys(NAMES, 0)}

    def count(self, counter: str, connection: str = GLOBAL) -> None:
        """Count one up, globally and for the connection, if one is known."""
        everything = self._sets[GLOBAL]
        everything[counter] = everything.get(counter, 0) + 1
        if connection:
            own = self._sets.get(connection)
            if own is None:
                own = self._sets[connection] = dict.fromkeys(NAMES, 0)
            own[counter] = own.get(counter, 0) + 1

    def connections(self) -> list[str]:
        """Connections that have counters, without the global set."""
        return [name for name in self._sets if name != GLOBAL]

    def get(self, connection: str = GLOBAL) -> dict[str, int] | None:
        """A copy of one set, None for a connection that has counted nothing."""
        counters = self._sets.get(connection)
        return dict(counters) if counters is not None else None

    def reset(self, connection: str = GLOBAL) -> None:
        """Set one set to zero. A connection's set is forgotten until it counts again."""
        if connection == GLOBAL:
            self._sets[GLOBAL] = dict.fromkeys(NAMES, 0)
        else:
            self._sets.pop(connection, None)

    def reset_all(self) -> None:
        """Set every connection's counters to zero, but not the global ones."""
        self._sets = {GLOBAL: self._sets[GLOBAL]}
