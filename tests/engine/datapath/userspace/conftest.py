"""Two hosts in network namespaces, for the tests that need a real TUN device."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator

import pytest

from tests.engine.datapath.userspace.samples import (
    LEFT,
    LEFT6,
    LEFT6_HOST,
    LEFT_HOST,
    RIGHT,
    RIGHT6,
    RIGHT6_HOST,
    RIGHT_HOST,
)
from tests.lab.needs import need_programs, need_root
from tests.lab.netns import Namespace, veth, wait_until

_numbers = itertools.count()


@pytest.fixture
def host() -> Iterator[Namespace]:
    """One host with an address on `lo` from each site network."""
    need_root()
    need_programs("ip")
    with Namespace(f"us{os.getpid()}-{next(_numbers)}") as namespace:
        namespace.add_address("lo", f"{LEFT_HOST}/32", f"{LEFT6_HOST}/128")
        _await_local_route(namespace, LEFT6_HOST)
        yield namespace


@pytest.fixture
def hosts(host: Namespace) -> Iterator[tuple[Namespace, Namespace]]:
    """Two hosts with a cable between them and a site network behind each. They know no route to each other's site."""
    need_programs("ping")
    with Namespace(f"us{os.getpid()}-{next(_numbers)}") as other:
        veth(host, other)
        host.add_address("eth0", f"{LEFT}/24", f"{LEFT6}/64")
        other.add_address("eth0", f"{RIGHT}/24", f"{RIGHT6}/64")
        other.add_address("lo", f"{RIGHT_HOST}/32", f"{RIGHT6_HOST}/128")
        for namespace, address in ((host, LEFT6), (other, RIGHT6), (other, RIGHT6_HOST)):
            _await_local_route(namespace, address)
        yield host, other


def _await_local_route(namespace: Namespace, address: str) -> None:
    """The kernel makes the route to a new IPv6 address a moment after the address."""
    show = ("ip", "-6", "route", "show", "table", "local")
    wait_until(lambda: f"local {address} " in namespace.run(*show).stdout)
