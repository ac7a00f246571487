"""What every interop test works with: the engine on the left, strongSwan on the right, and connections for both."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.lab import charon as charons
from tests.lab import engine as engines
from tests.lab.charon import Charon
from tests.lab.control import Control, Refused, Section
from tests.lab.engine import Engine
from tests.lab.netns import wait_until
from tests.lab.topology import Router, Site, sites_with_nat, two_sites

PSK = "a secret that only the two gateways know"
LEFT_ID, RIGHT_ID = "left.example.com", "right.example.com"
IKE_PROPOSAL = "aes128gcm16-prfsha256-x25519"
ESP_PROPOSAL = "aes128gcm16-x25519"


@dataclass
class Lab:
    """Two gateways with their daemons."""

    left: Site
    right: Site
    engine: Engine
    charon: Charon | Engine
    """The daemon on the right: strongSwan, unless a test wants a second engine there (`engines_lab`)."""
    router: Router | None = None
    tests: int = 0
    routers: Mapping[str, Router] = field(default_factory=dict)
    """By address of the gateway that each of them hides."""

    @property
    def name(self) -> str:
        """The connection of this test. Its own, because the engine remembers failures beyond a connection's end."""
        return f"site{self.tests}"

    def daemon(self, name: str) -> Control:
        """`engine` or `charon`."""
        return self.engine if name == "engine" else self.charon

    def peer(self, name: str) -> Control:
        """The other one."""
        return self.charon if name == "engine" else self.engine

    def connect(self, *, engine: Section | None = None, charon: Section | None = None, **both: Any) -> None:
        """Load the connection `name` with the child `net` on both gateways, and the pre-shared key.

        The arguments change the connection of one side or of both; what concerns the child is below `children.net`.
        """
        for name, changes in (("charon", charon), ("engine", engine)):
            daemon = self.daemon(name)
            daemon.load_psk(PSK)
            daemon.load({self.name: merged(self.connection(name), both, changes or {})})

    def connection(self, name: str) -> dict[str, Any]:
        """The plain connection of one side."""
        own, peer, ids = (self.left, self.right, (LEFT_ID, RIGHT_ID))
        if name == "charon":
            own, peer, ids = peer, own, (RIGHT_ID, LEFT_ID)
        return {
            "version": "2",
            "local_addrs": [own.address],
            "remote_addrs": [self.seen_address(peer)],
            "proposals": [IKE_PROPOSAL],
            "local": {"auth": "psk", "id": ids[0]},
            "remote": {"auth": "psk", "id": ids[1]},
            "children": {
                "net": {
                    "local_ts": [own.net],
                    "remote_ts": [peer.net],
                    "esp_proposals": [ESP_PROPOSAL],
                }
            },
        }

    def seen_address(self, site: Site) -> str:
        """The address of a gateway as the other one sees it."""
        if site.address in self.routers:
            return self.routers[site.address].public
        hidden = self.router is not None and not site.address.startswith("192.0.2.")
        return self.router.public if self.router is not None and hidden else site.address

    def assert_same_child(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Both gateways have the same Child SA, and only that one. Returns the engine's and charon's view."""
        mine, theirs = self._same(Control.children, "spi-in", "spi-out")
        assert (mine["spi-in"], mine["spi-out"]) == (theirs["spi-out"], theirs["spi-in"])
        assert (mine["local-ts"], mine["remote-ts"]) == (theirs["remote-ts"], theirs["local-ts"])
        for key in ("protocol", "mode", "encr-alg", "encr-keysize", "integ-alg"):
            assert mine.get(key) == theirs.get(key), key
        return mine, theirs

    def assert_same_ike(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Both gateways have the same IKE SA, and no other is up. Returns the engine's and charon's view."""
        mine, theirs = self._same(Control.ikes, "initiator-spi", "initiator-spi")
        for key in ("initiator-spi", "responder-spi", "encr-alg", "prf-alg", "dh-group"):
            assert mine[key] == theirs[key], key
        assert (mine["local-id"], mine["remote-id"]) == (theirs["remote-id"], theirs["local-id"])
        return mine, theirs

    def _same(self, kind: Callable[[Control], list[dict[str, Any]]], mine: str, theirs: str) -> list[dict[str, Any]]:
        """The only SA of a kind on each side, as soon as both have the same one; until then it may be replaced."""
        views: list[dict[str, Any]] = []

        def agree() -> bool:
            views[:] = [*kind(self.engine), *kind(self.charon)]
            return len(views) == 2 and views[0].get(mine) == views[1].get(theirs)

        with contextlib.suppress(TimeoutError):
            wait_until(agree)
        assert len(views) == 2, views
        return views

    def assert_traffic(self) -> None:
        """The clients reach each other both ways, and every packet went through this engine's Child SA.

        The initiator of IKEv1 has its Child SA before the responder has.
        """
        wait_until(lambda: self.engine.children() and self.charon.children())
        before = self.engine.child()
        assert self.left.client.ping(self.right.host, count=3), self._routes()
        assert self.right.client.ping(self.left.host, count=3), self._routes()
        for direction in ("packets-in", "packets-out"):
            wait_until(lambda way=direction: int(self.engine.child()[way]) - int(before[way]) >= 6)

    def _routes(self) -> str:
        """What to look at first when packets do not arrive."""
        gateways = (self.left.gateway, self.right.gateway)
        return "\n".join(gateway.run("ip", "route", "show", "table", "all").stdout for gateway in gateways)

    def rekey_child(self, name: str) -> None:
        """Rekey the Child SA from one side, and wait until both sides have only the new one."""
        old = self.engine.child()["spi-in"]
        self._ask_to_rekey(name, child="net")
        wait_until(lambda: [child["spi-in"] for child in self.engine.children()] not in ([], [old]))
        wait_until(lambda: len(self.engine.children()) == len(self.charon.children()) == 1)
        assert self.engine.child()["spi-in"] != old
        self.assert_same_child()

    def rekey_ike(self, name: str) -> None:
        """Rekey the IKE SA from one side, and wait until both sides have only the new one."""
        old = self.engine.ike()["initiator-spi"]
        self._ask_to_rekey(name, ike=self.name)
        wait_until(lambda: all(sa["initiator-spi"] != old for sa in (*self.engine.sas(), *self.charon.sas())))
        self.assert_same_ike()
        self.assert_same_child()

    def _ask_to_rekey(self, name: str, **which: str) -> None:
        """Whoever is told that the peer is busy (TEMPORARY_FAILURE) tries again by itself."""
        try:
            self.daemon(name).rekey(**which)
        except Refused as refused:
            if "tried again" not in str(refused):
                raise

    def assert_no_traffic(self) -> None:
        """The clients do not reach each other."""
        assert not self.left.client.ping(self.right.host, wait=0.3)

    def reset(self) -> None:
        """Forget everything that the last test has loaded."""
        for daemon in (self.engine, self.charon):
            daemon.clear()
        wait_until(lambda: not self.engine.sas() and not self.charon.sas())
        self.engine.mark_log()
        self.charon.mark_log()
        self.tests += 1


@contextlib.contextmanager
def lab(
    directory: Path,
    *,
    engine: Section | None = None,
    charon: Section | None = None,
    hidden: str = "",
    static_nat: bool = False,
    datapath: str = "userspace",
    kernel: str = charons.LIBIPSEC,
    kind: type[Charon] = Charon,
) -> Iterator[Lab]:
    """Two sites with running daemons; `hidden` names the site that is behind a NAT, `left` or `right`.

    `datapath` is the engine's, `kernel` the plugins that are charon's, `kind` which charon it is.
    """
    with contextlib.ExitStack() as stack:
        router = None
        if hidden:
            left, right, router = stack.enter_context(sites_with_nat(hidden=hidden, static=static_nat))
        else:
            left, right = stack.enter_context(two_sites())
        mine = Engine(left.gateway, directory / "engine", engine, datapath=datapath)
        theirs = kind(right.gateway, directory / "charon", charon, kernel=kernel)
        stack.enter_context(engines.running(mine))
        stack.enter_context(charons.running(theirs))
        yield Lab(left, right, mine, theirs, router)


@contextlib.contextmanager
def lab_on(
    left: Site,
    right: Site,
    directory: Path,
    *,
    engine: Section | None = None,
    charon: Section | None = None,
    routers: Mapping[str, Router] | None = None,
) -> Iterator[Lab]:
    """The same on a network of the test's own."""
    mine = Engine(left.gateway, directory / "engine", engine)
    theirs = Charon(right.gateway, directory / "charon", charon)
    with engines.running(mine), charons.running(theirs):
        yield Lab(left, right, mine, theirs, routers=routers or {})


@contextlib.contextmanager
def engines_lab(
    directory: Path, settings: Section | None = None, *, datapath: str = "userspace", peer: str = ""
) -> Iterator[Lab]:
    """The same with a second engine in the place of charon; `settings` are for both.

    `peer` is the datapath of the second one, if that is another one.
    """
    with two_sites() as (left, right):
        mine = Engine(left.gateway, directory / "left", settings, datapath=datapath)
        theirs = Engine(right.gateway, directory / "right", settings, datapath=peer or datapath)
        with engines.running(mine), engines.running(theirs):
            yield Lab(left, right, mine, theirs)


def merged(base: Section, *changes: Section) -> dict[str, Any]:
    """A section with others laid over it; None removes a key."""
    result = dict(base)
    for change in changes:
        for key, value in change.items():
            old = result.get(key)
            if value is None:
                result.pop(key, None)
            elif isinstance(value, Mapping):
                result[key] = merged(old if isinstance(old, Mapping) else {}, value)
            else:
                result[key] = value
    return result


def child(**changes: Any) -> dict[str, Any]:
    """Changes of the child `net`, to be passed to `Lab.connect`."""
    return {"children": {"net": changes}}
