"""A host whose peer believes that it sets the commit bit, and says CONNECTED as racoon does or as RFC 2408 wants it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ikeengine.endpoint import Endpoint
from ikeengine.ikev1.keys.hashes import hash_1
from ikeengine.ikev1.wire.message import FLAG_COMMIT, FLAG_ENCRYPTION, frame, write_chain
from ikeengine.ikev1.wire.numbers import NotifyType, ProtocolId
from ikeengine.ikev1.wire.payloads import Hash, Notify, Payload
from ikeengine.model.path import Path
from ikeengine.outputs import Transmit
from ikeengine.registry import ExchangeType
from ikeengine.wire.header import read_header
from tests.engine.support.forge_v1 import the_sa
from tests.engine.support.pair import Host, Net

_FLAGS_AT = 19
QUICK, INFORMATIONAL = ExchangeType.QUICK_MODE, ExchangeType.INFORMATIONAL_V1


def with_commit_bit(datagram: Transmit) -> Transmit:
    """The same with the bit, which nothing authenticates."""
    data = bytearray(datagram.data)
    data[_FLAGS_AT] |= FLAG_COMMIT
    return Transmit(bytes(data), datagram.path)


@dataclass
class Committer:
    """Makes the Quick Modes of one host commit ones: as a responder when the third message has come, as an initiator
    when it has gone, CONNECTED follows; again whenever that comes or goes again.
    """

    net: Net
    host: Host
    exchange: int = QUICK
    own_iv: bool = False
    """Whether CONNECTED begins with an IV of its own."""
    silent: bool = False
    sent: list[Transmit] = field(default_factory=list)
    _messages: dict[int, list[bytes]] = field(default_factory=dict)
    """What has gone over the wire in each Quick Mode, each message once."""

    def __post_init__(self) -> None:
        self.net.rewrite = self._rewrite
        self.host.endpoint = _Overheard(self.host.endpoint, self._received)

    def _rewrite(self, datagram: Transmit) -> Transmit | None:
        if datagram.data[18] != QUICK:
            return datagram
        ours = datagram.path.local == self.host.address
        self.net.transmit(with_commit_bit(datagram) if ours else datagram)
        if self._is_third(datagram.data) and ours:
            self._say_connected(datagram.data, datagram.path)
        return None

    def _received(self, data: bytes, path: Path) -> None:
        if data[18] == QUICK and self._is_third(data):
            self._say_connected(data, path)

    def _is_third(self, data: bytes) -> bool:
        messages = self._messages.setdefault(read_header(data).message_id, [])
        if data not in messages:
            messages.append(data)
        return messages.index(data) == 2

    def _say_connected(self, third: bytes, path: Path) -> None:
        if not self.silent:
            number = read_header(third).message_id
            data = connected(the_sa(self.host), number, third, self.exchange, own_iv=self.own_iv)
            self.sent.append(Transmit(data, path))
            self.net.transmit(self.sent[-1])


class _Overheard:
    """An endpoint, and who wants to know what it gets."""

    def __init__(self, endpoint: Endpoint, listener: Callable[[bytes, Path], None]) -> None:
        self._endpoint, self._listener = endpoint, listener

    def receive_datagram(self, data: bytes, path: Path, now: float) -> None:
        """To the endpoint, and then to the listener."""
        self._endpoint.receive_datagram(data, path, now)
        self._listener(data, path)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._endpoint, name)


def connected(
    sa: Any,
    message_id: int,
    third: bytes,
    exchange: int = QUICK,
    *,
    own_iv: bool = False,
    more: Sequence[Payload] = (),
    **changes: Any,
) -> bytes:
    """CONNECTED by the peer of whoever gets it; `third` is the message before it, `changes` those of the notify."""
    notify = Notify(**{"kind": NotifyType.CONNECTED, "protocol": ProtocolId.ESP, "spi": bytes(4), **changes})
    payloads: list[Payload] = [notify, *more]
    digest = hash_1(sa.prf_id, sa.keyring.keys.skeyid_a, message_id, write_chain(payloads)[1])
    first, chain = write_chain([Hash(digest), *payloads])
    keyring = sa.keyring
    iv = keyring.ivs.first_iv(message_id) if own_iv else third[-keyring.cipher.block :]
    octets, _next_iv = keyring.cipher.encrypt(iv, chain)
    return frame(sa.spi_i, sa.spi_r, exchange, FLAG_ENCRYPTION, message_id, first, octets)
