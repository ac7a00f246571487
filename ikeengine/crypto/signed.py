"""Signatures on certificates, CRLs and OCSP responses: the same algorithms and the same limits for all three."""

from __future__ import annotations

from typing import Protocol

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PSS, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from ikeengine.crypto.keys import PublicKey
from ikeengine.model.immutable import immutable

_ALLOWED_HASHES = (
    hashes.SHA256,
    hashes.SHA384,
    hashes.SHA512,
    hashes.SHA3_256,
    hashes.SHA3_384,
    hashes.SHA3_512,
)
"""MD5 and SHA-1 allow forged certificates."""

Parameters = PKCS1v15 | PSS | ECDSA | None


@immutable
class Signed:
    """The signed octets, the signature, and how it was made."""

    octets: bytes
    signature: bytes
    hash: hashes.HashAlgorithm | None
    parameters: Parameters


class _LibraryObject(Protocol):
    @property
    def signature(self) -> bytes: ...
    @property
    def signature_hash_algorithm(self) -> hashes.HashAlgorithm | None: ...
    @property
    def signature_algorithm_parameters(self) -> Parameters: ...


def signed_part(found: x509.Certificate | x509.CertificateRevocationList) -> Signed:
    """What is signed in a certificate or a CRL. Raises what the library raises for algorithms that it does not know."""
    octets = found.tbs_certificate_bytes if isinstance(found, x509.Certificate) else found.tbs_certlist_bytes
    return _signed(octets, found)


def _signed(octets: bytes, found: _LibraryObject) -> Signed:
    return Signed(octets, found.signature, found.signature_hash_algorithm, found.signature_algorithm_parameters)


def signature_name(signed: Signed) -> tuple[str, str]:
    """Kind and hash in the words of swanctl's constraints; an empty hash for Edwards curves."""
    name = signed.hash.name.replace("sha3-", "sha3_") if signed.hash is not None else ""
    if isinstance(signed.parameters, PSS):
        return "rsa/pss", name
    return ("rsa" if isinstance(signed.parameters, PKCS1v15) else "ecdsa" if signed.parameters else ""), name


def check_signed(key: PublicKey, signed: Signed) -> None:
    """Check a signature.

    Raises InvalidSignature, or another exception of the library or ValueError for what it cannot or must not use.
    """
    if signed.hash is not None and not isinstance(signed.hash, _ALLOWED_HASHES):
        raise ValueError(f"signatures with {signed.hash.name} are not accepted")
    library_key, parameters = key.library_key, signed.parameters
    if isinstance(library_key, RSAPublicKey) and isinstance(parameters, PKCS1v15 | PSS) and signed.hash is not None:
        library_key.verify(signed.signature, signed.octets, parameters, signed.hash)
    elif isinstance(library_key, EllipticCurvePublicKey) and isinstance(parameters, ECDSA):
        library_key.verify(signed.signature, signed.octets, parameters)
    elif not isinstance(library_key, RSAPublicKey | EllipticCurvePublicKey) and parameters is None:
        library_key.verify(signed.signature, signed.octets)
    else:
        raise ValueError(f"it was not made with a {key.kind} key")
