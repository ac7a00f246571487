"""Makes an InterfaceConfig out of the `interface` section of a connection, and checks what must fit together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from zlib import crc32

from ikeengine.config.options import child as child_options
from ikeengine.config.options import connection as connection_options
from ikeengine.config.options import interface as options
from ikeengine.config.problems import Problems
from ikeengine.config.schema import Option, Values
from ikeengine.model.connection import ChildConfig, Mode
from ikeengine.model.interface import InterfaceConfig
from ikeengine.model.marks import Allot

if TYPE_CHECKING:
    from ikeengine.config.draft import Draft

_CHOSEN = 0x80000000
"""Bit of interface IDs that nobody has chosen: no operator counts that far."""

_IDS: tuple[Option[Any], ...] = (child_options.IF_ID_IN, child_options.IF_ID_OUT)
_MARKS: tuple[Option[Any], ...] = (child_options.MARK_IN, child_options.MARK_OUT)


def build_interface(values: Values, children: Mapping[str, ChildConfig], problems: Problems) -> InterfaceConfig | None:
    """The device of a connection, None if it has none. Contradictions go to `problems`."""
    section = values.named("interface").get("interface")
    if section is None:
        return None
    name = section[options.NAME]
    if name is None:
        if section.sound(options.NAME):
            problems.add(section.mark, section.key(options.NAME), "a device needs a name")
        return None
    for child_name, child in children.items():
        _check_child(values.named("children")[child_name], child, problems)
    return InterfaceConfig(
        name=name,
        if_id=_if_id(values, name, problems),
        addresses=section[options.ADDRESSES],
        mtu=section[options.MTU_OPTION],
        mss=section[options.MSS_OPTION],
        routes=section[options.ROUTES],
    )


def _if_id(values: Values, name: str, problems: Problems) -> int:
    """The one of the connection, or with `%unique` or none at all one that follows from the name of the device."""
    inbound, outbound = values[connection_options.IF_ID_IN], values[connection_options.IF_ID_OUT]
    if inbound != outbound or inbound.allot is Allot.UNIQUE_DIR:
        problems.add(
            values.mark_of(connection_options.IF_ID_OUT),
            values.key(connection_options.IF_ID_OUT),
            "a connection with `interface` has one interface ID: write the same in if_id_in and if_id_out, or neither",
        )
    return inbound.value or crc32(name.encode()) | _CHOSEN


def _check_child(values: Values, child: ChildConfig, problems: Problems) -> None:
    if child.mode is Mode.TRANSPORT:
        _refuse(values, child_options.MODE, "transport mode has no use for the `interface` of the connection", problems)
    if not child.policies:
        _refuse(values, child_options.POLICIES, "the `interface` of the connection needs the policies", problems)
    for option in (*_IDS, *_MARKS):
        if values[option].is_set:
            _refuse(values, option, "the `interface` of the connection decides what the Child SA is for", problems)


def _refuse(values: Values, option: Option[Any], message: str, problems: Problems) -> None:
    problems.add(values.mark_of(option), values.key(option), message)


def check_interfaces(drafts: Sequence[Draft], problems: Problems) -> None:
    """Note devices, and interface IDs, that two connections want."""
    names: dict[str, str] = {}
    ids: dict[int, str] = {}
    for draft in drafts:
        interface = draft.config.interface
        if interface is None:
            continue
        section = draft.values.one("interface")
        first = names.setdefault(interface.name, draft.config.name)
        if first != draft.config.name:
            message = f"`{interface.name}` is the device of the connection {first} already"
            problems.add(section.mark_of(options.NAME), section.key(options.NAME), message)
            continue
        other = ids.setdefault(interface.if_id, draft.config.name)
        if other != draft.config.name:
            message = f"the interface ID {interface.if_id:#x} belongs to the device of the connection {other}"
            _refuse(draft.values, connection_options.IF_ID_IN, message, problems)
