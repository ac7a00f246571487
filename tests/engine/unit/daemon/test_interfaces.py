"""Devices of route-based connections come and go with their connections."""

from __future__ import annotations

import pytest

from ikeengine.daemon.interfaces import Interfaces
from ikeengine.datapath.memory import Call, MemoryDatapath
from ikeengine.errors import DatapathError
from ikeengine.model.connection import ConnectionConfig
from ikeengine.model.interface import InterfaceConfig


def connection(name: str, device: str = "", if_id: int = 1, **options: object) -> ConnectionConfig:
    interface = InterfaceConfig(device, if_id, **options) if device else None
    return ConnectionConfig(name, (), interface=interface)


@pytest.fixture
def datapath() -> MemoryDatapath:
    return MemoryDatapath()


def load(interfaces: Interfaces, config: ConnectionConfig) -> None:
    interfaces.remove(interfaces.prepare(config))


def test_a_device_lives_as_long_as_its_connection(datapath: MemoryDatapath) -> None:
    interfaces = Interfaces(datapath)
    load(interfaces, connection("a", "vpn0"))
    assert list(datapath.interfaces) == ["vpn0"]
    assert "vpn0" in interfaces
    interfaces.remove(interfaces.forget("a"))
    assert not datapath.interfaces
    assert interfaces.forget("a") == ""


def test_what_did_not_change_is_left_alone(datapath: MemoryDatapath) -> None:
    interfaces = Interfaces(datapath)
    for _ in range(2):
        load(interfaces, connection("a", "vpn0"))
    assert [call.what for call in datapath.calls] == ["set_interface"]
    load(interfaces, connection("a", "vpn0", mtu=1300))
    assert [call.what for call in datapath.calls] == ["set_interface"] * 2


def test_another_name_is_another_device(datapath: MemoryDatapath) -> None:
    interfaces = Interfaces(datapath)
    load(interfaces, connection("a", "vpn0"))
    load(interfaces, connection("a", "vpn1"))
    assert list(datapath.interfaces) == ["vpn1"]
    load(interfaces, connection("a"))
    assert not datapath.interfaces


def test_a_device_passes_to_the_next_connection(datapath: MemoryDatapath) -> None:
    """A reload adds connections before it removes others."""
    interfaces = Interfaces(datapath)
    load(interfaces, connection("a", "vpn0"))
    load(interfaces, connection("b", "vpn0"))
    interfaces.remove(interfaces.forget("a"))
    assert list(datapath.interfaces) == ["vpn0"]


def test_clients_cannot_take_a_device(datapath: MemoryDatapath) -> None:
    interfaces = Interfaces(datapath)
    load(interfaces, connection("a", "vpn0"))
    interfaces.check_free(connection("a", "vpn0"))
    interfaces.check_free(connection("b"))
    with pytest.raises(DatapathError, match="device of the connection a"):
        interfaces.check_free(connection("b", "vpn0", 2))
    with pytest.raises(DatapathError, match="interface ID 0x1"):
        interfaces.check_free(connection("b", "vpn1", 1))


def test_a_refused_device_changes_nothing(datapath: MemoryDatapath, caplog: pytest.LogCaptureFixture) -> None:
    interfaces = Interfaces(datapath)
    datapath.fail = lambda call: "no such thing" if isinstance(call, Call) else ""
    with pytest.raises(DatapathError, match="no such thing"):
        interfaces.prepare(connection("a", "vpn0"))
    assert "vpn0" not in interfaces
    interfaces.remove("vpn9")
    assert "vpn9 may be left behind" in caplog.text
