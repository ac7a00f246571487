"""The namespaces that other tests stand on."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator

import pytest

from tests.lab.needs import need_programs, need_root
from tests.lab.netns import Namespace, veth, wait_until


@pytest.fixture
def pair() -> Iterator[tuple[Namespace, Namespace]]:
    need_root()
    need_programs("ip", "ping")
    with Namespace(f"labl{os.getpid()}") as left, Namespace(f"labr{os.getpid()}") as right:
        veth(left, right)
        left.add_address("eth0", "192.0.2.1/24", "2001:db8::1/64")
        right.add_address("eth0", "192.0.2.2/24", "2001:db8::2/64")
        yield left, right


def test_connected_namespaces_reach_each_other(pair: tuple[Namespace, Namespace]):
    left, right = pair
    assert left.ping("192.0.2.2", count=2)
    assert right.ping("2001:db8::1")
    assert not left.ping("192.0.2.3", wait=0.1)


def test_a_route_leads_further(pair: tuple[Namespace, Namespace]):
    left, right = pair
    right.add_address("lo", "10.2.0.1/32")
    left.add_route("10.2.0.0/16", "via", "192.0.2.2")
    assert left.ping("10.2.0.1")


def test_a_failing_command_quotes_its_output(pair: tuple[Namespace, Namespace]):
    left, _ = pair
    with pytest.raises(RuntimeError, match="no such file"):
        left.run("sh", "-c", "echo no such file >&2; exit 3")
    assert left.run("false", check=False).returncode == 1


def test_sockets_can_be_opened_inside(pair: tuple[Namespace, Namespace]):
    left, right = pair
    with right.entered():
        server = socket.create_server(("192.0.2.2", 0))
    with server, left.entered():
        client = socket.create_connection(server.getsockname(), 60)
        client.close()


def test_leaving_a_namespace_leads_back(pair: tuple[Namespace, Namespace]):
    left, _ = pair
    outside = os.readlink("/proc/thread-self/ns/net")
    with left.entered():
        assert os.readlink("/proc/thread-self/ns/net") != outside
    assert os.readlink("/proc/thread-self/ns/net") == outside


def test_nothing_outlives_a_namespace():
    need_root()
    need_programs("ip", "ping")
    with Namespace(f"labx{os.getpid()}") as namespace:
        child = namespace.popen("sleep", "600")
        stray = subprocess.Popen(namespace.prefix(["sleep", "600"]))
        wait_until(lambda: len(namespace.run("ip", "netns", "pids", namespace.name).stdout.split()) >= 2)
    assert child.poll() is not None
    assert stray.wait(60) is not None
    assert namespace.name not in subprocess.run(["ip", "netns"], capture_output=True, text=True, check=True).stdout


def test_waiting_ends():
    with pytest.raises(TimeoutError, match=r"still not true after 0\.1 s"):
        wait_until(lambda: False, timeout=0.1)
