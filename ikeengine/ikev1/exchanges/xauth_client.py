"""XAUTH as the client. The picture is in `xauth`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ikeengine.errors import InvalidSyntax, PeerIncompatible
from ikeengine.ikev1.exchanges import phase1_end, transaction, xauth
from ikeengine.ikev1.messages.received import Received
from ikeengine.ikev1.peer import xauth_reasons
from ikeengine.ikev1.peer.admission import own_login
from ikeengine.ikev1.sa import IkeSa
from ikeengine.ikev1.wire.attributes import Attribute
from ikeengine.model.failure import FailureRecord
from ikeengine.outputs import LogLine
from ikeengine.sa.context import Context
from ikeengine.sa.states import Closing


def on_request(ctx: Context, sa: IkeSa, message: Received, attributes: Sequence[Attribute]) -> None:
    """The gateway wants to know who we are. After it has let us in we do not say so again."""
    login = own_login(sa.connection)
    admission = sa.admission
    if login is None or admission is None or not admission.needs_password:
        ctx.emit(LogLine(1, "IKE", "the gateway asks for a password that is not due", sa.name, sa.unique_id))
        transaction.answer(ctx, sa, message, xauth.refusal())
        return
    user = _user(sa)
    if text := xauth.message_of(attributes):
        ctx.emit(LogLine(1, "IKE", f"the gateway says: {text}", sa.name, sa.unique_id))
    passwords = ctx.credentials.passwords.of_user(user)
    if not passwords or not user:
        _refuse(ctx, sa, message, xauth_reasons.no_password(ctx, sa, user, "there is no password for this user"))
        return
    mine = replace(admission.login, user=user, password=passwords[0])
    try:
        reply = xauth.reply(attributes, mine)
    except PeerIncompatible as error:
        _refuse(ctx, sa, message, xauth_reasons.no_password(ctx, sa, user, str(error)))
        return
    admission.login = replace(mine, rounds=mine.rounds + 1)
    transaction.answer(ctx, sa, message, reply)


def on_status(ctx: Context, sa: IkeSa, message: Received, attributes: Sequence[Attribute]) -> None:
    """The gateway has decided. Raises InvalidSyntax if it has not asked before."""
    admission = sa.admission
    accepted = xauth.outcome(attributes)
    if admission is None or not admission.needs_password or not admission.login.rounds or accepted is None:
        raise InvalidSyntax("a SET of XAUTH out of turn")
    transaction.answer(ctx, sa, message, xauth.acknowledgement())
    if accepted:
        admission.needs_password = False
        user = xauth_reasons.user_text(admission.login.user)
        ctx.emit(LogLine(1, "IKE", f"XAuth authentication of '{user}' (myself) successful", sa.name, sa.unique_id))
        ctx.touch(sa)
    else:
        record = xauth_reasons.password_refused(ctx, sa, admission.login.user, xauth.message_of(attributes))
        phase1_end.give_up(ctx, sa, Closing.FAILED, record)


def _user(sa: IkeSa) -> bytes:
    login = own_login(sa.connection)
    identity = None if login is None else login.xauth_id or login.id or sa.local_id
    return b"" if identity is None else identity.data


def _refuse(ctx: Context, sa: IkeSa, message: Received, record: FailureRecord) -> None:
    transaction.answer(ctx, sa, message, xauth.refusal())
    phase1_end.give_up(ctx, sa, Closing.FAILED, record)
