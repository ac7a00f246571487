"""The `interface` section of a connection: what it takes, and what must fit together."""

from __future__ import annotations

from typing import Any

import pytest

from ikeengine.config.diff import PlanAction, plan
from ikeengine.config.interface_kinds import DEVICE_NAME, INTERFACE_ADDRESSES, MTU
from ikeengine.config.problems import ConfigErrors
from ikeengine.model.interface import InterfaceConfig
from ikeengine.model.marks import Allot, IfIdOption

BASE = """
connections:
  a:
    remote_addrs: [192.0.2.2]
    interface: {name: vpn0}
    local: {auth: psk, id: gw1}
    remote: {auth: psk, id: gw2}
    children:
      net: {local_ts: 10.1.0.0/16}
  b:
    remote_addrs: [192.0.2.3]
    interface: {name: vpn1}
    local: {auth: psk, id: gw1}
    remote: {auth: psk, id: gw3}
secrets:
  ike-1: {secret: correct horse battery staple}
"""


def with_line(old: str, new: str) -> str:
    assert old in BASE
    return BASE.replace(old, new)


def problems(site: Any, text: str) -> list[str]:
    with pytest.raises(ConfigErrors) as caught:
        site.load(text)
    return [f"{error.line}: {error.key}: {error.message}" for error in caught.value.errors]


def test_everything_in_it(site: Any) -> None:
    section = "{name: vpn0, addresses: [169.254.0.1/30, 'fd00::1'], mtu: 1300, mss: 1200, routes: no}"
    connection = site.load(with_line("interface: {name: vpn0}", f"interface: {section}")).connections["a"]
    interface = connection.interface
    assert interface == InterfaceConfig(
        "vpn0", interface.if_id, ("169.254.0.1/30", "fd00::1/128"), mtu=1300, mss=1200, routes=False
    )
    assert connection.if_id_in == connection.if_id_out == IfIdOption(Allot.FIXED, interface.if_id)


def test_without_an_interface_id_it_follows_from_the_name(site: Any) -> None:
    one, other = (site.load(BASE).connections[name].interface for name in "ab")
    assert one.if_id != other.if_id
    assert one.if_id & other.if_id & 0x80000000
    unique = site.load(with_line("interface: {name: vpn0}", "interface: {name: vpn0}\n    if_id_in: '%unique'"
                                 "\n    if_id_out: '%unique'"))  # fmt: skip
    assert unique.connections["a"].interface == one


def test_a_written_interface_id_is_taken(site: Any) -> None:
    text = with_line("interface: {name: vpn0}", "interface: {name: vpn0}\n    if_id_in: 42\n    if_id_out: 42")
    assert site.load(text).connections["a"].interface.if_id == 42


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "part"),
    [
        ("{name: vpn1}", "{name: vpn0}", 12, "connections.b.interface.name", "device of the connection a already"),
        ("{name: vpn0}", "{mtu: 1300}", 5, "connections.a.interface.name", "needs a name"),
        ("{name: vpn0}", "{name: a/b}", 5, "connections.a.interface.name", "cannot be a device"),
        ("{name: vpn0}", "{name: v, mtu: 500}", 5, "connections.a.interface.mtu", "less than 576"),
        ("{name: vpn0}", "{name: v, addresses: x}", 5, "connections.a.interface.addresses", "169.254.0.1/30"),
        ("{name: vpn0}", "{name: v}\n    if_id_in: 4", 5, "connections.a.if_id_out", "one interface ID"),
        ("{local_ts", "{if_id_in: 4, local_ts", 9, "connections.a.children.net.if_id_in", "`interface`"),
        ("{local_ts", "{mark_out: 4, local_ts", 9, "connections.a.children.net.mark_out", "`interface`"),
        ("{local_ts", "{policies: no, local_ts", 9, "connections.a.children.net.policies", "`interface`"),
        ("{local_ts: 10.1.0.0/16", "{mode: transport", 9, "connections.a.children.net.mode", "transport mode"),
    ],
)
def test_contradictions(site: Any, old: str, new: str, line: int, key: str, part: str) -> None:
    found = problems(site, with_line(old, new))
    assert any(one.startswith(f"{key}: ", one.index(" ") + 1) and part in one for one in found), found
    if key != "connections.a.if_id_out":
        assert [one.partition(":")[0] for one in found] == [str(line)]


def test_two_devices_cannot_have_one_interface_id(site: Any) -> None:
    text = BASE
    for name in ("vpn0", "vpn1"):
        text = text.replace(f"{{name: {name}}}", f"{{name: {name}}}\n    if_id_in: 7\n    if_id_out: 7")
    (problem,) = problems(site, text)
    assert "connections.b.if_id_in: the interface ID 0x7 belongs to the device of the connection a" in problem


@pytest.mark.parametrize(
    ("section", "action", "detail"),
    [
        ("{name: vpn0, mtu: 1300}", PlanAction.CHILD, "interface.mtu: 0 -> 1300"),
        ("{name: vpn0, routes: no}", PlanAction.CHILD, "interface.routes: yes -> no"),
        ("{name: vpn2}", PlanAction.REPLACE, "interface.name: vpn0 -> vpn2"),
    ],
)
def test_only_another_device_needs_another_ike_sa(site: Any, section: str, action: PlanAction, detail: str) -> None:
    entries = plan(site.load(BASE), site.load(with_line("{name: vpn0}", section)))
    assert entries[0].action is action
    assert detail in entries[0].details
    assert entries[1].action is PlanAction.UNCHANGED


def test_a_device_that_comes_is_named(site: Any) -> None:
    entries = plan(site.load(with_line("    interface: {name: vpn0}\n", "")), site.load(BASE))
    assert entries[0].action is PlanAction.REPLACE
    assert "interface: none -> vpn0" in entries[0].details


@pytest.mark.parametrize("text", ["", "a" * 16, "a b", "../x", "-x", "a\n"])
def test_names_that_the_kernel_would_refuse(text: str) -> None:
    with pytest.raises(ValueError, match="cannot be a device"):
        DEVICE_NAME.parse(text)


def test_kinds_tell_their_schema() -> None:
    assert DEVICE_NAME.json_schema()["type"] == "string"
    assert INTERFACE_ADDRESSES.item.json_schema()["type"] == "string"
    assert MTU.json_schema()
    with pytest.raises(ValueError, match="scope"):
        INTERFACE_ADDRESSES.item.parse("fe80::1%eth0/64")
