"""Failure records of XAUTH. They name the user, and never a password."""

from __future__ import annotations

from ikeengine.ikev1.sa import IkeSa
from ikeengine.model.failure import Alert, FailureRecord, Side
from ikeengine.sa.context import Context
from ikeengine.sa.reasons import identity_text, peer_text

PHASE = "XAUTH"


def user_text(user: bytes) -> str:
    """A user name for people."""
    return user.decode("utf-8", "replace")


def user_refused(ctx: Context, sa: IkeSa, user: bytes, problem: str) -> FailureRecord:
    """The client has no right password."""
    who = f"user '{user_text(user)}'" if user else "a client without user name"
    return FailureRecord(
        alert=Alert.PEER_AUTH_FAILED,
        side=Side.LOCAL,
        phase=PHASE,
        reason=f"{who} at {identity_text(sa.remote_id)} is not authenticated: {problem}",
        at=ctx.now,
        connection=sa.name,
        peer=peer_text(sa.path),
        offered=(user_text(user),) if user else (),
        advice="compare `secrets.xauth-<name>` here, its `id` and `secret`, with what the user types",
    )


def user_is_here(ctx: Context, sa: IkeSa, user: bytes) -> FailureRecord:
    """The password is right, but `unique: keep` does not let the user in twice."""
    return FailureRecord(
        alert=Alert.UNIQUE_KEEP,
        side=Side.LOCAL,
        phase=PHASE,
        reason=f"user '{user_text(user)}' is here already, at another address, and `unique` is keep",
        at=ctx.now,
        connection=sa.name,
        peer=peer_text(sa.path),
        offered=(user_text(user),),
        advice="close the IKE SA that is there, or set `unique` to replace",
    )


def password_refused(ctx: Context, sa: IkeSa, user: bytes, message: str) -> FailureRecord:
    """The gateway does not let us in."""
    said = f" ({message})" if message else ""
    return FailureRecord(
        alert=Alert.LOCAL_AUTH_FAILED,
        side=Side.PEER,
        phase=PHASE,
        reason=f"the gateway refuses user '{user_text(user)}' or the password{said}",
        at=ctx.now,
        connection=sa.name,
        peer=peer_text(sa.path),
        offered=(user_text(user),),
        advice="compare `local.xauth_id` and `secrets.xauth-<name>` with the user's entry at the gateway",
    )


def no_password(ctx: Context, sa: IkeSa, user: bytes, problem: str) -> FailureRecord:
    """The gateway asks for something that we do not have."""
    return FailureRecord(
        alert=Alert.LOCAL_AUTH_FAILED,
        side=Side.LOCAL,
        phase=PHASE,
        reason=f"user '{user_text(user)}' cannot log in: {problem}",
        at=ctx.now,
        connection=sa.name,
        peer=peer_text(sa.path),
        advice="name the user in `local.xauth_id`, and load the password (`secrets.xauth-<name>`)",
    )
