"""Situations of two rekeying peers, staged datagram by datagram on the virtual clock.

The invariants of each: traffic can flow after every single step, and in the end both sides have the same SAs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from ikeengine.outputs import ChildUpdown, IkeUpdown, Transmit
from ikeengine.registry import ExchangeType
from ikeengine.sa.context import Context
from ikeengine.wire.header import FLAG_RESPONSE
from tests.engine.support.pair import Host, Net, installed_pairs, traffic_flows
from tests.engine.support.site import psk_pair

CREATE_CHILD_SA, INFORMATIONAL = int(ExchangeType.CREATE_CHILD_SA), int(ExchangeType.INFORMATIONAL)


@dataclass
class Held:
    """Datagrams that the network keeps back until they are released; `sent` are those of the first transmission."""

    net: Net
    sender: Host
    exchange: int
    response: bool
    count: int = 1
    lost: bool = False
    sent: list[Transmit] = field(default_factory=list)

    def takes(self, datagram: Transmit) -> bool:
        """Whether this datagram, or the first transmission of it, is kept back."""
        is_response = bool(datagram.data[19] & FLAG_RESPONSE)
        if datagram.path.local != self.sender.address or is_response != self.response:
            return False
        if any(datagram.data == kept.data for kept in self.sent):
            return not self.lost
        if datagram.data[18] != self.exchange or len(self.sent) >= self.count:
            return False
        self.sent.append(datagram)
        return True

    def release(self) -> None:
        """Deliver what was kept back, and hold nothing any more."""
        assert self.sent, "there was nothing to keep back"
        kept, self.sent, self.count = self.sent, [], 0
        for datagram in kept:
            self.net.transmit(datagram)


class Stage:
    """Two hosts with an established Child SA `net`, and a network that a test directs."""

    def __init__(self, **changes: object) -> None:
        self.net, self.left, self.right = psk_pair(**changes)  # type: ignore[arg-type]
        assert self.net.initiate(self.left).ok
        self.net.settle()
        self._held: list[Held] = []
        self.net.rewrite = self._keep_back
        self.net.watch = self._watch

    @property
    def hosts(self) -> tuple[Host, Host]:
        """Left and right."""
        return self.left, self.right

    def other(self, host: Host) -> Host:
        """The peer of a host."""
        return self.right if host is self.left else self.left

    def name(self, host: Host) -> str:
        """The connection of a host."""
        return "left" if host is self.left else "right"

    def hold(self, sender: Host, exchange: int = CREATE_CHILD_SA, *, response: bool, count: int = 1) -> Held:
        """Keep back the next datagrams of a kind, with their retransmissions, until they are released."""
        held = Held(self.net, sender, exchange, response, count)
        self._held.append(held)
        return held

    def drop(self, sender: Host, exchange: int = CREATE_CHILD_SA, *, response: bool) -> Held:
        """Lose the next datagram of a kind; its retransmission arrives."""
        held = Held(self.net, sender, exchange, response, lost=True)
        self._held.append(held)
        return held

    def _keep_back(self, datagram: Transmit) -> Transmit | None:
        return None if any(held.takes(datagram) for held in self._held) else datagram

    def _watch(self) -> None:
        assert traffic_flows(self.left, self.right), f"no traffic can flow at {self.net.now}"

    def anything_goes(self) -> None:
        """From now on the tunnel may be down for a moment: somebody has closed it."""
        self.net.watch = lambda: None

    def assert_one_tunnel(self, seconds: float = 150) -> None:
        """After a while both sides have one IKE SA and in it one Child SA, the same ones, and nobody saw it go down."""
        self.net.run(seconds)
        (ours,), (theirs,) = self.left.endpoint.status(), self.right.endpoint.status()
        assert (ours.spi_i, ours.spi_r) == (theirs.spi_i, theirs.spi_r)
        assert ours.state == theirs.state == "ESTABLISHED"
        assert len(list(installed_pairs(*self.hosts))) == 1
        assert len(self.left.sas) == len(self.right.sas) == 2
        assert traffic_flows(*self.hosts)
        for host in self.hosts:
            for kind in (IkeUpdown, ChildUpdown):
                assert [event.up for event in host.events(kind)] == [True], "a rekeying is neither an up nor a down"

    def assert_no_child(self, seconds: float = 150) -> None:
        """After a while neither side has a Child SA; the IKE SA is still the same on both."""
        self.net.run(seconds)
        (ours,), (theirs,) = self.left.endpoint.status(), self.right.endpoint.status()
        assert (ours.spi_i, ours.spi_r) == (theirs.spi_i, theirs.spi_r)
        for host in self.hosts:
            assert not host.sas
            assert not host.children()

    def assert_nothing(self, seconds: float = 200) -> None:
        """After a while neither side has any SA."""
        self.net.run(seconds)
        for host in self.hosts:
            assert not host.sas
            assert not host.endpoint.status()


def stage(role: str, **changes: object) -> tuple[Stage, Host, Host]:
    """An established pair: the stage, `one` (which is the host called `role`) and `peer`."""
    built = Stage(**changes)
    one = built.left if role == "left" else built.right
    return built, one, built.other(one)


Nonces = Callable[[], None]
"""Chooses which of the next nonces is the lowest."""


def choose_nonces(monkeypatch: pytest.MonkeyPatch, *first_octets: int) -> None:
    """Let the next nonces, of whichever host, begin with these octets, so that a test knows which one is the lowest."""
    chosen, fresh = deque(first_octets), Context.new_nonce

    def new_nonce(ctx: Context) -> bytes:
        octets = fresh(ctx)
        return bytes([chosen.popleft()]) + octets[1:] if chosen else octets

    monkeypatch.setattr(Context, "new_nonce", new_nonce)
