"""The host's addresses as the kernel tells them: in a namespace, because these tests change them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ikeengine.daemon.network import HostAddresses, InterfaceFilter, NetworkWatch
from tests.lab.needs import need_root
from tests.lab.netns import Namespace
from tests.lab.topology import unique_name

NAMES = InterfaceFilter()


@pytest.fixture
def host() -> Iterator[Namespace]:
    need_root()
    with Namespace(unique_name("watch")) as namespace:
        for name in ("up0", "up1"):
            namespace.ip(f"link add {name} type veth peer name {name}peer", f"link set {name}peer up")
        namespace.add_address("up0", "192.0.2.1/24", "2001:db8::1/64")
        namespace.add_address("up1", "203.0.113.1/24")
        namespace.add_address("lo", "198.51.100.1/32")
        yield namespace


def watch(host: Namespace, changes: Callable[[], None], wanted: Callable[[HostAddresses], bool], **more: Any) -> list:
    """What was told until it is as wanted."""
    told: list[HostAddresses] = []

    async def main() -> None:
        watching = NetworkWatch(more.get("interfaces", NAMES), told.append, print)
        await watching.start()
        try:
            changes()
            async with asyncio.timeout(120):
                while not wanted(told[-1]):
                    await asyncio.sleep(0.01)
        finally:
            watching.stop()

    with host.entered():
        asyncio.run(main())
    return told


def nothing() -> None:
    """Change nothing."""


def test_global_addresses_of_all_interfaces(host: Namespace) -> None:
    (first, *_more) = watch(host, nothing, lambda now: True)
    assert first.interface_of == {
        "192.0.2.1": "up0",
        "2001:db8::1": "up0",
        "203.0.113.1": "up1",
        "198.51.100.1": "lo",
    }
    assert first.loopbacks == {"198.51.100.1"}


@pytest.mark.parametrize(
    ("interfaces", "expected"),
    [
        (InterfaceFilter(use=("up1",), ignore=("up1",)), {"203.0.113.1"}),
        (InterfaceFilter(ignore=("up0", "lo")), {"203.0.113.1"}),
        (InterfaceFilter(use=("up0", "up1"), own=("up0",)), {"203.0.113.1"}),
    ],
    ids=["use", "ignore", "own"],
)
def test_interface_filters(host: Namespace, interfaces: InterfaceFilter, expected: set[str]) -> None:
    (first, *_more) = watch(host, nothing, lambda now: True, interfaces=interfaces)
    assert set(first.addresses) == expected


def test_a_changed_address_is_told(host: Namespace) -> None:
    def replace() -> None:
        host.ip("address del 192.0.2.1/24 dev up0", "address add 192.0.2.9/24 dev up0")

    told = watch(host, replace, lambda now: "192.0.2.9" in now.addresses)
    assert "192.0.2.1" not in told[-1].addresses


def test_an_interface_that_goes_down_takes_its_addresses_with_it(host: Namespace) -> None:
    told = watch(host, lambda: host.ip("link set up0 down"), lambda now: "192.0.2.1" not in now.addresses)
    assert "203.0.113.1" in told[-1].addresses


def test_a_burst_of_changes_is_told_once(host: Namespace) -> None:
    def many() -> None:
        host.ip(*(f"address add 192.0.2.{number}/24 dev up0" for number in range(100, 150)))

    told = watch(host, many, lambda now: "192.0.2.149" in now.addresses)
    assert len(told) < 10


def test_which_addresses_share_an_interface() -> None:
    host = HostAddresses(
        {"192.0.2.1": "a", "192.0.2.2": "a", "192.0.2.3": "b", "198.51.100.1": "lo"}, frozenset({"198.51.100.1"})
    )
    assert host.shares_interface("192.0.2.1", "192.0.2.2")
    assert not host.shares_interface("192.0.2.1", "192.0.2.3")
    assert host.shares_interface("198.51.100.1", "192.0.2.3"), "a loopback's address is reached over all"
    assert not host.shares_interface("192.0.2.77", "192.0.2.1"), "an address that is gone"
