"""Hash and URL in the place of certificates (RFC 7296 section 3.6): small messages, and the certificate over HTTP.

Off by default (`engine.hash_and_url`), because whoever begins an IKE_AUTH exchange makes us fetch something: before it
is authenticated, since its certificate is what authenticates it. So only http is fetched, few documents, small ones, in
a short time, and nothing is kept whose hash is not the announced one, or that is not used for this IKE SA.
"""

from __future__ import annotations

import hashlib
import hmac

from ikeengine.crypto.certificate import Certificate
from ikeengine.errors import AuthFailed
from ikeengine.ikev2.messages.received import Received
from ikeengine.ikev2.sa import Handshake, IkeSa
from ikeengine.outputs import AskFetch, LogLine
from ikeengine.registry import CertEncoding, NotifyType
from ikeengine.sa.context import Context
from ikeengine.sa.states import Answer
from ikeengine.wire.payloads import Cert, Notify, Payload

HASH_OCTETS = 20
"""SHA-1 of the certificate."""
MAX_LOOKUPS = 4
"""Certificates in one message; RFC 7296 section 3.6 asks for as many."""
MAX_CERTIFICATE_OCTETS = 16384
MAX_URL_OCTETS = 512
PART_OF_HALF_OPEN_TIMEOUT = 0.7
"""How much of the time that a peer has to authenticate the lookups may take together."""


def announcement(ctx: Context) -> list[Payload]:
    """HTTP_CERT_LOOKUP_SUPPORTED, beside the CERTREQ payloads."""
    return [Notify(NotifyType.HTTP_CERT_LOOKUP_SUPPORTED)] if ctx.settings.hash_and_url else []


def read(handshake: Handshake, message: Received) -> None:
    """Note whether the peer looks certificates up."""
    handshake.peer_looks_up |= message.notify(NotifyType.HTTP_CERT_LOOKUP_SUPPORTED) is not None


def certificate_payload(ctx: Context, handshake: Handshake, certificate: Certificate) -> Cert:
    """One of our certificates: its hash and URL if the peer can use them and we know one, else itself."""
    issuer = ctx.credentials.issuer_of(certificate)
    authority = None if issuer is None else ctx.credentials.authority_of(issuer)
    if not (ctx.settings.hash_and_url and handshake.peer_looks_up and authority and authority.cert_uri_base):
        return Cert(CertEncoding.X509_SIGNATURE, certificate.der)
    digest = _digest(certificate.der)
    return Cert(CertEncoding.HASH_AND_URL_X509, digest + f"{authority.cert_uri_base}{digest.hex()}".encode())


def look_up(ctx: Context, sa: IkeSa, message: Received) -> bool:
    """Ask for the next certificate that a message only names. True if it must be waited for. Raises AuthFailed."""
    references = _references(message) if ctx.settings.hash_and_url else []
    if not references:
        return False
    if len(references) > MAX_LOOKUPS:
        raise _failed(f"the peer names {len(references)} certificates to look up; {MAX_LOOKUPS} are enough")
    timeout = min(ctx.settings.fetch_timeout, PART_OF_HALF_OPEN_TIMEOUT * ctx.settings.half_open_timeout / MAX_LOOKUPS)
    op = ctx.ask(sa, Answer.LOOKED_UP)
    url = _url(references[0])
    ctx.emit(LogLine(2, "CFG", f"fetching the peer's certificate from {url}", sa.name, sa.unique_id))
    ctx.emit(AskFetch(op, url, b"", MAX_CERTIFICATE_OCTETS, timeout))
    return True


def take(message: Received, answer: object) -> None:
    """Put the certificate that has come in the place of its hash and URL. Raises AuthFailed if it is not the one."""
    reference = _references(message)[0]
    if not isinstance(answer, bytes):
        raise _failed(f"the peer's certificate cannot be fetched from {_url(reference)}: {answer}")
    if not hmac.compare_digest(_digest(answer), reference.data[:HASH_OCTETS]):
        raise _failed(f"what is at {_url(reference)} does not have the hash that the peer announced")
    certificate = Cert(CertEncoding.X509_SIGNATURE, answer)
    message.put(certificate, instead_of=reference)


def _references(message: Received) -> list[Cert]:
    return [payload for payload in message.all(Cert) if payload.encoding == CertEncoding.HASH_AND_URL_X509]


def _url(reference: Cert) -> str:
    """The URL, if it is one that is fetched. Raises AuthFailed."""
    octets = reference.data[HASH_OCTETS:]
    url = octets.decode("ascii", "replace")
    if len(octets) > MAX_URL_OCTETS or not url.lower().startswith("http://") or not _is_plain(url):
        raise _failed(
            f"the peer's certificate is not fetched from `{url[:100]!a}`: only http, and {MAX_URL_OCTETS} octets"
        )
    return url


def _is_plain(url: str) -> bool:
    return all("!" <= letter <= "~" for letter in url)


def _digest(der: bytes) -> bytes:
    return hashlib.sha1(der, usedforsecurity=False).digest()


def _failed(detail: str) -> AuthFailed:
    return AuthFailed("hash-and-url", detail)
