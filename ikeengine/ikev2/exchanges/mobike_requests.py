"""What the peer says about addresses: in IKE_AUTH, and in INFORMATIONAL requests (RFC 4555 sections 3.2 to 3.9)."""

from __future__ import annotations

from ikeengine.ikev2.exchanges.mobike import CheckRoutability, update_to
from ikeengine.ikev2.messages import natd
from ikeengine.ikev2.messages.received import Received
from ikeengine.ikev2.mobike import moving
from ikeengine.ikev2.mobike.mobility import Mobility, additional, address_notifies, read_addresses
from ikeengine.ikev2.sa import Handshake, IkeSa
from ikeengine.ikev2.states import IkeState
from ikeengine.model.connection import ConnectionConfig
from ikeengine.model.path import Path, packed
from ikeengine.outputs import LogLine
from ikeengine.registry import NotifyType
from ikeengine.sa.context import Context
from ikeengine.wire.payloads import Notify, Payload

_LEAST_COOKIE, _LARGEST_COOKIE = 8, 64


def may_roam(connection: ConnectionConfig, handshake: Handshake) -> bool:
    """Whether we want MOBIKE with this peer. Without NAT traversal on both sides we do not."""
    return connection.mobike and handshake.peer_does_nat_t


def offer(ctx: Context, sa: IkeSa) -> list[Payload]:
    """MOBIKE_SUPPORTED and our other addresses, for our IKE_AUTH message. Nothing if MOBIKE cannot be."""
    handshake = sa.handshake
    if handshake is None or not may_roam(sa.connection, handshake) or sa.path.local_port != ctx.settings.port_nat_t:
        return []
    others = additional(ctx.addresses, sa.path.local)
    return [Notify(NotifyType.MOBIKE_SUPPORTED), *(address_notifies(others) if others else [])]


def agree(ctx: Context, sa: IkeSa, message: Received) -> list[Payload]:
    """The peer's IKE_AUTH message may offer MOBIKE: remember that. Returns our own offer, empty if there is no MOBIKE.

    The answers are to be sent, or were sent already, depending on the role.
    """
    ours = offer(ctx, sa)
    if not ours or message.notify(NotifyType.MOBIKE_SUPPORTED) is None:
        return []
    sa.mobility = Mobility(
        decides=sa.is_initiator,
        peer_addresses=read_addresses(message) or (),
        announced=additional(ctx.addresses, sa.path.local),
    )
    return ours


def answer(ctx: Context, sa: IkeSa, message: Received) -> list[Payload]:
    """The MOBIKE part of the answer to an INFORMATIONAL request, after doing what the request wants."""
    mobility = sa.mobility
    if mobility is None:
        return []
    echo = _echo(message)
    if not _addresses_are_intact(message):
        return [Notify(NotifyType.UNEXPECTED_NAT_DETECTED), *echo]
    wants_update = message.notify(NotifyType.UPDATE_SA_ADDRESSES) is not None and not mobility.decides
    if wants_update and not _is_acceptable(ctx, message.path):
        return [Notify(NotifyType.UNACCEPTABLE_ADDRESSES), *echo]
    nats = natd.detect(message, sa.spi_i, sa.spi_r) if natd.is_told(message) else None
    present = sa if sa.state is IkeState.ESTABLISHED else moving.heir(ctx, sa)
    if present is not None and present.mobility is not None:
        addresses = read_addresses(message)
        if addresses is not None:
            present.mobility.peer_addresses = addresses
        if wants_update:
            _update(ctx, present, present.mobility, message.path, nats)
        elif addresses is not None and mobility.decides:
            _reconsider(ctx, present, present.mobility, message.path)
        ctx.touch(present)
    if nats is not None:
        echo += natd.payloads(sa.spi_i, sa.spi_r, message.path, fake=sa.connection.encap)
    return echo


def _echo(message: Received) -> list[Payload]:
    """COOKIE2 comes back as it is (section 3.7)."""
    cookie = message.notify(NotifyType.COOKIE2)
    return [cookie] if cookie is not None and _LEAST_COOKIE <= len(cookie.data) <= _LARGEST_COOKIE else []


def _addresses_are_intact(message: Received) -> bool:
    """Whether the IP header says what NO_NATS_ALLOWED, if it is there, says (sections 3.9 and 4.2.6)."""
    notify = message.notify(NotifyType.NO_NATS_ALLOWED)
    path = message.path
    ports = path.remote_port.to_bytes(2, "big") + path.local_port.to_bytes(2, "big")
    return notify is None or notify.data == packed(path.remote) + packed(path.local) + ports


def _is_acceptable(ctx: Context, path: Path) -> bool:
    """Nobody but ourselves is at our own addresses."""
    return path.remote not in ctx.addresses and path.remote != path.local


def _update(ctx: Context, sa: IkeSa, mobility: Mobility, path: Path, nats: tuple[bool, bool] | None) -> None:
    """The initiator is at another address: answer there, and send traffic there once that is known to be true."""
    if path == sa.traffic_path or not ctx.settings.return_routability:
        moving.move(ctx, sa, path, nats)
        return
    if path != sa.path:
        moving.try_path(ctx, sa, mobility, path)
    mobility.nats = nats
    if not any(isinstance(task, CheckRoutability) for task in sa.queue):
        sa.queue.appendleft(CheckRoutability())


def _reconsider(ctx: Context, sa: IkeSa, mobility: Mobility, path: Path) -> None:
    """The responder has told its addresses: if the one in use is not among them, go where the message came from."""
    mobility.refused.clear()
    gone = sa.path.remote != path.remote and sa.path.remote not in mobility.peer_addresses
    if gone:
        text = f"the peer is no longer at {sa.path.remote}"
        ctx.emit(LogLine(1, "IKE", text, sa.name, sa.unique_id))
        update_to(ctx, sa, mobility, path)
