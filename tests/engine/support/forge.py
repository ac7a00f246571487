"""Messages that no honest peer would send: IKE_SA_INIT by hand, and protected ones with the keys of a live IKE SA."""

from __future__ import annotations

from collections.abc import Sequence

from ikeengine.crypto.kex import KEX
from ikeengine.crypto.rng import SeededRng
from ikeengine.model.path import Path
from ikeengine.negotiate.proposals import offer
from ikeengine.registry import ExchangeType
from ikeengine.wire.header import FLAG_INITIATOR, FLAG_RESPONSE
from ikeengine.wire.message import write_message
from ikeengine.wire.payloads import Ke, Nonce, Payload, Sa
from ikeengine.wire.sk import seal_message
from tests.engine.support.pair import Host, Net
from tests.engine.support.site import IKE, LEFT, RIGHT

X25519 = 31
TO_RIGHT = Path(RIGHT, 500, LEFT, 500)
TO_LEFT = Path(LEFT, 500, RIGHT, 500)


def init_request(seed: int | str = 0, *extra: Payload, spi: bytes = b"", **replaced: Payload | None) -> bytes:
    """An IKE_SA_INIT request that the right host of `psk_pair` would accept; `sa`, `ke`, `nonce` replace payloads."""
    rng = SeededRng(f"forge {seed}")
    payloads: dict[str, Payload | None] = {
        "sa": Sa(offer((IKE,))),
        "ke": Ke(X25519, KEX[X25519].generate(rng).public),
        "nonce": Nonce(rng.bytes(32)),
        **replaced,
    }
    chain = [*extra, *(payload for payload in payloads.values() if payload is not None)]
    return write_message(spi or rng.bytes(8), bytes(8), ExchangeType.IKE_SA_INIT, FLAG_INITIATOR, 0, chain)


def init_response(request: bytes, *payloads: Payload, spi_r: bytes = b"attacker") -> bytes:
    """A response to an IKE_SA_INIT request, from anybody."""
    return write_message(request[:8], spi_r, ExchangeType.IKE_SA_INIT, FLAG_RESPONSE, 0, payloads)


def sealed(
    host: Host, exchange: ExchangeType, message_id: int, payloads: Sequence[Payload], *, response: bool = False
) -> bytes:
    """A message that `host` itself would send on its only IKE SA."""
    (sa,) = host.endpoint._ctx.table
    assert sa.keys is not None
    flags = (FLAG_INITIATOR if sa.is_initiator else 0) | (FLAG_RESPONSE if response else 0)
    sa.keys.sent += 1
    iv = sa.keys.cipher_out.next_iv(sa.keys.sent, SeededRng(1))
    return seal_message(sa.spi_i, sa.spi_r, exchange, flags, message_id, payloads, sa.keys.cipher_out, iv)


def deliver(net: Net, host: Host, data: bytes, path: Path | None = None) -> list:
    """Hand a datagram to a host. Returns what the host wants done because of it, after doing it."""
    before = len(host.log)
    host.endpoint.receive_datagram(data, path or (TO_RIGHT if host.address == RIGHT else TO_LEFT), net.now)
    net.pump(host)
    return host.log[before:]
