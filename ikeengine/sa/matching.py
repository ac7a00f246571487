"""Which live SAs a command of an operator names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ikeengine.model.commands import Rekey, Terminate
from ikeengine.model.immutable import immutable
from ikeengine.sa.children.data import UP_STATES, ChildSa
from ikeengine.sa.ike_sa import IkeSa
from ikeengine.sa.states import Phase
from ikeengine.sa.table import SaTable

_ENDING = (Phase.REKEYED, Phase.DELETING)


@immutable
class Match:
    """An SA that a command applies to; `child` is None for the IKE SA itself."""

    sa: IkeSa
    child: ChildSa | None


def find(table: SaTable, command: Terminate | Rekey) -> list[Match]:
    """The live SAs that a command names, by force also IKE SAs that are about to end; none if it names nothing."""
    ikes = [sa for sa in _candidates(table, command) if _is_named(sa, command)]
    if command.child or command.child_id:
        return [Match(sa, child) for sa in ikes for child in _children(sa, command)]
    if isinstance(command, Rekey):
        ikes = [sa for sa in ikes if sa.phase is Phase.ESTABLISHED]
    return [Match(sa, None) for sa in ikes]


def _candidates(table: SaTable, command: Terminate | Rekey) -> Iterable[IkeSa]:
    """The IKE SAs to look at: more than those that match, but not every one of the host if it can be helped."""
    if command.child_id:
        owner = table.of_child(command.child_id)
        return () if owner is None else (owner,)
    if command.ike:
        return table.of_connection(command.ike)
    return table if command.ike_id or command.child else ()


def _is_named(sa: IkeSa, command: Terminate | Rekey) -> bool:
    named = not command.ike or sa.name == command.ike
    numbered = not command.ike_id or sa.unique_id == command.ike_id
    forced = isinstance(command, Terminate) and command.force
    return named and numbered and (forced or sa.phase not in _ENDING)


def _children(sa: IkeSa, command: Terminate | Rekey) -> Iterator[ChildSa]:
    for child in sa.children.values():
        named = not command.child or child.config.name == command.child
        numbered = not command.child_id or child.unique_id == command.child_id
        if named and numbered and child.state in UP_STATES:
            yield child
