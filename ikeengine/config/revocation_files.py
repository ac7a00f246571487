"""The directories beside the configuration that are about revocation: `x509crl` and `x509ocsp`, as in swanctl's."""

from __future__ import annotations

import base64
import binascii
import re
from pathlib import Path

from ikeengine.config.certificates import certificates_from
from ikeengine.config.problems import Mark, Problems
from ikeengine.crypto.crl import MAX_CRL_OCTETS, Crl
from ikeengine.errors import AuthFailed

CRLS, RESPONDERS = "x509crl", "x509ocsp"
MAX_FILES = 256
_PEM = re.compile(rb"-----BEGIN X509 CRL-----(.*?)-----END X509 CRL-----", re.DOTALL)


def load_crls(base: Path, problems: Problems) -> tuple[bytes, ...]:
    """The CRLs of the directory `x509crl`."""
    return tuple(crl.der for file in _files(base / CRLS) for crl in _crl(file, problems))


def load_responders(base: Path, problems: Problems) -> tuple[bytes, ...]:
    """The certificates of the directory `x509ocsp`."""
    found: list[bytes] = []
    for file in _files(base / RESPONDERS):
        try:
            found += [certificate.der for certificate in certificates_from(_read(file))]
        except ValueError as error:
            problems.add(Mark(str(file)), "", str(error))
    return tuple(dict.fromkeys(found))


def crl_from(data: bytes) -> Crl:
    """The CRL of a PEM text or of DER octets. Raises ValueError."""
    try:
        encoded = [base64.b64decode(body, validate=False) for body in _PEM.findall(data)]
        return Crl.from_der(encoded[0] if encoded else data)
    except (binascii.Error, AuthFailed) as error:
        raise ValueError(f"not a usable CRL: {error}") from error


def _files(directory: Path) -> list[Path]:
    if not directory.is_dir():
        return []
    return sorted(file for file in directory.iterdir() if file.is_file() and not file.name.startswith("."))[:MAX_FILES]


def _crl(file: Path, problems: Problems) -> list[Crl]:
    try:
        return [crl_from(_read(file))]
    except ValueError as error:
        problems.add(Mark(str(file)), "", str(error))
        return []


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            data = stream.read(2 * MAX_CRL_OCTETS + 1)
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from error
    if len(data) > 2 * MAX_CRL_OCTETS:
        raise ValueError("the file is too large")
    return data
