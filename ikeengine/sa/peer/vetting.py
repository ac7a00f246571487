"""Learning whether certificates are revoked, while the authentication waits.

Nothing is fetched before the peer's chain is trusted and its signature is right, so that no stranger makes us fetch
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
from ikeengine.model.connection import RemoteAuth, Revocation
from ikeengine.outputs import AskFetch, CrlVerified, LogLine
from ikeengine.registry import CertEncoding
from ikeengine.sa.context import Context
from ikeengine.sa.ike_sa import IkeSa
from ikeengine.sa.peer.certificates import CertPayload
from ikeengine.sa.states import Answer

Checks = list[RevocationCheck]
"""Checks that are planned or under way, the present one first."""

PATIENCE = 2.0
"""How many times `engine.fetch_timeout` one check may take."""
OF_HALF_OPEN_TIMEOUT = 0.7
"""... but never more than this part of the time that the peer has to authenticate."""


def plan_peer(
    ctx: Context, checks: Checks, remote: RemoteAuth, chain: Sequence[Certificate], payloads: Sequence[CertPayload]
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
    checks.append(RevocationCheck(chain, around, ctx.wall))


def plan_own(ctx: Context, checks: Checks, pair: Sequence[Certificate]) -> None:
    """The peer wants to know the status of our own certificate (RFC 4806). `pair` is that and its issuer's."""
    around = replace(_surroundings(ctx, Revocation.RELAXED, (), (), pair), enable_crl=False, judges=False)
    checks.append(RevocationCheck(pair, around, ctx.wall))


def go_on(ctx: Context, sa: IkeSa, checks: Checks) -> bool:
    """Do what can be done of the planned checks. True if a document must be waited for. Raises AuthFailed."""
    while checks:
        check = checks[0]
        fetch = check.advance(ctx.wall)
        if fetch is not None:
            _ask(ctx, sa, fetch)
            return True
        for remark in check.remarks:
            ctx.emit(LogLine(1, "CFG", remark, sa.name, sa.unique_id))
        del checks[0]
        _announce(ctx)
    return False


def _announce(ctx: Context) -> None:
    """Tell the shell about new CRLs, if it is to keep them."""
    for key_id, crl in ctx.credentials.revocation.take_news():
        if ctx.settings.cache_crls:
            ctx.emit(CrlVerified(crl.der, key_id, crl.base_number is not None))


def take(ctx: Context, checks: Checks, answer: object) -> None:
    """A document has come, or the reason why it has not."""
    if checks:
        checks[0].fetched(answer if isinstance(answer, bytes) else str(answer), ctx.wall)


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
    payloads: Sequence[CertPayload],
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


def _documents(payloads: Sequence[CertPayload]) -> tuple[list[Crl], list[OcspResponse]]:
    """The CRLs and OCSP responses that a peer has sent and that can be read."""
    crls, responses = [], []
    for payload in payloads:
        with contextlib.suppress(AuthFailed):
            if payload.encoding == CertEncoding.CRL:
                crls.append(Crl.from_der(payload.data))
            elif payload.encoding == CertEncoding.OCSP_CONTENT:
                responses.append(OcspResponse.from_der(payload.data))
    return crls, responses
