"""Certificates of a configuration: from files (with a memory, as many connections name the same one) or from VICI."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

from ikeengine.config.tree import octets
from ikeengine.crypto.certificate import Certificate
from ikeengine.crypto.keys import PublicKey
from ikeengine.errors import IkeError

T = TypeVar("T")
LARGEST_FILE = 1 << 20
"""Octets of a certificate file."""

_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)


class CertificateSource(Protocol):
    """Where the certificates of `certs` and `cacerts` come from."""

    def load(self, name: str, directory: str) -> tuple[Certificate, ...]:
        """The certificates that a value stands for, the end entity's first. Raises ValueError."""

    def load_key(self, name: str, directory: str) -> PublicKey:
        """The raw public key that a value stands for. Raises ValueError."""


class CertificateFiles:
    """Files below the configuration's directory, or with absolute paths."""

    def __init__(self, base: Path) -> None:
        self._base = base
        self._loaded: dict[Path, tuple[Certificate, ...]] = {}

    def load(self, name: str, directory: str) -> tuple[Certificate, ...]:
        """All certificates of a file. Raises ValueError."""
        path = self._base / directory / name
        if path not in self._loaded:
            self._loaded[path] = _parsed(path, certificates_from)
        return self._loaded[path]

    def load_key(self, name: str, directory: str) -> PublicKey:
        """The public key in a file. Raises ValueError."""
        return _parsed(self._base / directory / name, public_key_from)


class CertificateBlobs:
    """Values that are the certificates themselves, as clients of the control socket send them."""

    def load(self, name: str, directory: str) -> tuple[Certificate, ...]:
        """The first certificate of the value. Raises ValueError."""
        return certificates_from(octets(name))[:1]

    def load_key(self, name: str, directory: str) -> PublicKey:
        """The public key that is the value. Raises ValueError."""
        return public_key_from(octets(name))


def _parsed(path: Path, parse: Callable[[bytes], T]) -> T:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > LARGEST_FILE:
        raise ValueError(f"{path} is larger than {LARGEST_FILE} bytes; this is no certificate")
    try:
        return parse(data)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def certificates_from(data: bytes) -> tuple[Certificate, ...]:
    """The certificates of a PEM text (one or more) or of DER octets (one). Raises ValueError."""
    try:
        encoded = [base64.b64decode(body, validate=False) for body in _PEM.findall(data)]
    except binascii.Error:
        raise ValueError("the PEM text of a certificate is damaged") from None
    if not encoded and b"-----BEGIN" in data:
        raise ValueError("no certificate is in it, but something else")
    try:
        return tuple(Certificate.from_der(der) for der in encoded or [data])
    except IkeError as error:
        raise ValueError(f"not a usable certificate: {error}") from error


def public_key_from(data: bytes) -> PublicKey:
    """The public key of a PEM text or of DER octets. Raises ValueError."""
    try:
        return PublicKey.load(data)
    except IkeError as error:
        raise ValueError(str(error)) from error
