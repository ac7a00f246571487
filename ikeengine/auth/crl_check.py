"""What CRLs say about a certificate (RFC 5280 section 6.3).

CRLs are signed by the name that issued the certificate: with the key that signed the certificate, or with another key
of that name whose certificate leads to a trusted authority. CRLs of somebody else (indirect ones, cRLIssuer) are not
used; a certificate that has only such ones has an unknown status.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from ikeengine.auth.status import Status, Verdict
from ikeengine.crypto import names
from ikeengine.crypto.certificate import Certificate
from ikeengine.crypto.crl import REMOVED, Crl, Revoked
from ikeengine.crypto.general_names import GeneralName, NameKind
from ikeengine.crypto.revocation_pointers import ALL_REASONS, DistributionPoint
from ikeengine.errors import AuthFailed
from ikeengine.model.immutable import immutable

CLOCK_SKEW = timedelta(minutes=5)
"""How far the clocks of a CA and of this host may differ."""


@immutable
class Subject:
    """The certificate in question, and those whose keys may sign its CRLs: its issuer first."""

    certificate: Certificate
    signers: tuple[Certificate, ...]


def check_crls(subject: Subject, crls: Iterable[Crl], wall: datetime) -> Status:
    """The status of a certificate by the CRLs at hand. `wall` is the time, aware."""
    own = [crl for crl in crls if crl.issuer_rdns == subject.certificate.issuer_rdns]
    deltas = [crl for crl in own if crl.base_number is not None]
    complete = sorted((crl for crl in own if crl.base_number is None), key=lambda crl: crl.number, reverse=True)
    complaints: list[str] = []
    covered: frozenset[str] = frozenset()
    for crl, reasons in _applicable(subject, complete, wall, complaints):
        if reasons <= covered:
            continue
        entry = _entry(subject, crl, deltas, wall)
        if entry is not None:
            return Status(Verdict.REVOKED, revoked_text(entry, "the CRL"), source="CRL")
        covered |= reasons
        if covered == ALL_REASONS:
            return Status(Verdict.GOOD, "the CRL does not list it", until=crl.next_update, source="CRL")
    return Status(Verdict.UNKNOWN, _why_unknown(subject, complaints, covered))


def _why_unknown(subject: Subject, complaints: Sequence[str], covered: frozenset[str]) -> str:
    if complaints:
        return complaints[0]
    if covered:
        return "the CRLs at hand do not cover every reason for revocation"
    if any(point.crl_issuers for point in subject.certificate.extensions.pointers.crl_points):
        return "its CRL is signed by somebody else than its issuer (indirect CRL), which is not supported"
    return f"there is no CRL of `{subject.certificate.issuer_text}`"


def revoked_text(entry: Revoked, source: str) -> str:
    """One sentence about a revoked certificate."""
    return f"{source} says that it was revoked on {entry.since:%Y-%m-%d %H:%M:%S} UTC, reason {entry.reason}"


def _applicable(
    subject: Subject, crls: Sequence[Crl], wall: datetime, complaints: list[str]
) -> Iterator[tuple[Crl, frozenset[str]]]:
    """The CRLs that may be used, each with the reasons that it covers (section 6.3.3 b to g)."""
    fine: dict[Crl, str] = {}
    for point in _points(subject.certificate):
        for crl in crls:
            if not _covers(crl, point, subject.certificate):
                continue
            if crl not in fine:
                fine[crl] = _complaint(crl, subject, wall)
                complaints += [fine[crl]] if fine[crl] else []
            if not fine[crl]:
                yield crl, point.reasons & crl.scope.reasons


def _points(certificate: Certificate) -> list[DistributionPoint]:
    """The distribution points of a certificate, and the one that everybody has: the name of the issuer."""
    named = [point for point in certificate.extensions.pointers.crl_points if not point.crl_issuers]
    return [*named, DistributionPoint((GeneralName(NameKind.DN, certificate.issuer),))]


def _covers(crl: Crl, point: DistributionPoint, certificate: Certificate) -> bool:
    """Section 6.3.3 b 2: whether a CRL is about certificates like this one."""
    scope = crl.scope
    wrong_kind = (scope.only_user and certificate.is_ca) or (scope.only_ca and not certificate.is_ca)
    if scope.only_attribute or wrong_kind:
        return False
    wanted = _names(point.names, point.relative_name, certificate.issuer)
    found = _names(scope.names, scope.relative_name, crl.issuer)
    return not found or not wanted.isdisjoint(found)


def _names(full: Sequence[GeneralName], relative: bytes, issuer: bytes) -> set[object]:
    found: set[object] = {names.comparable(n.value) if n.kind is NameKind.DN else n for n in full}
    if relative:
        found.add((*names.comparable(issuer), *names.comparable(relative)))
    return found


def _complaint(crl: Crl, subject: Subject, wall: datetime) -> str:
    """Why a CRL cannot be used; empty if it can."""
    if crl.unknown_critical:
        return f"the CRL of `{crl.issuer_text}` has the critical extension {crl.unknown_critical[0]}, not known here"
    if crl.this_update > wall + CLOCK_SKEW:
        return f"the CRL of `{crl.issuer_text}` is not valid before {crl.this_update:%Y-%m-%d %H:%M:%S} UTC"
    if crl.next_update is None or crl.next_update < wall:
        when = "has no nextUpdate" if crl.next_update is None else f"expired on {crl.next_update:%Y-%m-%d %H:%M:%S} UTC"
        return f"the CRL of `{crl.issuer_text}` {when}"
    return _signature_complaint(crl, subject.signers)


def _signature_complaint(crl: Crl, signers: Iterable[Certificate]) -> str:
    complaint = f"nobody who may sign the CRL of `{crl.issuer_text}` is known"
    for signer in signers:
        usage = signer.extensions.key_usage
        if usage is not None and "crl_sign" not in usage:
            complaint = f"the key usage of `{signer.subject_text}` does not allow to sign CRLs"
            continue
        try:
            crl.check_signature(signer.public_key)
        except AuthFailed as error:
            complaint = error.detail
        else:
            return ""
    return complaint


def is_signed_crl(crl: Crl, signers: Iterable[Certificate]) -> bool:
    """Whether one of these may sign, and has signed, a CRL."""
    return not _signature_complaint(crl, signers)


def _entry(subject: Subject, crl: Crl, deltas: Sequence[Crl], wall: datetime) -> Revoked | None:
    """The entry of the certificate in the CRL, or in the newest delta CRL to it (section 5.2.4)."""
    certificate = subject.certificate
    fitting = [delta for delta in deltas if _completes(delta, crl) and not _complaint(delta, subject, wall)]
    if fitting:
        newest = max(fitting, key=lambda delta: delta.number)
        entry = newest.find(certificate.serial, certificate.issuer_rdns)
        if entry is not None:
            return None if entry.reason == REMOVED else entry
    return crl.find(certificate.serial, certificate.issuer_rdns)


def _completes(delta: Crl, crl: Crl) -> bool:
    same = delta.scope == crl.scope and delta.authority_key_id == crl.authority_key_id
    return same and delta.base_number is not None and delta.base_number <= crl.number <= delta.number
