"""How long a Child SA lives: the initiator says it, a responder may say less (RFC 2407 sections 4.5 and 4.6.3.1)."""

from __future__ import annotations

from ikeengine.ikev1.messages.received import Received
from ikeengine.ikev1.proposals.child import Choice
from ikeengine.ikev1.proposals.lifetime import Lifetime, read_responder_lifetime, responder_lifetime
from ikeengine.ikev1.sa import IkeSa
from ikeengine.ikev1.wire.numbers import NotifyType, ProtocolId
from ikeengine.ikev1.wire.payloads import Notify
from ikeengine.model.connection import ChildConfig
from ikeengine.sa.children.data import ChildSa
from ikeengine.sa.children.ipsec_sas import RENEW_AT
from ikeengine.sa.context import Context
from ikeengine.timers import Timer


def agreed(choice: Choice, message: Received, *, alone: bool) -> Lifetime:
    """Initiator: the lifetime of the answer, or less if the responder says so beside it. Raises InvalidSyntax.

    `alone`: there is no other Child SA in the message that a notify with a strange SPI may be about.
    """
    protocols = [ProtocolId(suite.protocol) for suite in choice.suites]
    life = choice.life
    for notify in message.all(Notify):
        is_meant = notify.protocol in protocols and (alone or notify.spi in choice.peer_spis)
        if notify.kind == NotifyType.RESPONDER_LIFETIME and is_meant:
            life = life.shorter(read_responder_lifetime(notify.protocol, notify.data))
    return life


def objection(choice: Choice, ours: Lifetime, spi_in: bytes) -> list[Notify]:
    """Responder: the notify that says that we want less than the initiator has proposed."""
    if ours.shorter(choice.life) == choice.life or not (ours.seconds or ours.kilobytes):
        return []
    protocol = ProtocolId(choice.suites[0].protocol)
    return [Notify(NotifyType.RESPONDER_LIFETIME, responder_lifetime(protocol, ours), protocol, spi_in)]


def peers_volume(config: ChildConfig, life: Lifetime) -> int:
    """Octets after which the peer ends a Child SA, if we would not do so before; else 0."""
    ours = config.life_bytes
    return life.octets if not ours or life.octets < ours else 0


def limit(ctx: Context, sa: IkeSa, child: ChildSa, peers: Lifetime) -> None:
    """End a Child SA when the lifetime of the peer is over, and rekey it before, where ours is longer."""
    ours = child.config.life_time
    if not peers.seconds or (ours and ours <= peers.seconds):
        return
    end = ctx.now + peers.seconds
    sa.timers.set(Timer.CHILD_EXPIRE, end, child.unique_id)
    rekey_at = sa.timers.get(Timer.CHILD_REKEY, child.unique_id)
    if rekey_at is not None and rekey_at >= end:
        sa.timers.set(Timer.CHILD_REKEY, ctx.now + RENEW_AT * peers.seconds, child.unique_id)
