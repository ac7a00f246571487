"""Refusals of the kernel, which a healthy host never shows."""

from __future__ import annotations

import errno
import os

import pytest

from ikeengine.datapath.policies import SelectorPair
from ikeengine.datapath.userspace import rtnetlink, tun
from ikeengine.datapath.userspace.routes import RouteSettings, TunnelRoutes
from ikeengine.datapath.userspace.rtnetlink import RouteError, RouteSocket
from ikeengine.datapath.userspace.tun import TunDevice
from ikeengine.errors import DatapathError
from tests.engine.datapath.userspace.samples import LEFT_NET, RIGHT_NET, selector

PAIR = SelectorPair(selector(LEFT_NET), selector(RIGHT_NET))


class Kernel:
    """Instead of a RouteSocket: remembers routes and refuses what it is told to refuse."""

    def __init__(self) -> None:
        self.routes: set[str] = set()
        self.rules: list[int] = []
        self.refuse: dict[tuple[str, str], int] = {}

    def call(self, operation):
        return operation(self)

    def route(self, command: str, **what) -> None:
        self._refuse(command, what["dst"])
        (self.routes.add if command == "replace" else self.routes.discard)(what["dst"])

    def rule(self, command: str, **what) -> None:
        self._refuse(command, str(what["family"]))
        (self.rules.append if command == "add" else self.rules.remove)(what["family"])

    def get_addr(self) -> list:
        return []

    def _refuse(self, command: str, what: str) -> None:
        code = self.refuse.get((command, what))
        if code:
            raise RouteError(code, "refused")


def make_routes(kernel: Kernel) -> TunnelRoutes:
    return TunnelRoutes(5, RouteSettings(), kernel)


def test_a_half_installed_range_is_taken_back():
    kernel = Kernel()
    routes = make_routes(kernel)
    whole = selector("10.2.0.0/31")
    pair = PAIR._replace(remote=type(whole)(whole.first, selector("10.2.0.2").last))
    kernel.refuse["replace", "10.2.0.2/32"] = errno.ENETDOWN
    with pytest.raises(DatapathError):
        routes.add(pair, "")
    assert kernel.routes == set()
    kernel.refuse.clear()
    routes.add(pair, "")
    assert kernel.routes == {"10.2.0.0/31", "10.2.0.2/32"}


def test_what_cannot_be_taken_back_is_logged(caplog):
    kernel = Kernel()
    routes = make_routes(kernel)
    routes.add(PAIR, "")
    kernel.refuse["replace", RIGHT_NET] = errno.ENETDOWN
    with pytest.raises(DatapathError):
        routes.add(PAIR._replace(local=selector("10.9.0.0/16")), "")
    assert "cannot restore" in caplog.text


def test_a_route_that_is_gone_already_is_fine():
    kernel = Kernel()
    routes = make_routes(kernel)
    routes.add(PAIR, "")
    kernel.refuse["del", RIGHT_NET] = errno.ESRCH
    routes.remove(PAIR)
    routes.add(PAIR, "")
    kernel.refuse["del", RIGHT_NET] = errno.EPERM
    with pytest.raises(DatapathError):
        routes.remove(PAIR)


@pytest.mark.parametrize("code", [errno.EAFNOSUPPORT, errno.EOPNOTSUPP])
def test_a_host_without_ipv6_has_one_rule(code):
    kernel = Kernel()
    kernel.refuse["add", "10"] = code
    routes = make_routes(kernel)
    assert kernel.rules == [2]
    routes.close()
    assert kernel.rules == []


def test_a_refused_rule_is_an_error():
    kernel = Kernel()
    kernel.refuse["add", "2"] = errno.EPERM
    with pytest.raises(DatapathError):
        make_routes(kernel)


def test_a_host_without_netlink(monkeypatch):
    def refuse() -> None:
        raise OSError(errno.EPROTONOSUPPORT, "Protocol not supported")

    monkeypatch.setattr(rtnetlink, "IPRoute", refuse)
    with pytest.raises(DatapathError, match="Protocol not supported"):
        RouteSocket()


def test_a_kernel_without_napi_for_tun(host, monkeypatch):
    real = tun._attach

    def attach(name: str, flags: int) -> int:
        if flags & tun._IFF_NAPI:
            raise OSError(errno.EINVAL, "Invalid argument")
        return real(name, flags)

    monkeypatch.setattr(tun, "_attach", attach)
    with host.entered():
        routes = RouteSocket()
        device = TunDevice("old0", 1400, routes)
        device.close()
        routes.close()
    assert "old0" not in host.run("ip", "link").stdout


def test_a_device_that_cannot_be_set_up_is_removed(host):
    with host.entered():
        routes = RouteSocket()
        with pytest.raises(DatapathError):
            TunDevice("ike0", 10, routes)
        routes.close()
    assert "ike0" not in host.run("ip", "link").stdout


def test_without_the_tun_driver(monkeypatch):
    def missing(path: str, flags: int) -> int:
        raise FileNotFoundError(errno.ENOENT, "No such file or directory", path)

    monkeypatch.setattr(os, "open", missing)
    with pytest.raises(DatapathError, match="No such file"):
        TunDevice("ike0", 1400, RouteSocket.__new__(RouteSocket))
