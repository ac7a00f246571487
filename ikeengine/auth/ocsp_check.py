"""What an OCSP response says about a certificate, and whether to believe it (RFC 6960 sections 3.2 and 4.2.2.2).

A response is believed if it is signed by the certificate's issuer, by a responder that the issuer has certified for
this (extended key usage OCSPSigning), or by a responder that is configured here. Responders are not checked for
revocation themselves, as with strongSwan.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from ikeengine.auth.crl_check import CLOCK_SKEW, revoked_text
from ikeengine.auth.status import Status, Verdict
from ikeengine.crypto.certificate import Certificate
from ikeengine.crypto.ocsp import OcspResponse, Single
from ikeengine.errors import AuthFailed

OCSP_SIGNING = "1.3.6.1.5.5.7.3.9"
DEFAULT_LIFETIME = timedelta(minutes=5)
"""How long a response without nextUpdate is good for; strongSwan's."""


def check_ocsp(
    response: OcspResponse,
    certificate: Certificate,
    issuer: Certificate,
    responders: Sequence[Certificate],
    wall: datetime,
    nonce: bytes | None = None,
) -> Status:
    """The status of a certificate by one response.

    `responders` are trusted by configuration; `nonce` is what we asked with, None if we did not ask. A responder may
    leave the nonce out (RFC 6960 section 4.4.1 makes it optional), but must not send another one.
    """
    single = next((single for single in response.singles if single.is_for(certificate, issuer)), None)
    if single is None:
        return _unknown("the OCSP response is about other certificates")
    if nonce is not None and response.nonce is not None and response.nonce != nonce:
        return _unknown("the OCSP response carries another nonce than our request")
    complaint = _time_complaint(single, wall) or _signer_complaint(response, issuer, responders, wall)
    if complaint:
        return _unknown(complaint)
    if single.revoked is not None:
        detail = revoked_text(single.revoked, f"the OCSP responder {response.responder_text}")
        return Status(Verdict.REVOKED, detail, single.next_update, source="OCSP")
    if not single.is_good:
        return _unknown(f"the OCSP responder {response.responder_text} does not know the certificate")
    return Status(Verdict.GOOD, "the OCSP responder says good", single.next_update, source="OCSP")


def _unknown(detail: str) -> Status:
    return Status(Verdict.UNKNOWN, detail)


def _time_complaint(single: Single, wall: datetime) -> str:
    if single.this_update > wall + CLOCK_SKEW:
        return f"the OCSP response is not valid before {single.this_update:%Y-%m-%d %H:%M:%S} UTC"
    until = single.next_update or single.this_update + DEFAULT_LIFETIME
    if until < wall:
        return f"the OCSP response expired on {until:%Y-%m-%d %H:%M:%S} UTC"
    return ""


def _signer_complaint(
    response: OcspResponse, issuer: Certificate, responders: Sequence[Certificate], wall: datetime
) -> str:
    """Why nobody whom we trust has signed the response; empty if somebody has."""
    complaint = f"the OCSP response is signed by {response.responder_text}, who is not trusted to do that"
    for signer in (issuer, *responders, *response.certificates):
        if not response.names_responder(signer):
            continue
        trusted = signer == issuer or signer in responders
        problem = "" if trusted else _delegation_complaint(signer, issuer)
        problem = problem or _signature_complaint(response, signer) or _validity_complaint(signer, wall)
        if not problem:
            return ""
        complaint = problem
    return complaint


def _delegation_complaint(signer: Certificate, issuer: Certificate) -> str:
    name = f"the OCSP responder `{signer.subject_text}`"
    if signer.issuer_rdns != issuer.subject_rdns:
        return f"{name} is not certified by `{issuer.subject_text}`"
    try:
        signer.check_signature(issuer.public_key)
    except AuthFailed as error:
        return error.detail
    if OCSP_SIGNING not in (signer.extensions.extended_key_usage or ()):
        return f"{name} is not certified to sign OCSP responses (extended key usage OCSPSigning)"
    if signer.extensions.unknown_critical:
        return f"{name} has the critical extension {signer.extensions.unknown_critical[0]}, not known here"
    return ""


def _signature_complaint(response: OcspResponse, signer: Certificate) -> str:
    try:
        response.check_signature(signer.public_key)
    except AuthFailed as error:
        return error.detail
    return ""


def _validity_complaint(signer: Certificate, wall: datetime) -> str:
    if signer.not_before <= wall <= signer.not_after:
        return ""
    return f"the certificate of the OCSP responder `{signer.subject_text}` is expired or not valid yet"
