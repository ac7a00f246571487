"""Public keys for signatures, with the limits that we put on them.

RSA keys have 2048 to 16384 bits (RFC 8247 section 3.1.1, and strongSwan's upper limit) and an odd exponent of 3 to
64 bits, so that no key makes a verification slow. Elliptic curves are the NIST and Brainpool ones of 256 bits or more.
"""

from __future__ import annotations

import hashlib
from typing import Self, final

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_public_key,
)

from ikeengine.errors import AuthFailed, LocalMisuse
from ikeengine.model.failure import Alert

LibraryPublicKey = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey | Ed448PublicKey

MIN_RSA_BITS = 2048
MAX_RSA_BITS = 16384
MAX_RSA_EXPONENT_BITS = 64
CURVES = ("secp256r1", "secp384r1", "secp521r1", "brainpoolP256r1", "brainpoolP384r1", "brainpoolP512r1")
WRONG_KIND = "the key is not for RSA, ECDSA, Ed25519 or Ed448 signatures"


class UnusableKey(Exception):
    """The key is of a kind or size that we do not use."""


def _check_rsa(key: RSAPublicKey) -> None:
    numbers = key.public_numbers()
    if not MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS:
        raise UnusableKey(f"RSA keys have {MIN_RSA_BITS} to {MAX_RSA_BITS} bits here, not {key.key_size}")
    if numbers.n % 2 == 0 or numbers.e % 2 == 0 or numbers.e < 3 or numbers.e.bit_length() > MAX_RSA_EXPONENT_BITS:
        raise UnusableKey("the RSA key has an even modulus, or an exponent that is even, below 3 or too large")


def _describe(key: LibraryPublicKey) -> tuple[str, int, str]:
    """Kind, bits and curve of a library key. Raises UnusableKey."""
    if isinstance(key, RSAPublicKey):
        _check_rsa(key)
        return "rsa", key.key_size, ""
    if isinstance(key, EllipticCurvePublicKey):
        if key.curve.name not in CURVES:
            raise UnusableKey(f"the curve {key.curve.name} is not one of {', '.join(CURVES)}")
        return "ecdsa", key.curve.key_size, key.curve.name
    return ("ed25519", 256, "") if isinstance(key, Ed25519PublicKey) else ("ed448", 456, "")


@final
class PublicKey:
    """A public key for signatures.

    `kind` is "rsa", "ecdsa", "ed25519" or "ed448"; `curve` is set for "ecdsa". `der` is the SubjectPublicKeyInfo and
    `key_id` its SHA-1, as in a CERTREQ payload (RFC 7296 section 3.7).
    """

    __slots__ = ("bits", "curve", "der", "key_id", "kind", "library_key")

    def __init__(self, library_key: LibraryPublicKey, der: bytes) -> None:
        self.kind, self.bits, self.curve = _describe(library_key)
        self.library_key = library_key
        self.der = der
        self.key_id = hashlib.sha1(der, usedforsecurity=False).digest()

    @classmethod
    def from_der(cls, der: bytes) -> Self:
        """The key of a SubjectPublicKeyInfo. Raises AuthFailed("cert-validation-failed")."""
        try:
            key = load_der_public_key(der)
            if not isinstance(key, LibraryPublicKey):
                raise UnusableKey(WRONG_KIND)
            return cls(key, der)
        except Exception as error:  # noqa: BLE001  whatever a library finds wrong in a peer's key is the peer's fault
            raise AuthFailed(Alert.CERT_VALIDATION_FAILED.value, f"unusable public key: {error}") from None

    @classmethod
    def load(cls, data: bytes) -> Self:
        """The key of a PEM or DER file (SubjectPublicKeyInfo or PKCS#1). Raises LocalMisuse."""
        load = load_pem_public_key if b"-----BEGIN" in data else load_der_public_key
        try:
            key = load(data)
            if not isinstance(key, LibraryPublicKey):
                raise UnusableKey(WRONG_KIND)
            return cls(key, key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
        except UnusableKey as error:
            raise LocalMisuse(f"unusable public key: {error}") from None
        except Exception:  # noqa: BLE001  the library raises a different one for each way to be wrong
            raise LocalMisuse("this is not a public key that can be read") from None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PublicKey) and self.der == other.der

    def __hash__(self) -> int:
        return hash(self.der)

    def __repr__(self) -> str:
        return f"<{self.kind} {self.bits} {self.key_id.hex()}>"

    def __reduce__(self) -> tuple[object, tuple[bytes]]:
        return PublicKey.from_der, (self.der,)
