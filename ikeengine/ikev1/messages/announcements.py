"""What we can do and what the peer can do, as vendor IDs of the first messages say it (RFC 2408 section 3.16)."""

from __future__ import annotations

from ikeengine.ikev1.messages import vendor_ids
from ikeengine.ikev1.messages.nat_t import ANNOUNCED, NatTraversal, choose
from ikeengine.ikev1.messages.received import Received
from ikeengine.ikev1.messages.vendor_ids import VendorIdentity, recognise, takes_fragments
from ikeengine.ikev1.sa import IkeSa
from ikeengine.ikev1.wire.payloads import Payload, VendorId
from ikeengine.model.connection import AuthKind, ConnectionConfig, Fragmentation
from ikeengine.sa.context import Context


def announce(ctx: Context, config: ConnectionConfig) -> list[Payload]:
    """What an initiator announces."""
    variants = [VendorId(variant.vendor_id.announcement) for variant in ANNOUNCED]
    return [*_abilities(ctx, config), *variants]


def answer(ctx: Context, config: ConnectionConfig, traversal: NatTraversal | None) -> list[Payload]:
    """What a responder announces: of NAT traversal only the way that is taken (RFC 3947 section 3.1)."""
    chosen = [] if traversal is None else [VendorId(traversal.vendor_id.announcement)]
    return [*_abilities(ctx, config), *chosen]


def _abilities(ctx: Context, config: ConnectionConfig) -> list[Payload]:
    abilities: list[VendorIdentity] = [vendor_ids.DPD]
    rounds = [auth.auth for auth in config.local] + [auth.auth for auth in config.remote]
    if AuthKind.XAUTH in rounds:
        abilities.insert(0, vendor_ids.XAUTH)
    if config.fragmentation is not Fragmentation.NO:
        abilities.append(vendor_ids.FRAGMENTATION)
    if ctx.settings.cisco_unity:
        abilities.append(vendor_ids.UNITY)
    return [VendorId(ability.announcement) for ability in abilities]


def read(sa: IkeSa, message: Received) -> None:
    """Note what the peer can do."""
    received = [payload.data for payload in message.all(VendorId)]
    known = {identity.name for identity in map(recognise, received) if identity is not None}
    sa.peer_does_dpd |= vendor_ids.DPD.name in known
    sa.peer_does_unity |= vendor_ids.UNITY.name in known
    sa.peer_takes_fragments |= any(map(takes_fragments, received))
    sa.nat_traversal = sa.nat_traversal or choose(received)
