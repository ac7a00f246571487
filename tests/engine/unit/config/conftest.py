"""A small public key infrastructure, and a directory to put configurations into."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from ikeengine.config.configuration import Configuration
from ikeengine.config.load import load
from ikeengine.config.problems import ConfigErrors

START, END = datetime(2020, 1, 1, tzinfo=UTC), datetime(2120, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Issued:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    def key_pem(self, password: bytes | None = None) -> bytes:
        protection = BestAvailableEncryption(password) if password else NoEncryption()
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection)


def issue(name: str, issuer: Issued | None = None, *, ca: bool = False) -> Issued:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(START)
        .not_valid_after(END)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if not ca:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    return Issued(builder.sign(issuer.key if issuer else key, hashes.SHA256()), key)


@dataclass(frozen=True)
class Pki:
    root: Issued
    intermediate: Issued
    gw: Issued
    other: Issued


@pytest.fixture(scope="session")
def pki() -> Pki:
    root = issue("Test Root", ca=True)
    intermediate = issue("Test Intermediate", root, ca=True)
    return Pki(root, intermediate, issue("gw1.example.com", intermediate), issue("other.example.com", root))


class Site:
    """A configuration directory."""

    def __init__(self, base: Path) -> None:
        self.base = base

    def write(self, name: str, data: str | bytes, mode: int = 0o600) -> Path:
        path = self.base / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        path.chmod(mode)
        return path

    def load(self, text: str, mode: int = 0o600) -> Configuration:
        return load(self.write("ike.yml", text, mode))

    def errors(self, text: str, mode: int = 0o600) -> list[str]:
        """The errors of a configuration, without the directory in front of file names."""
        with pytest.raises(ConfigErrors) as caught:
            self.load(text, mode)
        return [str(error).replace(f"{self.base}/", "") for error in caught.value.errors]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.fixture
def gateway(site: Site, pki: Pki) -> Callable[[], Site]:
    """Puts our certificate, our key and the authority in their places."""

    def put() -> Site:
        site.write("x509/gw.pem", pki.gw.pem + pki.intermediate.pem, 0o644)
        site.write("x509ca/root.pem", pki.root.pem, 0o644)
        site.write("private/gw.pem", pki.gw.key_pem())
        return site

    return put
