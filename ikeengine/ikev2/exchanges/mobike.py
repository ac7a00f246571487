"""Our own MOBIKE exchanges (RFC 4555 sections 3.5 to 3.8), all of them INFORMATIONAL.

initiator                                          responder
HDR, SK {N(UPDATE_SA_ADDRESSES), N(ADDITIONAL_*_ADDRESS),
    N(NAT_DETECTION_*), N(COOKIE2)}           -->
                                              <--  HDR, SK {N(NAT_DETECTION_*), N(COOKIE2)}
                                              <--  HDR, SK {N(COOKIE2)}       do you really receive there?
HDR, SK {N(COOKIE2)}                          -->
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ikeengine.errors import InvalidSyntax
from ikeengine.ikev2 import lookup
from ikeengine.ikev2.exchange import Exchange
from ikeengine.ikev2.messages import natd
from ikeengine.ikev2.messages.received import Received
from ikeengine.ikev2.mobike import moving
from ikeengine.ikev2.mobike.mobility import Mobility, additional, address_notifies
from ikeengine.ikev2.sa import IkeSa
from ikeengine.ikev2.states import IkeState
from ikeengine.model.failure import FailureRecord
from ikeengine.model.path import Path
from ikeengine.outputs import LogLine
from ikeengine.registry import ExchangeType, NotifyType
from ikeengine.sa import ike_sa
from ikeengine.sa.context import Context
from ikeengine.wire.payloads import Notify, Payload

COOKIE_OCTETS = 16
MOST_TRIES = 5
"""How often an update is repeated because the peer saw, or we saw, other addresses than those we meant."""


@dataclass(slots=True, kw_only=True)
class MobikeExchange(Exchange):
    """What the three have in common: a path on which they are sent, and a COOKIE2 that only its other end can know."""

    name: ClassVar[str] = "IKE_MOBIKE"
    type: ClassVar[ExchangeType] = ExchangeType.INFORMATIONAL

    path: Path | None = None
    cookie: bytes = b""

    def request(self, ctx: Context, sa: IkeSa) -> Sequence[Payload] | None:
        """Nothing to do for an IKE SA that is being closed. One that is replaced may be all that the peer knows."""
        if sa.mobility is None or sa.state not in (IkeState.ESTABLISHED, IkeState.REKEYED):
            return None
        self.path, self.cookie = sa.path, ctx.rng.bytes(COOKIE_OCTETS)
        return [*self.notifies(ctx, sa, sa.mobility), Notify(NotifyType.COOKIE2, self.cookie)]

    def response(self, ctx: Context, sa: IkeSa, message: Received) -> None:
        """Raises InvalidSyntax for a wrong COOKIE2, upon which the IKE SA is closed (RFC 4555 section 3.7)."""
        cookie = message.notify(NotifyType.COOKIE2)
        wrong = cookie is None or not hmac.compare_digest(cookie.data, self.cookie)
        if wrong and message.error() is None:
            raise InvalidSyntax("COOKIE2 does not come back as it was sent")
        if sa.mobility is None or sa.state is not IkeState.ESTABLISHED:
            self._hand_on(ctx, sa)
        elif message.error() is not None or sa.path == self.path:
            self.answered(ctx, sa, sa.mobility, message)
        elif not any(isinstance(task, type(self)) for task in sa.queue):
            # The path has changed since, so this answer says nothing about the present one (section 3.5).
            sa.queue.appendleft(type(self)())

    def abandon(self, ctx: Context, sa: ike_sa.IkeSa, reason: str, record: FailureRecord | None = None) -> None:
        """The IKE SA is gone; if rekeying has replaced it, the question is open all the same."""
        self._hand_on(ctx, sa)

    def _hand_on(self, ctx: Context, sa: ike_sa.IkeSa) -> None:
        """The IKE SA that has the Child SAs now asks again, unless it does so already or has its answer."""
        heir = moving.heir(ctx, sa)
        if heir is None or heir.mobility is None or heir.mobility.held is None:
            return
        if not any(isinstance(task, type(self)) for task in (heir.active, *heir.queue)):
            heir.queue.appendleft(type(self)())
            ctx.touch(heir)

    def notifies(self, ctx: Context, sa: IkeSa, mobility: Mobility) -> list[Payload]:
        """What the request says besides COOKIE2."""
        return []

    def answered(self, ctx: Context, sa: IkeSa, mobility: Mobility, message: Received) -> None:
        """The peer receives what we send on this path."""


@dataclass(slots=True, kw_only=True)
class UpdateAddresses(MobikeExchange):
    """Initiator: tell the responder that its SAs are to take another path (section 3.5)."""

    tries: int = 0

    def notifies(self, ctx: Context, sa: IkeSa, mobility: Mobility) -> list[Payload]:
        """UPDATE_SA_ADDRESSES, our other addresses, and what lets both sides find NATs."""
        mobility.announced = additional(ctx.addresses, sa.path.local)
        return [
            Notify(NotifyType.UPDATE_SA_ADDRESSES),
            *natd.payloads(sa.spi_i, sa.spi_r, sa.path, fake=sa.connection.encap),
            *address_notifies(mobility.announced),
        ]

    def answered(self, ctx: Context, sa: IkeSa, mobility: Mobility, message: Received) -> None:
        """The responder has moved, unless it says that it has not."""
        error = message.error()
        if error is not None:
            self._refused(ctx, sa, mobility, error)
            return
        mobility.seen_as = natd.seen_as(message)
        if natd.is_told(message):
            mobility.nats = natd.detect(message, sa.spi_i, sa.spi_r)
        moving.settle(ctx, sa, mobility)

    def _refused(self, ctx: Context, sa: IkeSa, mobility: Mobility, error: Notify) -> None:
        ctx.emit(LogLine(1, "IKE", f"the peer refuses {sa.path}: {error.kind.name}", sa.name, sa.unique_id))
        if error.kind == NotifyType.UNEXPECTED_NAT_DETECTED and self.tries + 1 < MOST_TRIES:
            # Section 3.9: somebody may have changed a single packet.
            sa.queue.appendleft(UpdateAddresses(tries=self.tries + 1))
            return
        mobility.refused.add(sa.path)
        moving.go_back(sa, mobility)
        moving.ask_routes(ctx, sa, mobility, moving.Why.REFUSED)


@dataclass(slots=True, kw_only=True)
class AnnounceAddresses(MobikeExchange):
    """Either side: our other addresses have changed, but not the path (section 3.6)."""

    def notifies(self, ctx: Context, sa: IkeSa, mobility: Mobility) -> list[Payload]:
        """The complete list; the address that it is sent from is part of it."""
        mobility.announced = additional(ctx.addresses, sa.path.local)
        return address_notifies(mobility.announced)


@dataclass(slots=True, kw_only=True)
class CheckRoutability(MobikeExchange):
    """Responder: the initiator proves that it receives at its new address, before traffic goes there (section 3.7)."""

    def answered(self, ctx: Context, sa: IkeSa, mobility: Mobility, message: Received) -> None:
        """It does."""
        moving.settle(ctx, sa, mobility)


def update_to(ctx: Context, sa: IkeSa, mobility: Mobility, path: Path, *, resend: bool = True) -> None:
    """Initiator: take another path. A request under way goes on there (`resend`), and then the responder is told."""
    ctx.emit(LogLine(1, "IKE", f"trying to move to {path}", sa.name, sa.unique_id))
    moving.try_path(ctx, sa, mobility, path, resend=resend)
    queue_update(sa)
    old = lookup.find(ctx, sa.predecessor)
    if old is not None and old.state is IkeState.REKEYED:
        # If our answer to the rekeying was lost, this is the only IKE SA on which the peer listens.
        queue_update(old)
        ctx.touch(old)


def queue_update(sa: IkeSa) -> None:
    """Tell the responder as soon as the window allows, once."""
    if not any(isinstance(task, UpdateAddresses) for task in sa.queue):
        sa.queue.appendleft(UpdateAddresses())
