"""From phase 1 to the use of an ISAKMP SA: first XAUTH, then mode config. Until then Quick Mode is not answered."""

from __future__ import annotations

from ikeengine.errors import InvalidSyntax
from ikeengine.ikev1.exchanges import mode_config_client, mode_config_gateway, phase1_end, xauth, xauth_client
from ikeengine.ikev1.exchanges.mode_config_client import ModeConfigRequest
from ikeengine.ikev1.exchanges.mode_config_gateway import ModeConfigPush
from ikeengine.ikev1.exchanges.transaction import Transaction
from ikeengine.ikev1.exchanges.xauth_gateway import XauthRequest
from ikeengine.ikev1.messages.received import Received
from ikeengine.ikev1.peer.admission import Admission, demanded_login
from ikeengine.ikev1.sa import IkeSa
from ikeengine.ikev1.wire.payloads import Attributes
from ikeengine.registry import CpType
from ikeengine.sa.context import Context
from ikeengine.timers import Timer


def go_on(ctx: Context, sa: IkeSa) -> None:
    """Begin with what is next for us to begin, if nothing is under way; or let the peer in."""
    admission = sa.admission
    if admission is None or sa.active is not None or sa.timers.get(Timer.GRACE) is not None:
        return
    if admission.is_complete:
        phase1_end.admit(ctx, sa)
        return
    exchange = _next(sa, admission)
    if exchange is not None and exchange.begin(ctx, sa):
        sa.active = exchange


def _next(sa: IkeSa, admission: Admission) -> Transaction | None:
    """What we have to begin; None while it is the peer's turn."""
    config = sa.connection
    if admission.needs_password:
        ask = demanded_login(config) is not None and not admission.login.complete
        return XauthRequest() if ask else None
    if config.vips:
        return ModeConfigRequest() if config.pull else None
    return None if config.pull else ModeConfigPush()


def answer(ctx: Context, sa: IkeSa, message: Received) -> None:
    """A transaction that the peer begins. Raises InvalidSyntax for an answer to nothing."""
    payload = message.require(Attributes)
    handle = _HANDLERS.get((payload.kind, xauth.is_xauth(payload.attributes)))
    if handle is None:
        raise InvalidSyntax(f"{payload.kind.name} without a question")
    handle(ctx, sa, message, payload.attributes)


_HANDLERS = {
    (CpType.CFG_REQUEST, True): xauth_client.on_request,
    (CpType.CFG_SET, True): xauth_client.on_status,
    (CpType.CFG_REQUEST, False): mode_config_gateway.on_request,
    (CpType.CFG_SET, False): mode_config_client.on_set,
}
