"""Signing and verifying: AUTH payloads (RFC 7296 section 3.8, RFC 7427, RFC 4754, RFC 8420), SIG payloads of IKEv1.

An RSA signature is only ever accepted by encoding what it must hold and comparing (RFC 8017 section 8.2.2); nothing
that a peer put inside a signature is parsed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Self, final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import NoDigestInfo, Prehashed
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA384, SHA512, HashAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_private_key,
    load_pem_private_key,
)

from ikeengine.crypto.ecdsa_raw import RAW_OCTETS, der_signature, raw_signature
from ikeengine.crypto.keys import WRONG_KIND, PublicKey, UnusableKey
from ikeengine.crypto.rsa_bare import verify_bare
from ikeengine.crypto.signature_schemes import (
    BY_IDENTIFIER,
    BY_METHOD,
    HASH_BITS,
    HASHES,
    SCHEMES,
    V1_SCHEMES,
    SignatureScheme,
    parse_constraint,
    v1_scheme,
)
from ikeengine.errors import AuthFailed, LocalMisuse
from ikeengine.model.failure import Alert
from ikeengine.registry import AuthMethod, HashId

__all__ = [
    "HASHES",
    "SCHEMES",
    "V1_SCHEMES",
    "PrivateKey",
    "PublicKey",
    "SignatureScheme",
    "candidate_schemes",
    "check_allowed",
    "decode_auth",
    "encode_auth",
    "parse_constraint",
    "v1_scheme",
    "verify",
]

LibraryPrivateKey = RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey | Ed448PrivateKey

_HASHES: dict[HashId, HashAlgorithm] = {
    HashId.SHA1: SHA1(),  # noqa: S303  only for method 1, see signature_schemes
    HashId.SHA2_256: SHA256(),
    HashId.SHA2_384: SHA384(),
    HashId.SHA2_512: SHA512(),
}
_PKCS1 = PKCS1v15()
_PSS = {hash_id: PSS(mgf=MGF1(algorithm), salt_length=algorithm.digest_size) for hash_id, algorithm in _HASHES.items()}
_ECDSA = {(hash_id, False): ECDSA(algorithm) for hash_id, algorithm in _HASHES.items()}
_ECDSA |= {(hash_id, True): ECDSA(Prehashed(algorithm)) for hash_id, algorithm in _HASHES.items()}
_NO_DIGEST_INFO = NoDigestInfo()


@final
class PrivateKey:
    """A private key for signatures. It shows nothing of itself but its public half."""

    __slots__ = ("_key", "public")

    def __init__(self, key: LibraryPrivateKey) -> None:
        public = key.public_key()
        self.public = PublicKey(public, public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
        self._key = key

    @classmethod
    def load(cls, data: bytes, password: bytes | None = None) -> Self:
        """The key of a PEM or DER file (PKCS#8, encrypted or not, PKCS#1 or SEC 1). Raises LocalMisuse."""
        try:
            return cls(_load(data, password))
        except UnusableKey as error:
            raise LocalMisuse(f"unusable private key: {error}") from None
        except TypeError:
            raise LocalMisuse("the private key is encrypted, and there is no password for it") from None
        except Exception:  # noqa: BLE001  the library's own words could quote the file
            raise LocalMisuse("this is not a private key that can be read, or its password is wrong") from None

    @property
    def key_id(self) -> bytes:
        """SHA-1 of the SubjectPublicKeyInfo, 20 octets."""
        return self.public.key_id

    def sign(self, scheme_name: str, data: bytes) -> bytes:
        """The signature of `data` as it stands in an AUTH or SIG payload, without an AlgorithmIdentifier.

        `scheme_name` is a key of `SCHEMES` or, if `data` is a HASH_I or HASH_R of IKEv1, of `V1_SCHEMES`. Raises
        LocalMisuse if key and scheme do not fit or the library refuses.
        """
        scheme = SCHEMES.get(scheme_name) or V1_SCHEMES.get(scheme_name)
        if scheme is None or not _fits(self.public, scheme):
            raise LocalMisuse(f"the scheme `{scheme_name}` is not for a key of kind {self.public.kind}")
        try:
            return self._sign(scheme, data)
        except Exception as error:  # noqa: BLE001  such as a policy of the system that forbids an algorithm
            raise LocalMisuse(f"cannot sign with {scheme_name}: {type(error).__name__}") from None

    def _sign(self, scheme: SignatureScheme, data: bytes) -> bytes:
        key = self._key
        if isinstance(key, RSAPrivateKey):
            return key.sign(data, _rsa_padding(scheme), _NO_DIGEST_INFO if scheme.bare else _HASHES[scheme.hash])
        if isinstance(key, EllipticCurvePrivateKey):
            signature = key.sign(data, _ECDSA[scheme.hash, scheme.bare])
            return raw_signature(scheme.method, signature) if scheme.method in RAW_OCTETS else signature
        return key.sign(data)

    def __repr__(self) -> str:
        return f"<private key of {self.public!r}>"

    def __reduce__(self) -> tuple[object, ...]:
        raise LocalMisuse("private keys are not copied or written down")


def _load(data: bytes, password: bytes | None) -> LibraryPrivateKey:
    load: Callable[[bytes, bytes | None], object]
    load = load_pem_private_key if b"-----BEGIN" in data else load_der_private_key
    try:
        key = load(data, password)
    except TypeError:
        if password is None:
            raise
        key = load(data, None)  # a password was given for a key that needs none
    if not isinstance(key, LibraryPrivateKey):
        raise UnusableKey(WRONG_KIND)
    return key


def _rsa_padding(scheme: SignatureScheme) -> PSS | PKCS1v15:
    return _PSS[scheme.hash] if scheme.pss else _PKCS1


def _failed(detail: str) -> AuthFailed:
    return AuthFailed(Alert.PEER_AUTH_FAILED.value, detail)


def _fits(key: PublicKey, scheme: SignatureScheme) -> bool:
    return scheme.kind == key.kind and scheme.curve in ("", key.curve)


def _strength(key: PublicKey) -> int:
    """Bits of the hash that is as strong as the key (SP 800-57 part 1, table 2)."""
    if key.kind == "rsa":
        return 256 if key.bits <= 3072 else 384 if key.bits <= 7680 else 512
    return min(key.bits, 512)


def _by_preference(key: PublicKey) -> list[SignatureScheme]:
    """Every scheme for a key, best first: PSS before PKCS#1, the hash as strong as the key, then stronger, weaker."""
    wanted = _strength(key)

    def rank(scheme: SignatureScheme) -> tuple[bool, bool, int]:
        bits = HASH_BITS.get(scheme.hash, wanted)
        return scheme.kind == "rsa" and not scheme.pss, bits < wanted, abs(bits - wanted)

    return sorted((scheme for scheme in SCHEMES.values() if _fits(key, scheme)), key=rank)


def candidate_schemes(
    key: PublicKey, peer_hashes: tuple[HashId, ...] | None, constraints: tuple[str, ...]
) -> tuple[SignatureScheme, ...]:
    """The schemes with which we may sign, best first.

    `peer_hashes` is what the peer announced (RFC 7427 section 4), None if it announced nothing: then only the methods
    that are older are left, for RSA with SHA-1 first, as RFC 7296 section 3.8 asks. `constraints` are the words after
    `ike:`, in order of preference; none allows everything. Raises LocalMisuse for a constraint that does not parse.
    """
    schemes = [scheme for scheme in _by_preference(key) if _negotiated(scheme, peer_hashes)]
    if not constraints:
        if peer_hashes is None:
            schemes.sort(key=lambda scheme: scheme.hash != HashId.SHA1)
        return tuple(schemes)
    chosen: dict[SignatureScheme, None] = {}
    for constraint in (part for text in constraints for part in parse_constraint(text)):
        allowed = [scheme for scheme in schemes if constraint.allows(scheme, key.bits)]
        if constraint.hashes:
            allowed.sort(key=lambda scheme: constraint.hashes.index(scheme.hash))
        chosen.update(dict.fromkeys(allowed))
    return tuple(chosen)


def _negotiated(scheme: SignatureScheme, peer_hashes: tuple[HashId, ...] | None) -> bool:
    if peer_hashes is None:
        return scheme.method != AuthMethod.DIGITAL_SIGNATURE
    return scheme.method == AuthMethod.DIGITAL_SIGNATURE and scheme.hash in peer_hashes


def check_allowed(
    key: PublicKey, scheme: SignatureScheme, peer_hashes: tuple[HashId, ...] | None, constraints: tuple[str, ...]
) -> None:
    """Check the scheme that a peer used. Raises AuthFailed.

    The hashes that we announce are all that there is in method 14, so only two rules are left: the configured
    constraints, and no SHA-1 from a peer that knows RFC 7427 (`peer_hashes` is not None).
    """
    if scheme.hash == HashId.SHA1 and peer_hashes is not None:
        raise _failed("the peer announced RFC 7427 and yet signed with SHA-1")
    if not constraints:
        return
    if not any(part.allows(scheme, key.bits) for text in constraints for part in parse_constraint(text)):
        raise _failed(f"{scheme.name} with a {key.kind} key of {key.bits} bits is not among {', '.join(constraints)}")


def encode_auth(scheme: SignatureScheme, signature: bytes) -> tuple[AuthMethod, bytes]:
    """Method and data of the AUTH payload that carries a signature (RFC 7427 section 3)."""
    identifier = scheme.algorithm_identifier
    if not identifier:
        return scheme.method, signature
    return scheme.method, bytes([len(identifier)]) + identifier + signature


def decode_auth(key: PublicKey, method: AuthMethod, data: bytes) -> tuple[SignatureScheme, bytes]:
    """The scheme and the signature in the data of an AUTH payload. Raises AuthFailed; nothing is verified yet."""
    if method == AuthMethod.DIGITAL_SIGNATURE:
        end = 1 + data[0] if data else 0
        scheme, signature = BY_IDENTIFIER.get(data[1:end]), data[end:]
        if scheme is None:
            raise _failed(f"the signature algorithm {data[1:end].hex()} is not known or not allowed")
    else:
        scheme, signature = _older_scheme(key, method, data), data
    if not signature or not _fits(key, scheme):
        raise _failed(f"a signature of {len(signature)} octets by {scheme.name} does not fit a {key.kind} key")
    return scheme, signature


def _older_scheme(key: PublicKey, method: AuthMethod, signature: bytes) -> SignatureScheme:
    schemes = BY_METHOD.get(method, ())
    if not schemes:
        raise _failed(f"the AUTH method {int(method)} is not a signature that is known here")
    if len(schemes) == 1:
        return schemes[0]
    for scheme in schemes:
        if _holds_hash(key, scheme, signature):
            return scheme
    raise _failed("the RSA signature does not fit the key, or its hash is neither SHA-1 nor SHA-2")


def _holds_hash(key: PublicKey, scheme: SignatureScheme, signature: bytes) -> bool:
    """Whether an RSA signature holds a hash of this algorithm, which method 1 says nowhere else."""
    if not isinstance(key.library_key, RSAPublicKey):
        return False
    try:
        key.library_key.recover_data_from_signature(signature, _PKCS1, _HASHES[scheme.hash])
    except Exception:  # noqa: BLE001  the library raises a different one for each way to be wrong
        return False
    return True


def verify(key: PublicKey, scheme: SignatureScheme, signature: bytes, octets: bytes) -> None:
    """Verify the signature of the signed octets (`auth.octets`). Raises AuthFailed("peer-auth-failed")."""
    if not _fits(key, scheme):
        raise _failed(f"{scheme.name} does not fit a {key.kind} key")
    if scheme.method in RAW_OCTETS:
        signature = der_signature(scheme.method, signature)
    try:
        _verify(key, scheme, signature, octets)
    except InvalidSignature:
        raise _failed(f"the {scheme.name} signature does not verify with the key {key.key_id.hex()}") from None
    except Exception as error:  # noqa: BLE001  whatever a library finds wrong in a signature is the peer's fault
        raise _failed(f"the {scheme.name} signature is unusable: {type(error).__name__}") from None


def _verify(key: PublicKey, scheme: SignatureScheme, signature: bytes, octets: bytes) -> None:
    library_key = key.library_key
    if isinstance(library_key, RSAPublicKey):
        if scheme.bare:
            verify_bare(library_key, signature, octets)
        else:
            library_key.verify(signature, octets, _rsa_padding(scheme), _HASHES[scheme.hash])
    elif isinstance(library_key, EllipticCurvePublicKey):
        library_key.verify(signature, octets, _ECDSA[scheme.hash, scheme.bare])
    else:
        library_key.verify(signature, octets)
