"""The status of certificates in IKE itself: ours to tell the peer, and asking for the peer's (RFC 4806)."""

from __future__ import annotations

from collections.abc import Sequence

from ikeengine.crypto.certificate import Certificate
from ikeengine.ikev2.sa import Handshake, IkeSa
from ikeengine.model.connection import Ocsp
from ikeengine.registry import CertEncoding
from ikeengine.sa.context import Context
from ikeengine.sa.peer import vetting
from ikeengine.wire.payloads import Cert, CertReq, Payload


def plan_own(ctx: Context, sa: IkeSa, handshake: Handshake) -> None:
    """If the peer wants to know the status of our own certificate, learn it."""
    pair = _wanted_pair(ctx, sa, handshake)
    if pair is not None and ctx.credentials.revocation.find_ocsp(*pair, ctx.wall) is None:
        vetting.plan_own(ctx, handshake.checks, pair)


def own_status(ctx: Context, sa: IkeSa, handshake: Handshake) -> list[Payload]:
    """The CERT payload with the OCSP response for our certificate, if the peer wants it and we have one."""
    pair = _wanted_pair(ctx, sa, handshake)
    known = None if pair is None else ctx.credentials.revocation.find_ocsp(*pair, ctx.wall)
    return [Cert(CertEncoding.OCSP_CONTENT, known.response.der)] if known is not None else []


def status_request(ctx: Context, modes: Sequence[Ocsp]) -> list[Payload]:
    """The CERTREQ payload that asks for OCSP responses, with the responders that we trust (section 3.1)."""
    if not any(mode in (Ocsp.REQUEST, Ocsp.BOTH) for mode in modes):
        return []
    return [CertReq(CertEncoding.OCSP_CONTENT, b"".join(c.public_key.key_id for c in ctx.credentials.responders()))]


def _wanted_pair(ctx: Context, sa: IkeSa, handshake: Handshake) -> tuple[Certificate, Certificate] | None:
    """Our certificate and that of its issuer, if the peer asks and may know."""
    if not handshake.peer_asks_ocsp or sa.connection.ocsp not in (Ocsp.REPLY, Ocsp.BOTH):
        return None
    own = handshake.own.certificate if handshake.own is not None else None
    issuer = ctx.credentials.issuer_of(own) if own is not None else None
    return None if own is None or issuer is None else (own, issuer)
