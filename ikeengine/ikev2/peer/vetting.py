"""Learning whether certificates are revoked, while IKE_AUTH waits: the peer's, and our own to tell the peer.

Nothing is fetched before the peer's chain is trusted and its AUTH payload is right, so that no stranger makes us fetch
anything. Documents come one after the other through the shell; other IKE SAs go on meanwhile.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from ikeengine.auth.revocation import Fetch, RevocationCheck, Surroundings
from ikeengine.crypto.certificate import Certificate
from ikeengine.crypto.crl import Crl
from ikeengine.crypto.ocsp import OcspResponse
from ikeengine.errors import AuthFailed
from ikeengine.ikev2.sa import Handshake, IkeSa
from ikeengine.model.connection import Ocsp, RemoteAuth, Revocation
from ikeengine.outputs import AskFetch, CrlVerified, LogLine
from ikeengine.registry import CertEncoding
from ikeengine.sa.context import Context
from ikeengine.sa.states import Answer
from ikeengine.wire.payloads import Cert, CertReq, Payload

PATIENCE = 2.0
"""How many times `engine.fetch_timeout` one check may take."""
OF_HALF_OPEN_TIMEOUT = 0.7
"""... but never more than this part of the time that the peer has to authenticate."""


def plan_peer(
    ctx: Context, handshake: Handshake, remote: RemoteAuth, chain: Sequence[Certificate], payloads: Sequence[Cert]
) -> None:
    """A peer has proven to own the end entity of this chain: its revocation is to be checked next.

    `payloads` are the CERT payloads that came with it, which may hold CRLs and OCSP responses (RFC 4806).
    """
    others = []
    for payload in payloads:
        with contextlib.suppress(AuthFailed):
            if payload.encoding == CertEncoding.X509_SIGNATURE:
                others.append(Certificate.from_der(payload.data))
    around = _surroundings(ctx, remote.revocation, (*others, *ctx.credentials.certificates()), payloads, chain)
    handshake.checks.append(RevocationCheck(chain, around, ctx.wall))


def plan_own(ctx: Context, sa: IkeSa, handshake: Handshake) -> None:
    """If the peer wants to know the status of our own certificate, learn it (RFC 4806)."""
    pair = _own_pair(ctx, handshake)
    if not handshake.peer_asks_ocsp or sa.connection.ocsp not in (Ocsp.REPLY, Ocsp.BOTH) or pair is None:
        return
    if ctx.credentials.revocation.find_ocsp(*pair, ctx.wall) is None:
        around = replace(_surroundings(ctx, Revocation.RELAXED, (), (), pair), enable_crl=False, judges=False)
        handshake.checks.append(RevocationCheck(pair, around, ctx.wall))


def go_on(ctx: Context, sa: IkeSa, handshake: Handshake) -> bool:
    """Do what can be done of the planned checks. True if a document must be waited for. Raises AuthFailed."""
    while handshake.checks:
        check = handshake.checks[0]
        fetch = check.advance(ctx.wall)
        if fetch is not None:
            _ask(ctx, sa, fetch)
            return True
        for remark in check.remarks:
            ctx.emit(LogLine(1, "CFG", remark, sa.name, sa.unique_id))
        del handshake.checks[0]
        _announce(ctx)
    return False


def _announce(ctx: Context) -> None:
    """Tell the shell about new CRLs, if it is to keep them."""
    for key_id, crl in ctx.credentials.revocation.take_news():
        if ctx.settings.cache_crls:
            ctx.emit(CrlVerified(crl.der, key_id, crl.base_number is not None))


def take(ctx: Context, handshake: Handshake, answer: object) -> None:
    """A document has come, or the reason why it has not."""
    if handshake.checks:
        handshake.checks[0].fetched(answer if isinstance(answer, bytes) else str(answer), ctx.wall)


def _ask(ctx: Context, sa: IkeSa, fetch: Fetch) -> None:
    op = ctx.ask(sa, Answer.FETCHED)
    timeout = min(ctx.settings.fetch_timeout, _time_for_all(ctx))
    ctx.emit(AskFetch(op, fetch.uri, fetch.post, fetch.max_octets, timeout))


def _time_for_all(ctx: Context) -> float:
    settings = ctx.settings
    return min(PATIENCE * settings.fetch_timeout, OF_HALF_OPEN_TIMEOUT * settings.half_open_timeout / PATIENCE)


def _surroundings(
    ctx: Context,
    policy: Revocation,
    pool: Sequence[Certificate],
    payloads: Sequence[Cert],
    chain: Sequence[Certificate],
) -> Surroundings:
    store = ctx.credentials
    sent_crls, responses = _documents(payloads)
    return Surroundings(
        cache=store.revocation,
        authority_of=store.authority_of,
        responders=store.responders(),
        random=ctx.rng.bytes,
        pool=pool,
        anchors=chain[-1:],
        crls=sent_crls,
        responses=responses,
        policy=policy,
        schemes=ctx.settings.fetch_schemes,
        enable_ocsp=ctx.settings.enable_ocsp,
        enable_crl=ctx.settings.enable_crl,
        deadline=ctx.wall + timedelta(seconds=_time_for_all(ctx)),
    )


def _documents(payloads: Sequence[Cert]) -> tuple[list[Crl], list[OcspResponse]]:
    """The CRLs and OCSP responses that a peer has sent and that can be read."""
    crls, responses = [], []
    for payload in payloads:
        with contextlib.suppress(AuthFailed):
            if payload.encoding == CertEncoding.CRL:
                crls.append(Crl.from_der(payload.data))
            elif payload.encoding == CertEncoding.OCSP_CONTENT:
                responses.append(OcspResponse.from_der(payload.data))
    return crls, responses


def _own_pair(ctx: Context, handshake: Handshake) -> tuple[Certificate, Certificate] | None:
    """Our certificate and that of its issuer."""
    own = handshake.own.certificate if handshake.own is not None else None
    issuer = ctx.credentials.issuer_of(own) if own is not None else None
    return None if own is None or issuer is None else (own, issuer)


def own_status(ctx: Context, sa: IkeSa, handshake: Handshake) -> list[Payload]:
    """The CERT payload with the OCSP response for our certificate, if the peer wants it and we have one (RFC 4806)."""
    pair = _own_pair(ctx, handshake)
    if not handshake.peer_asks_ocsp or sa.connection.ocsp not in (Ocsp.REPLY, Ocsp.BOTH) or pair is None:
        return []
    known = ctx.credentials.revocation.find_ocsp(*pair, ctx.wall)
    return [Cert(CertEncoding.OCSP_CONTENT, known.response.der)] if known is not None else []


def status_request(ctx: Context, modes: Sequence[Ocsp]) -> list[Payload]:
    """The CERTREQ payload that asks for OCSP responses, with the responders that we trust (RFC 4806 section 3.1)."""
    if not any(mode in (Ocsp.REQUEST, Ocsp.BOTH) for mode in modes):
        return []
    return [CertReq(CertEncoding.OCSP_CONTENT, b"".join(c.public_key.key_id for c in ctx.credentials.responders()))]
