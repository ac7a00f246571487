"""Checking that no certificate of a peer's chain is revoked, as strongSwan does it: OCSP first, then CRLs.

The chain is trusted by its signatures before anything is fetched, and it is checked from the top down, so that the
URIs of a certificate are used only if its issuer is not revoked itself. The check asks for one document after the
other; whoever drives it fetches them and comes back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise

from ikeengine.auth.crl_check import Subject, check_crls, is_signed_crl
from ikeengine.auth.ocsp_check import check_ocsp
from ikeengine.auth.revocation_cache import RevocationCache
from ikeengine.auth.status import Status, Verdict
from ikeengine.auth.x509 import find_signer_chain
from ikeengine.crypto.certificate import Certificate
from ikeengine.crypto.crl import MAX_CRL_OCTETS, Crl
from ikeengine.crypto.ocsp import MAX_RESPONSE_OCTETS, NONCE_OCTETS, OcspResponse, make_request
from ikeengine.crypto.revocation_pointers import uris_of
from ikeengine.errors import AuthFailed
from ikeengine.model.connection import FETCH_SCHEMES, Revocation
from ikeengine.model.credentials import Authority
from ikeengine.model.failure import Alert
from ikeengine.model.immutable import immutable

MAX_FETCHES = 8
"""Most documents that one check asks for."""
UNKNOWN = "revocation-unknown"
"""The `check` of the AuthFailed for a certificate whose status cannot be learned but must be known."""


@immutable
class Fetch:
    """A document that is wanted: an OCSP response if there is a request to post, else a CRL."""

    uri: str
    post: bytes = b""

    @property
    def max_octets(self) -> int:
        """A longer document is of no use."""
        return MAX_RESPONSE_OCTETS if self.post else MAX_CRL_OCTETS


@immutable
class Surroundings:
    """What a check may use besides the chain."""

    cache: RevocationCache
    authority_of: Callable[[Certificate], Authority | None]
    """What is configured for the authority with this certificate."""
    responders: Sequence[Certificate]
    """OCSP responders that are trusted by configuration."""
    random: Callable[[int], bytes]
    pool: Sequence[Certificate] = ()
    """Further certificates, one of which may sign CRLs."""
    anchors: Sequence[Certificate] = ()
    crls: Sequence[Crl] = ()
    """CRLs and OCSP responses that the peer has sent along."""
    responses: Sequence[OcspResponse] = ()
    policy: Revocation = Revocation.RELAXED
    judges: bool = True
    """Whether to refuse a revoked certificate. Our own is for the peer to judge."""
    schemes: Sequence[str] = FETCH_SCHEMES
    enable_ocsp: bool = True
    enable_crl: bool = True
    deadline: datetime | None = None
    """When to stop fetching."""


@dataclass(slots=True)
class _Item:
    """One certificate of the chain."""

    certificate: Certificate
    issuer: Certificate
    signers: tuple[Certificate, ...]
    ocsp_uris: list[str]
    crl_uris: list[str]
    delta_uris: list[str]
    configured: frozenset[str]
    """URIs of the configuration, which alone may name files."""
    had_uris: bool
    had_deltas: bool = False
    """Whether the delta CRLs were thought of."""
    said: Status | None = None
    """What an OCSP responder has just said; it may be good for this moment only."""
    problems: list[str] = field(default_factory=list)


class RevocationCheck:
    """The check of one chain, end entity first and anchor last. The anchor is not checked."""

    def __init__(self, chain: Sequence[Certificate], surroundings: Surroundings, wall: datetime) -> None:
        self._around = surroundings
        self._items = [self._item(certificate, issuer, chain, wall) for certificate, issuer in pairwise(chain)]
        self._asked: Fetch | None = None
        self._nonce = b""
        self._fetches = 0
        self.remarks: list[str] = []
        """Certificates that were accepted although their status is unknown, one sentence each."""

    def advance(self, wall: datetime) -> Fetch | None:
        """What to fetch next, None if the check is done. Raises AuthFailed if a certificate must not be accepted."""
        while self._items:
            item = self._items[-1]
            status = self._status(item, wall)
            if status.verdict is Verdict.REVOKED and self._around.judges:
                raise AuthFailed(Alert.CERT_REVOKED.value, f"{item.certificate.described}: {status.detail}")
            fetch = self._next_fetch(item, status, wall)
            if fetch is not None:
                self._asked = fetch
                self._fetches += 1
                return fetch
            self._settle(item, status)
            self._items.pop()
        return None

    def fetched(self, result: bytes | str, wall: datetime) -> None:
        """What the last fetch has brought: the document, or a sentence about why there is none."""
        fetch, item = self._asked, self._items[-1]
        if fetch is None:
            return
        self._asked = None
        if isinstance(result, str):
            self._around.cache.note_unreachable(fetch.uri, result, wall)
            item.problems.append(f"{fetch.uri}: {result}")
            return
        try:
            self._take(item, fetch, result, wall)
        except AuthFailed as error:
            item.problems.append(f"{fetch.uri}: {error.detail}")

    def _take(self, item: _Item, fetch: Fetch, document: bytes, wall: datetime) -> None:
        if fetch.post:
            response = OcspResponse.from_der(document)
            status = self._believe(item, response, wall, self._nonce)
            if status.verdict is Verdict.UNKNOWN:
                item.problems.append(f"{fetch.uri}: {status.detail}")
            return
        crl = Crl.from_der(document)
        if crl.issuer_rdns != item.certificate.issuer_rdns:
            item.problems.append(f"{fetch.uri}: the CRL is that of `{crl.issuer_text}`")
        elif not self._keep(crl, item.signers):
            item.problems.append(f"{fetch.uri}: the CRL is not signed by `{item.issuer.subject_text}`")

    def _item(
        self, certificate: Certificate, issuer: Certificate, chain: Sequence[Certificate], wall: datetime
    ) -> _Item:
        around, pointers = self._around, certificate.extensions.pointers
        configured = around.authority_of(issuer)
        use_ocsp = around.enable_ocsp and certificate.serial > 0
        ocsp_uris = [*(configured.ocsp_uris if configured else ()), *pointers.ocsp_uris] if use_ocsp else []
        crl_uris = [*(configured.crl_uris if configured else ()), *pointers.crl_uris] if around.enable_crl else []
        signers = (issuer, *self._other_signers(issuer, chain, wall))
        return _Item(
            certificate=certificate,
            issuer=issuer,
            signers=signers,
            ocsp_uris=list(dict.fromkeys(ocsp_uris)),
            crl_uris=list(dict.fromkeys(crl_uris)),
            delta_uris=list(pointers.delta_uris) if around.enable_crl else [],
            configured=frozenset((*configured.ocsp_uris, *configured.crl_uris)) if configured else frozenset(),
            had_uris=bool(ocsp_uris or crl_uris),
        )

    def _other_signers(
        self, issuer: Certificate, chain: Sequence[Certificate], wall: datetime
    ) -> Iterable[Certificate]:
        """Certificates of the same authority with other keys, if they may sign CRLs (RFC 5280 section 6.3.3 f)."""
        pool = tuple(dict.fromkeys((*chain, *self._around.pool)))
        for other in pool:
            usage = other.extensions.key_usage
            if other == issuer or usage is None or "crl_sign" not in usage:
                continue
            if other.subject_rdns != issuer.subject_rdns or other.public_key == issuer.public_key:
                continue
            path = find_signer_chain(other, pool, self._around.anchors or chain[-1:], wall)
            if path is not None and not self._is_revoked(path, wall):
                yield other

    def _is_revoked(self, path: Sequence[Certificate], wall: datetime) -> bool:
        """Whether the CRLs at hand revoke a certificate that signs CRLs, which is not worth a fetch."""
        if len(path) < 2:
            return False
        return check_crls(Subject(path[0], (path[1],)), self._crls(), wall).verdict is Verdict.REVOKED

    def _crls(self) -> Iterable[Crl]:
        return self._around.cache.crls(self._around.crls)

    def _status(self, item: _Item, wall: datetime) -> Status:
        """The status by what is at hand."""
        if item.said is not None:
            return item.said
        known = self._around.cache.find_ocsp(item.certificate, item.issuer, wall)
        if known is not None:
            return known.status
        for response in self._around.responses:
            status = self._believe(item, response, wall, None)
            if status.verdict is not Verdict.UNKNOWN:
                return status
        if not self._around.enable_crl:
            return Status(Verdict.UNKNOWN, "CRLs are not used (`engine.enable_crl`)")
        for crl in self._around.crls:
            if crl.issuer_rdns == item.certificate.issuer_rdns:
                self._keep(crl, item.signers)
        return check_crls(Subject(item.certificate, item.signers), self._crls(), wall)

    def _believe(self, item: _Item, response: OcspResponse, wall: datetime, nonce: bytes | None) -> Status:
        """What a response says; kept if it can be believed."""
        status = check_ocsp(response, item.certificate, item.issuer, self._around.responders, wall, nonce)
        if status.verdict is not Verdict.UNKNOWN:
            item.said = status
            self._around.cache.add_ocsp(item.certificate, item.issuer, response, status)
        return status

    def _keep(self, crl: Crl, signers: Iterable[Certificate]) -> bool:
        """Put a CRL into the cache if one of the signers has signed it."""
        for signer in signers:
            if is_signed_crl(crl, (signer,)):
                self._around.cache.add_crl(crl, signer)
                return True
        return False

    def _next_fetch(self, item: _Item, status: Status, wall: datetime) -> Fetch | None:
        further = self._fresh_deltas(item, status) if status.verdict is Verdict.GOOD else item.crl_uris
        uris = further if status.source == "OCSP" else item.ocsp_uris or further
        while uris:
            is_ocsp, uri = uris is item.ocsp_uris, uris.pop(0)
            reason = self._why_not(item, uri, wall)
            if not reason:
                return self._ask(item, uri, is_ocsp=is_ocsp)
            item.problems.append(f"{uri}: {reason}")
            uris = uris or further
        return None

    def _ask(self, item: _Item, uri: str, *, is_ocsp: bool) -> Fetch:
        if not is_ocsp:
            return Fetch(uri)
        self._nonce = self._around.random(NONCE_OCTETS)
        return Fetch(uri, make_request(item.certificate, item.issuer, self._nonce))

    def _why_not(self, item: _Item, uri: str, wall: datetime) -> str:
        scheme = uri.partition(":")[0].lower()
        if scheme not in self._around.schemes or (scheme == "file" and uri not in item.configured):
            return f"`{scheme}` URIs of certificates are not fetched"
        if self._fetches >= MAX_FETCHES:
            return f"not tried, as {MAX_FETCHES} documents were fetched already"
        if self._around.deadline is not None and wall >= self._around.deadline:
            return "not tried, as the time is up"
        return self._around.cache.why_unreachable(uri, wall)

    def _fresh_deltas(self, item: _Item, status: Status) -> list[str]:
        """Where to look for news after a CRL, unless a delta CRL is there (RFC 5280 section 5.2.6)."""
        if status.source != "CRL":
            return []
        own = [crl for crl in self._crls() if crl.issuer_rdns == item.certificate.issuer_rdns]
        if any(crl.base_number is not None for crl in own):
            return []
        if not item.delta_uris and not item.had_deltas:
            item.delta_uris = list(dict.fromkeys(uri for crl in own for uri in uris_of(crl.delta_points)))
        item.had_deltas = True
        return item.delta_uris

    def _settle(self, item: _Item, status: Status) -> None:
        """Nothing more can be learned about a certificate: is that enough? Raises AuthFailed."""
        if status.verdict is Verdict.GOOD:
            return
        if status.verdict is Verdict.REVOKED:
            self.remarks.append(f"{item.certificate.described}: {status.detail}")
            return
        reasons = "; ".join(item.problems) or status.detail
        text = f"{item.certificate.described}: its status is unknown: {reasons}"
        policy = self._around.policy
        if policy is Revocation.STRICT or (policy is Revocation.IF_URI and item.had_uris):
            raise AuthFailed(UNKNOWN, f"{text} (`remote.revocation` is {policy.value})")
        if item.had_uris:
            self.remarks.append(text)
