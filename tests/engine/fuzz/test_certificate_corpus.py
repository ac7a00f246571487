"""strongSwan's fuzzing corpora (github.com/strongswan/fuzzing-corpora): certificates, CRLs and identities.

Whatever the octets are, certificates end in AuthFailed or are usable, texts in LocalMisuse or are identities, and
printing never fails. 26 of the files once crashed strongSwan.
"""

from __future__ import annotations

import tarfile
from functools import cache

import pytest

from ikeengine.auth.x509 import build_chain, matches_identity
from ikeengine.crypto import names
from ikeengine.crypto.certificate import Certificate
from ikeengine.errors import AuthFailed, LocalMisuse
from ikeengine.model.failure import Alert
from ikeengine.model.identity import Identity
from ikeengine.negotiate.identities import (
    canonical,
    format_identity,
    is_sound,
    matches,
    parse_identity,
    parse_pattern,
)
from ikeengine.registry import IdType
from tests.engine import pki
from tests.engine.support.vectors import external

pytestmark = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")

CHECKS = {alert.value for alert in Alert}


@cache
def corpus() -> dict[str, bytes]:
    found = {}
    with tarfile.open(external("fuzz", "strongswan-corpora.tar.xz")) as archive:
        for member in archive:
            content = archive.extractfile(member)
            if content is not None:
                found[member.name] = content.read()
    assert len(found) > 2000
    return found


def usable(data: bytes) -> Certificate | None:
    """The certificate, and proof that everything it says can be asked for."""
    certificate: Certificate | None = None
    complaints = []
    try:
        certificate = Certificate.from_der(data)
    except AuthFailed as error:
        complaints.append(error)
    else:
        complaints += check_everything(certificate)
    assert all(str(error).isprintable() and error.check in CHECKS for error in complaints)
    return certificate


def check_everything(certificate: Certificate) -> list[AuthFailed]:
    """Ask for everything; the complaints of path validation."""
    complaints = []
    assert repr(certificate).isprintable()
    for identity in certificate.identities:
        format_identity(identity)
        matches_identity(certificate, identity)
    for anchors in ([], [certificate]):
        try:
            build_chain(certificate, [certificate], anchors, pki.NOW)
        except AuthFailed as error:
            complaints.append(error)
    return complaints


def test_certificates() -> None:
    good = [name for name, data in corpus().items() if usable(data) is not None]
    assert 10 < len(good) < 200
    assert not any(name.startswith("certs-crash/") for name in good)


def test_every_file_as_every_kind_of_identity() -> None:
    patterns = [parse_pattern(text) for text in ("%any", "*.example.com", "C=CH, CN=*", "::/0")]
    for data in corpus().values():
        for kind in (*IdType, IdType(201)):
            identity = Identity(kind, data[:4096])
            assert format_identity(identity).isprintable()
            canonical(identity)
            assert any(matches(pattern, identity) for pattern in patterns) <= is_sound(identity)


def test_every_short_file_as_text() -> None:
    tried = 0
    for data in corpus().values():
        if len(data) > 512:
            continue
        for text in (data.decode("latin-1"), data.decode("utf-8", "surrogateescape")):
            for parse in (parse_identity, parse_pattern, names.parse_name):
                try:
                    parse(text)
                except LocalMisuse:
                    tried += 1
    assert tried > 100
