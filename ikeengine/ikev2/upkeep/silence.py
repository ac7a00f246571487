"""Why nobody answers: what was sent, what came back, and what that says about the network between the peers.

Nothing here changes an IKE SA. ICMP errors are not authenticated: anybody may have sent them, so they are only told.
"""

from __future__ import annotations

from ikeengine.ikev2.sa import IkeSa
from ikeengine.ikev2.states import IkeState
from ikeengine.model.failure import Alert, FailureRecord, Side
from ikeengine.sa.context import Context
from ikeengine.sa.reasons import peer_text

_HEADERS = 28
"""Octets of an IPv4 and a UDP header."""


def no_answer(ctx: Context, sa: IkeSa, phase: str) -> FailureRecord:
    """Every retransmission of a request stayed without an answer."""
    connecting = sa.state.is_connecting
    heard = f"; what came back: {sa.unreachable}" if sa.unreachable else ""
    before = ", though IKE_SA_INIT was answered" if _is_authenticating(sa) else ""
    return FailureRecord(
        alert=Alert.PEER_INIT_UNREACHABLE if connecting else Alert.RETRANSMIT_SEND_TIMEOUT,
        side=Side.NETWORK,
        phase=phase,
        reason=f"no answer to {_what(sa)} from {sa.path.local}:{sa.path.local_port} to {peer_text(sa.path)}"
        f"{before}{heard}",
        at=ctx.now,
        connection=sa.name,
        peer=peer_text(sa.path),
        advice=_advice(ctx, sa),
    )


def half_open(ctx: Context, sa: IkeSa) -> FailureRecord:
    """An initiator began and never came back."""
    ports = sorted({sa.path.local_port, ctx.settings.port_nat_t})
    return FailureRecord(
        alert=Alert.HALF_OPEN_TIMEOUT,
        side=Side.NETWORK,
        phase="IKE_AUTH request",
        reason=f"no acceptable IKE_AUTH request within {ctx.settings.half_open_timeout:g} s of IKE_SA_INIT",
        at=ctx.now,
        connection=sa.name,
        peer=peer_text(sa.path),
        advice=f"check that UDP {' and '.join(map(str, ports))} and large or fragmented datagrams reach this host; "
        "`fragmentation: yes` on both sides keeps IKE messages small",
    )


def _what(sa: IkeSa) -> str:
    """How much was sent: each try is one datagram, or several fragments."""
    sent, datagrams = sa.window.tries + 1, sa.window.request or ()
    largest = max(map(len, datagrams), default=0)
    if len(datagrams) > 1:
        return f"{sent} times {len(datagrams)} fragments of up to {largest} octets"
    return f"{sent} datagrams of {largest} octets"


def _advice(ctx: Context, sa: IkeSa) -> str:
    if not sa.state.is_connecting:
        return "the peer restarted or the network is down; `dpd_action` decides what happens now"
    if not _is_authenticating(sa):
        refused = "; its host answers, but no IKE daemon does" if "port unreachable" in sa.unreachable else ""
        return f"check that the peer runs and that UDP {sa.path.remote_port} passes every firewall on the way{refused}"
    if _is_large(ctx, sa):
        return (
            "fragments are lost: the request is larger than the path takes in one packet; set `fragmentation: yes` on "
            f"both sides{_or_the_port(sa)}"
        )
    if _has_changed_port(sa):
        return f"check that UDP {sa.path.remote_port} passes every firewall: only {_proven(sa)} has proven to do so"
    smaller = ", or even small fragments are lost: try a smaller `engine.fragment_size`"
    fragmented = len(sa.window.request or ()) > 1
    return f"the peer may have dropped the request without a word: its log says more{smaller if fragmented else ''}"


def _or_the_port(sa: IkeSa) -> str:
    if not _has_changed_port(sa):
        return ""
    return f"; or UDP {sa.path.remote_port} is blocked, for only {_proven(sa)} has proven to pass"


def _proven(sa: IkeSa) -> str:
    return f"UDP {sa.connection.remote_port}"


def _has_changed_port(sa: IkeSa) -> bool:
    """Whether IKE_SA_INIT took another port: with a NAT on the way, or with MOBIKE."""
    return sa.path.remote_port != sa.connection.remote_port


def _is_authenticating(sa: IkeSa) -> bool:
    return sa.state in (IkeState.INTERMEDIATE_SENT, IkeState.AUTH_SENT, IkeState.AUTH_SIGNING)


def _is_large(ctx: Context, sa: IkeSa) -> bool:
    """Whether the request goes out in IP fragments, or would on a path that is only a little narrower than usual."""
    largest = max(map(len, sa.window.request or ()), default=0)
    return len(sa.window.request or ()) == 1 and largest + _HEADERS > (ctx.settings.fragment_size or 1280)
