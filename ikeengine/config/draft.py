"""A connection together with what the checks across sections need: the places of its options, its certificates."""

from __future__ import annotations

from ikeengine.config.build_auth import LocalRound, RemoteRound
from ikeengine.config.schema import Values
from ikeengine.crypto.certificate import Certificate
from ikeengine.model.connection import ConnectionConfig
from ikeengine.model.immutable import immutable


@immutable
class Draft:
    """A connection that is not checked yet."""

    config: ConnectionConfig
    values: Values
    local: tuple[LocalRound, ...]
    remote: tuple[RemoteRound, ...]

    @property
    def intermediates(self) -> tuple[Certificate, ...]:
        """What is between our certificates and their authorities."""
        return tuple(rest for round in self.local for chain in round.chains for rest in chain[1:])
