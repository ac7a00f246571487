"""Certificates in a PKCS #7 wrapping (RFC 2315), which is encoding 1 of a CERT payload (RFC 2408 section 3.9)."""

from __future__ import annotations

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import load_der_pkcs7_certificates

from ikeengine.errors import AuthFailed
from ikeengine.model.failure import Alert

MAX_CERTIFICATES = 16
"""More than this many in one wrapping are not looked at."""


def unwrap(encoded: bytes) -> tuple[bytes, ...]:
    """The certificates (DER) in it, in no certain order. Raises AuthFailed("cert-validation-failed")."""
    try:
        found = load_der_pkcs7_certificates(encoded)
        return tuple(certificate.public_bytes(Encoding.DER) for certificate in found[:MAX_CERTIFICATES])
    except Exception as error:  # noqa: BLE001  whatever the library finds wrong with it is the peer's fault
        detail = f"the PKCS #7 wrapping of the peer's certificate is unusable: {type(error).__name__}"
        raise AuthFailed(Alert.CERT_VALIDATION_FAILED.value, detail) from None
