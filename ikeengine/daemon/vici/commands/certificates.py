"""load-cert, list-certs, flush-certs, clear-creds."""

from __future__ import annotations

from collections.abc import Iterator

from ikeengine.config.certificates import certificates_from, public_key_from
from ikeengine.config.revocation_files import crl_from
from ikeengine.crypto.certificate import Certificate
from ikeengine.daemon.credentials import certificate_of
from ikeengine.daemon.vici.messages import Section
from ikeengine.daemon.vici.request import SUCCESS, CommandFailed, Handler, Request

_TYPES = ("ANY", "X509", "X509_AC", "X509_CRL", "OCSP_RESPONSE", "PUBKEY")
_FLAGS = ("ANY", "NONE", "CA", "AA", "OCSP")


async def load_cert(request: Request) -> Section:
    """Add a certificate: with the flag CA a trust anchor, else an end entity or intermediate one."""
    kind, flag = request.text("type"), request.text("flag", "NONE")
    if kind.upper() == "X509_CRL":
        return _load_crl(request)
    if kind.upper() == "PUBKEY":
        return _check_public_key(request)
    if kind.upper() != "X509":
        raise CommandFailed(f"certificates of type {kind} are not supported, only X509, X509_CRL and PUBKEY are")
    if flag.upper() not in ("NONE", "CA", "OCSP"):
        raise CommandFailed(f"invalid certificate flag '{flag}'")
    try:
        certificate = certificates_from(request.octets("data"))[0]
    except ValueError as error:
        raise CommandFailed(f"parsing X509 certificate failed: {error}") from error
    if flag.upper() == "CA":
        if not certificate.is_ca:
            raise CommandFailed("CA certificate misses CA basic constraint, discarded")
        request.control.credentials.load_anchor(certificate)
    elif flag.upper() == "OCSP":
        request.control.credentials.load_responder(certificate)
    else:
        request.control.credentials.load_certificate(certificate)
    return SUCCESS


def _load_crl(request: Request) -> Section:
    try:
        request.control.credentials.load_crl(crl_from(request.octets("data")))
    except ValueError as error:
        raise CommandFailed(f"parsing X509_CRL certificate failed: {error}") from error
    return SUCCESS


def _check_public_key(request: Request) -> Section:
    """swanctl loads its whole directory `pubkey`. A raw key is trusted where a connection names it, nowhere else."""
    try:
        public_key_from(request.octets("data"))
    except ValueError as error:
        raise CommandFailed(f"parsing PUBKEY certificate failed: {error}") from error
    return SUCCESS


async def list_certs(request: Request) -> Section:
    """Stream certificates as `list-cert` events: end entity ones first, then authorities."""
    kind, flag = request.text("type", "ANY"), request.text("flag", "ANY")
    if kind not in _TYPES or flag not in _FLAGS:
        return {}
    subject = request.text("subject")
    if kind in ("ANY", "X509"):
        await _list_x509(request, flag if kind == "X509" else "ANY", subject)
    if kind in ("ANY", "X509_CRL"):
        for crl in request.control.credentials.revocation.crls():
            if subject in ("", crl.issuer_text):
                await request.session.stream("list-cert", {"type": "X509_CRL", "flag": "NONE", "data": crl.der})
    if kind in ("ANY", "OCSP_RESPONSE") and not subject:
        for response in request.control.credentials.revocation.responses():
            await request.session.stream("list-cert", {"type": "OCSP_RESPONSE", "flag": "NONE", "data": response.der})
    return {}


async def _list_x509(request: Request, flag: str, subject: str) -> None:
    for certificate in _certificates(request, flag):
        if subject in ("", certificate.subject_text):
            await request.session.stream("list-cert", _section(certificate, request))
    if flag in ("ANY", "OCSP"):
        for responder in request.control.credentials.responders():
            if subject in ("", responder.subject_text):
                section: Section = {"type": "X509", "flag": "OCSP", "data": responder.der}
                await request.session.stream("list-cert", section)


def _certificates(request: Request, flag: str) -> Iterator[Certificate]:
    """Those of the credentials and those of the connections, each once."""
    ders = {certificate.der: certificate for certificate in request.control.credentials.certificates()}
    for config in request.control.service.core.connections.values():
        named = [der for auth in config.local for der in auth.certs]
        named += [der for auth in config.remote for der in (*auth.certs, *auth.cacerts)]
        ders |= {der: certificate_of(der) for der in named}
    known = tuple(ders.values())
    for is_ca in (False, True):
        if flag in ("ANY", "CA" if is_ca else "NONE"):
            yield from (certificate for certificate in known if certificate.is_ca is is_ca)


def _section(certificate: Certificate, request: Request) -> Section:
    section: Section = {"type": "X509", "flag": "CA" if certificate.is_ca else "NONE"}
    if certificate.public_key.key_id in request.control.credentials.keys:
        section["has_privkey"] = "yes"
    return section | {"data": certificate.der}


async def flush_certs(request: Request) -> Section:
    """Forget CRLs and OCSP responses that were fetched or came from peers; the type says which, ANY both."""
    kind = request.text("type", "ANY").upper()
    request.control.credentials.revocation.flush(
        crls=kind in ("ANY", "X509_CRL"), responses=kind in ("ANY", "OCSP_RESPONSE")
    )
    return SUCCESS


async def clear_creds(request: Request) -> Section:
    """Forget all secrets, keys and certificates that came over the control socket."""
    request.control.credentials.clear()
    return SUCCESS


COMMANDS: dict[str, Handler] = {
    "load-cert": load_cert,
    "list-certs": list_certs,
    "flush-certs": flush_certs,
    "clear-creds": clear_creds,
}
