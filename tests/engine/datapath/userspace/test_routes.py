"""Refusals of the kernel, which a healthy host never shows."""

from __future__ import annotations

import errno
import os

import pytest

from ikeengine.datapath.policies import SelectorPair
from ikeengine.datapath.userspace import rtnetlink, tun
from ikeengine.datapath.userspace.routes import TunnelRoutes
from ikeengine.datapath.userspace.rtnetlink import RouteError, RouteSocket
from ikeengine.datapath.userspace.rules import TunnelRules
from ikeengine.datapath.userspace.settings import RouteSettings
from ikeengine.datapath.userspace.tun import TunDevice
from ikeengine.errors import DatapathError
from tests.engine.datapath.userspace.samples import LEFT_NET, RIGHT_NET, selector

PAIR = SelectorPair(selector(LEFT_NET), selector(RIGHT_NET))


class Rule(dict):
    """A rule as pyroute2 gives it."""

    def get_attr(self, name: str):
        return self.get(name)


class Kernel:
    """Instead of a RouteSocket: remembers routes and rules and refuses what it is told to refuse."""

    def __init__(self) -> None:
        self.routes: set[str] = set()
        self.rules: list[Rule] = []
        self.refuse: dict[tuple[str, str], int] = {}

    def call(self, operation):
        return operation(self)

    def route(self, command: str, **what) -> None:
        self._refuse(command, what["dst"])
        (self.routes.add if command == "replace" else self.routes.discard)(what["dst"])

    def rule(self, command: str, **what) -> None:
        self._refuse(command, str(what.get("src", what["family"])))
        rule = Rule(family=what["family"], FRA_SRC=what.get("src"), src_len=what.get("src_len", 0))
        rule |= {"FRA_PRIORITY": what["priority"], "FRA_TABLE": what["table"], "FRA_FWMASK": what["fwmask"]}
        (self.rules.append if command == "add" else self.rules.remove)(rule)

    def get_rules(self, family: int) -> list[Rule]:
        return [rule for rule in self.rules if rule["family"] == family]

    def get_routes(self, table: int) -> list[dict[str, object]]:
        return []

    def get_addr(self) -> list:
        return []

    def sources(self) -> list[str]:
        return [f"{rule['FRA_SRC']}/{rule['src_len']}" for rule in self.rules if rule["FRA_SRC"]]

    def _refuse(self, command: str, what: str) -> None:
        code = self.refuse.get((command, what))
        if code:
            raise RouteError(code, "refused")


def make_routes(kernel: Kernel) -> TunnelRoutes:
    return TunnelRoutes(5, 220, TunnelRules(RouteSettings(), kernel), kernel)


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
    rules = TunnelRules(RouteSettings(), kernel)
    assert [rule["family"] for rule in kernel.rules] == [2]
    rules.close()
    assert kernel.rules == []


def test_a_refused_rule_is_an_error():
    kernel = Kernel()
    kernel.refuse["add", "2"] = errno.EPERM
    with pytest.raises(DatapathError):
        make_routes(kernel)


def test_each_local_network_has_a_rule_as_long_as_somebody_wants_it():
    kernel = Kernel()
    routes = make_routes(kernel)
    other = PAIR._replace(remote=selector("10.3.0.0/24"))
    for pair in (PAIR, other, PAIR):
        routes.add(pair, "")
    assert kernel.sources() == [LEFT_NET]
    routes.remove(PAIR)
    assert kernel.sources() == [LEFT_NET]
    routes.remove(other)
    assert kernel.sources() == []


def test_everything_is_given_as_two_halves():
    """The kernel mistakes a rule without a source for any other one."""
    kernel = Kernel()
    make_routes(kernel).add(PAIR._replace(local=selector("0.0.0.0/0")), "")
    assert kernel.sources() == ["0.0.0.0/1", "128.0.0.0/1"]


def test_a_refused_source_takes_the_route_back():
    kernel = Kernel()
    routes = make_routes(kernel)
    kernel.refuse["add", "128.0.0.0"] = errno.EPERM
    with pytest.raises(DatapathError):
        routes.add(PAIR._replace(local=selector("0.0.0.0/0")), "")
    assert kernel.sources() == []
    assert kernel.routes == set()


def test_rules_of_a_predecessor_are_replaced_and_others_stay():
    kernel = Kernel()
    make_routes(kernel).add(PAIR, "")
    foreign = [Rule(kernel.rules[0], FRA_PRIORITY=219), Rule(kernel.rules[0], FRA_FWMARK=0x1000)]
    foreign += [Rule(kernel.rules[0], FRA_FWMASK=None), Rule(kernel.rules[0], FRA_TABLE=254)]
    kernel.rules += foreign
    rules = TunnelRules(RouteSettings(), kernel)
    assert kernel.sources() == []
    assert len(kernel.rules) == 2 + len(foreign)
    rules.close()
    assert kernel.rules == foreign


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
