"""PKCS#12 containers (RFC 7292): a private key with its certificate and the authorities above it, in one file."""

from __future__ import annotations

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12

from ikeengine.crypto.certificate import Certificate
from ikeengine.crypto.keys import WRONG_KIND
from ikeengine.crypto.sign import LibraryPrivateKey
from ikeengine.errors import AuthFailed, LocalMisuse
from ikeengine.model.immutable import immutable
from ikeengine.model.secret import Secret


@immutable
class Container:
    """What was in a container. `key` is PKCS#8 without encryption."""

    key: Secret | None
    certificates: tuple[Certificate, ...]
    """End entity and intermediate certificates."""
    authorities: tuple[Certificate, ...]
    """Self-signed certificates of authorities."""


def load_pkcs12(data: bytes, password: bytes | None) -> Container:
    """Open a container. Raises LocalMisuse, which shows nothing of what is in it."""
    try:
        opened = pkcs12.load_pkcs12(data, password)
    except Exception:  # noqa: BLE001  the library's own words could quote the file
        raise LocalMisuse("this is not a PKCS#12 container that can be read, or its password is wrong") from None
    if opened.key is not None and not isinstance(opened.key, LibraryPrivateKey):
        raise LocalMisuse(f"the container is of no use: {WRONG_KIND}")
    key = None
    if opened.key is not None:
        key = Secret(opened.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))
    held = [opened.cert, *opened.additional_certs]
    return _sorted(key, [entry.certificate.public_bytes(Encoding.DER) for entry in held if entry is not None])


def _sorted(key: Secret | None, encoded: list[bytes]) -> Container:
    try:
        certificates = [Certificate.from_der(der) for der in encoded]
    except AuthFailed as error:
        raise LocalMisuse(f"the container holds an unusable certificate: {error.detail}") from None
    return Container(
        key,
        tuple(certificate for certificate in certificates if not _is_root(certificate)),
        tuple(certificate for certificate in certificates if _is_root(certificate)),
    )


def _is_root(certificate: Certificate) -> bool:
    return certificate.is_ca and certificate.is_self_issued
