"""XAUTH as the gateway. The picture is in `xauth`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ikeengine.errors import AuthFailed, PeerIncompatible
from ikeengine.ikev1.exchanges import phase1_end, xauth
from ikeengine.ikev1.exchanges.transaction import Transaction, running_admission
from ikeengine.ikev1.messages.received import Received
from ikeengine.ikev1.peer import xauth_reasons
from ikeengine.ikev1.peer.admission import Admission, demanded_login
from ikeengine.ikev1.sa import IkeSa
from ikeengine.model.connection import XauthBackend
from ikeengine.model.secret import Secret
from ikeengine.outputs import AskXauth, LogLine
from ikeengine.registry import CpType
from ikeengine.sa import uniqueness
from ikeengine.sa.context import Context
from ikeengine.sa.states import Answer, Closing


@dataclass(slots=True, kw_only=True)
class XauthRequest(Transaction):
    """Ask for the user name and the password."""

    name: ClassVar[str] = "XAUTH"
    asks: ClassVar[CpType] = CpType.CFG_REQUEST

    def begin(self, ctx: Context, sa: IkeSa) -> bool:
        """Ask for what is not known yet."""
        self.send(ctx, sa, xauth.request(running_admission(sa).login))
        return True

    def receive(self, ctx: Context, sa: IkeSa, message: Received) -> None:
        """Check it, once name and password are known."""
        attributes = self.take(ctx, sa, message)
        admission = running_admission(sa)
        try:
            admission.login = xauth.read_reply(admission.login, attributes)
        except (AuthFailed, PeerIncompatible) as error:
            _decide(ctx, sa, str(error))
            return
        if admission.login.complete:
            self._check(ctx, sa, admission.login)

    def _check(self, ctx: Context, sa: IkeSa, login: xauth.Login) -> None:
        backend = _backend(sa)
        if backend is XauthBackend.GENERIC and not ctx.guesses.admit(login.user, ctx.now):
            _decide(ctx, sa, "too many attempts for this user name; wait for some seconds")
            return
        verdict = xauth.verdict(backend, ctx.credentials.passwords, login)
        if verdict is None:
            sa.active = self
            password = login.password or Secret(b"")
            ctx.emit(AskXauth(ctx.ask(sa, Answer.PASSWORD), sa.name, backend, login.user, password, sa.path.remote))
        else:
            _decide(ctx, sa, "" if verdict else _WRONG)


@dataclass(slots=True, kw_only=True)
class XauthStatus(Transaction):
    """Tell the client whether it is let in."""

    name: ClassVar[str] = "XAUTH"
    asks: ClassVar[CpType] = CpType.CFG_SET

    def begin(self, ctx: Context, sa: IkeSa) -> bool:
        """The decision has been taken before."""
        self.send(ctx, sa, xauth.status(running_admission(sa).refusal is None))
        return True

    def receive(self, ctx: Context, sa: IkeSa, message: Received) -> None:
        """The client knows. What its ACK says is not worth anything: the decision is ours."""
        self.take(ctx, sa, message)
        refusal = running_admission(sa).refusal
        if refusal is not None:
            phase1_end.give_up(ctx, sa, Closing.FAILED, refusal)


def on_verdict(ctx: Context, sa: IkeSa, verdict: object) -> None:
    """The program has decided; anything but a boolean is the reason why it has not."""
    sa.active = None
    if isinstance(verdict, bool):
        _decide(ctx, sa, "" if verdict else _WRONG)
    else:
        _decide(ctx, sa, str(verdict))


_WRONG = "wrong user name or password"


def _backend(sa: IkeSa) -> XauthBackend:
    demanded = demanded_login(sa.connection)
    return XauthBackend.GENERIC if demanded is None else demanded.xauth


def _decide(ctx: Context, sa: IkeSa, problem: str) -> None:
    """Let the user in, unless there is a problem."""
    admission = running_admission(sa)
    if problem:
        admission.refusal = xauth_reasons.user_refused(ctx, sa, admission.login.user, problem)
    else:
        _believe(ctx, sa, admission)
    sa.active = XauthStatus()
    sa.active.begin(ctx, sa)


def _believe(ctx: Context, sa: IkeSa, admission: Admission) -> None:
    """The user is who it says, but may be here already."""
    user = admission.login.user
    sa.remote_xauth_id = xauth.user_identity(user)
    text = f"XAuth authentication of '{xauth_reasons.user_text(user)}' successful"
    ctx.emit(LogLine(1, "IKE", text, sa.name, sa.unique_id))
    try:
        uniqueness.check_new(ctx, sa, initial_contact=admission.initial_contact, may_replace=True)
    except AuthFailed:
        admission.refusal = xauth_reasons.user_is_here(ctx, sa, user)
    else:
        admission.needs_password = False
