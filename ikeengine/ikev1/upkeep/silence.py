"""Why nobody answers."""

from __future__ import annotations

from ikeengine.ikev1.messages.conversation import Conversation
from ikeengine.ikev1.peer.methods import uses_psk
from ikeengine.ikev1.sa import IkeSa
from ikeengine.model.failure import Alert, FailureRecord, Side
from ikeengine.sa.context import Context
from ikeengine.sa.reasons import peer_text


def no_answer(ctx: Context, sa: IkeSa, conversation: Conversation) -> FailureRecord:
    """Every retransmission of a message stayed without an answer."""
    connecting = sa.state.is_connecting
    heard = f"; what came back: {sa.unreachable}" if sa.unreachable else ""
    octets = max(map(len, conversation.sent), default=0)
    advice = (
        f"check that the peer runs, speaks IKEv1 and has this host configured, and that UDP {sa.path.remote_port} "
        "passes every firewall on the way; a peer with another proposal or secret may say nothing"
        if connecting
        else "the peer restarted or the network is down; `dpd_action` decides what happens now"
    )
    return FailureRecord(
        alert=Alert.PEER_INIT_UNREACHABLE if connecting else Alert.RETRANSMIT_SEND_TIMEOUT,
        side=Side.NETWORK,
        phase=f"{conversation.type.name} ({sa.state.value})",
        reason=f"no answer to {conversation.tries + 1} datagrams of {octets} octets from {sa.path.local}:"
        f"{sa.path.local_port} to {peer_text(sa.path)}{heard}",
        at=ctx.now,
        connection=sa.name,
        peer=peer_text(sa.path),
        advice=advice,
    )


def half_open(ctx: Context, sa: IkeSa) -> FailureRecord:
    """An initiator began and never came back, or one side did not go on after phase 1."""
    after = sa.admission is not None
    what = "XAUTH and mode config were" if after else "phase 1 was"
    advice = (
        "one side waits for the other: compare `auth: xauth`, `pull`, `vips` and `pools` of both"
        if after
        else "check that UDP 500 and 4500 reach this host, and compare the secrets and identities of both sides"
    )
    return FailureRecord(
        alert=Alert.HALF_OPEN_TIMEOUT,
        side=Side.NETWORK,
        phase=sa.state.value,
        reason=f"{what} not finished within {ctx.settings.half_open_timeout:g} s",
        at=ctx.now,
        connection=sa.name,
        peer=peer_text(sa.path),
        advice=advice,
    )


def unreadable(ctx: Context, sa: IkeSa, error: Exception) -> FailureRecord:
    """A proof of identity that cannot be decrypted, or does not fit."""
    return FailureRecord(
        alert=Alert.PEER_AUTH_FAILED,
        side=Side.LOCAL,
        phase="last messages of phase 1",
        reason=f"the proof of the peer's identity cannot be read: {error}",
        at=ctx.now,
        connection=sa.name,
        peer=peer_text(sa.path),
        advice=_PSK_ADVICE if uses_psk(sa.auth_method) else "compare the captures and logs of both sides",
    )


_PSK_ADVICE = (
    "the pre-shared keys of the two sides differ, or the identities and addresses select different ones: compare both"
)
