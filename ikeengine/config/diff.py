"""What a reload changes: connections that stay as they are keep their SAs (design D11). Secrets are never shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from enum import Enum
from typing import Any

from ikeengine.config.configuration import Configuration, EngineConfig
from ikeengine.config.durations import format_duration
from ikeengine.model.connection import ChildConfig, ConnectionConfig, LocalAuth, RemoteAuth
from ikeengine.model.identity import Identity, IdentityPattern
from ikeengine.model.immutable import immutable
from ikeengine.model.interface import InterfaceConfig
from ikeengine.model.pool import PoolConfig
from ikeengine.model.proposal import Proposal
from ikeengine.model.selector import DynamicSelector, TrafficSelector
from ikeengine.negotiate.identities import format_identity
from ikeengine.negotiate.proposals import format_proposal
from ikeengine.negotiate.selectors import format_selector

PLAIN_NUMBERS = ("retransmit_base", "retransmit_jitter")


class PlanAction(Enum):
    """What happens to a connection."""

    UNCHANGED = "unchanged"
    CHILD = "child"
    """Only Child SA configurations, what the device looks like, or how to authenticate change; the IKE SA stays."""
    REPLACE = "replace"
    """The IKE SA is closed and, where `start_action` says so, established again."""
    ADD = "add"
    REMOVE = "remove"


@immutable
class PlanEntry:
    """What a reload does to one connection, with the changed options in words."""

    connection: str
    action: PlanAction
    details: tuple[str, ...] = ()


def plan(old: Configuration, new: Configuration) -> list[PlanEntry]:
    """One entry for each connection of either configuration, by name."""
    names = sorted({*old.connections, *new.connections})
    return [_entry(name, old.connections.get(name), new.connections.get(name)) for name in names]


def _entry(name: str, old: ConnectionConfig | None, new: ConnectionConfig | None) -> PlanEntry:
    if old is None and new is not None:
        return PlanEntry(name, PlanAction.ADD, tuple(f"children.{child}: added" for child in new.children))
    if new is None or old is None:
        return PlanEntry(name, PlanAction.REMOVE)
    if old == new:
        return PlanEntry(name, PlanAction.UNCHANGED)
    details = (*_differences(old, new), *_children(old.children, new.children))
    return PlanEntry(name, PlanAction.CHILD if old.has_same_ike(new) else PlanAction.REPLACE, details)


def _children(old: Mapping[str, ChildConfig], new: Mapping[str, ChildConfig]) -> Iterator[str]:
    for name in sorted({*old, *new}):
        path = f"children.{name}"
        if name not in old:
            yield f"{path}: added"
        elif name not in new:
            yield f"{path}: removed"
        else:
            yield from _differences(old[name], new[name], f"{path}.")


def _differences(old: Any, new: Any, prefix: str = "") -> Iterator[str]:
    """`name: old -> new` for each differing field of two objects of one dataclass."""
    for field in fields(old):
        before, after = getattr(old, field.name), getattr(new, field.name)
        if field.name == "children" or before == after:
            continue
        if isinstance(before, InterfaceConfig) and isinstance(after, InterfaceConfig):
            yield from _differences(before, after, f"{prefix}{field.name}.")
        elif _is_rounds(before):
            yield from _rounds(before, after, f"{prefix}{field.name}")
        elif field.name in ("certs", "cacerts", "pubkeys"):
            yield f"{prefix}{field.name}: changed"
        else:
            yield f"{prefix}{field.name}: {_show(before, field.name)} -> {_show(after, field.name)}"


def _rounds(
    old: tuple[LocalAuth | RemoteAuth, ...], new: tuple[LocalAuth | RemoteAuth, ...], prefix: str
) -> Iterator[str]:
    if len(old) != len(new):
        yield f"{prefix}: {len(old)} authentication rounds -> {len(new)}"
        return
    for number, (before, after) in enumerate(zip(old, new, strict=True), 1):
        yield from _differences(before, after, f"{prefix}-{number}." if len(old) > 1 else f"{prefix}.")


def _is_rounds(value: object) -> bool:
    return isinstance(value, tuple) and bool(value) and isinstance(value[0], LocalAuth | RemoteAuth)


def _show(value: object, name: str) -> str:
    if isinstance(value, DynamicSelector | TrafficSelector):
        return format_selector(value)
    if isinstance(value, tuple):
        return ", ".join(_show(item, name) for item in value) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}" if name in PLAIN_NUMBERS else format_duration(value)
    if isinstance(value, Enum):
        return str(value.value)
    return _show_words(value)


def _show_words(value: object) -> str:
    match value:
        case None:
            return "none"
        case Proposal():
            return format_proposal(value)
        case Identity():
            return format_identity(value)
        case IdentityPattern():
            return value.text
        case InterfaceConfig():
            return value.name
        case _:
            return str(value) or "none"


def plan_credentials(old: Configuration, new: Configuration) -> list[str]:
    """What changes in `secrets`, `authorities` and `x509crl`, without showing any secret."""
    before, after = ({key.name: key for key in one.shared_keys} for one in (old, new))
    return [
        *_named("shared key", before, after),
        *_order("shared keys", before, after),
        *_named("password", {key.name: key for key in old.passwords}, {key.name: key for key in new.passwords}),
        *_named(
            "private key", {key.name: key for key in old.private_keys}, {key.name: key for key in new.private_keys}
        ),
        *_named("authority", {ca.name: ca for ca in old.authorities}, {ca.name: ca for ca in new.authorities}),
        *_named("manual SA", old.manual, new.manual),
        *(["CRLs: changed"] if set(old.crls) != set(new.crls) else []),
    ]


def _named(kind: str, old: Mapping[str, object], new: Mapping[str, object]) -> Iterator[str]:
    for name in sorted({*old, *new}):
        if name not in old:
            yield f"{kind} {name}: added"
        elif name not in new:
            yield f"{kind} {name}: removed"
        elif old[name] != new[name]:
            yield f"{kind} {name}: changed"


def _order(kind: str, old: Mapping[str, object], new: Mapping[str, object]) -> Iterator[str]:
    """Of several keys for the same identities the first is used."""
    if [name for name in old if name in new] != [name for name in new if name in old]:
        yield f"{kind}: in another order"


def plan_pools(old: Mapping[str, PoolConfig], new: Mapping[str, PoolConfig]) -> list[str]:
    """What changes in `pools`."""
    return list(_named("pool", old, new))


NEEDS_RESTART = (
    "listen",
    "port",
    "port_nat_t",
    "datapath",
    "qcd_secret",
    "metrics",
    "lease_file",
    "install_virtual_ip",
    "install_virtual_ip_on",
    "qcd_secret",
)


def plan_engine(old: EngineConfig, new: EngineConfig) -> list[str]:
    """What changes in `engine`; a change that waits for a restart says so."""
    before, after = _engine_options(old), _engine_options(new)
    changed = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
    return [
        f"engine.{name}: {_show(before.get(name), name)} -> {_show(after.get(name), name)}"
        + (" (after a restart)" if name in NEEDS_RESTART else "")
        for name in changed
    ]


def _engine_options(engine: EngineConfig) -> dict[str, object]:
    """The options by their names in the file; the core's `keylog` switch only repeats the daemon's."""
    options = {f"log.{group}": level for group, level in engine.log.items()}
    return {
        **{field.name: getattr(engine.settings, field.name) for field in fields(engine.settings)},
        **{
            field.name: getattr(engine, field.name) for field in fields(engine) if field.name not in ("log", "settings")
        },
        **options,
    }
