"""The signature schemes of IKE as data: RFC 7427 (with RFC 8420), the methods that are older than it, and IKEv1.

Choices that an operator may want to know:

- RSASSA-PSS is preferred to PKCS#1 v1.5, because RFC 8247 section 3.2 makes it the one that every peer must have. Its
  salt is as long as the hash and the mask uses the same hash; anything else is refused.
- The hash fits the strength of the key first; stronger ones are next, weaker ones last.
- SHA-1 is never used in method 14 (RFC 8247 section 3.2). It remains for method 1, where RFC 7296 section 3.8 makes it
  the default, and only towards a peer that did not announce RFC 7427. A constraint such as `rsa-sha256` forbids it.
- MD5 does not exist here.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from ikeengine.crypto import der
from ikeengine.errors import LocalMisuse
from ikeengine.model.immutable import immutable
from ikeengine.registry import AuthMethod, HashId

HASHES = (HashId.SHA2_256, HashId.SHA2_384, HashId.SHA2_512, HashId.IDENTITY)
"""What we announce in N(SIGNATURE_HASH_ALGORITHMS)."""

HASH_NAMES = {
    "sha1": HashId.SHA1,
    "sha256": HashId.SHA2_256,
    "sha384": HashId.SHA2_384,
    "sha512": HashId.SHA2_512,
    "identity": HashId.IDENTITY,
}
HASH_BITS = {HashId.SHA1: 160, HashId.SHA2_256: 256, HashId.SHA2_384: 384, HashId.SHA2_512: 512}

_RSA_SIGNATURE_OIDS = {
    HashId.SHA2_256: "1.2.840.113549.1.1.11",
    HashId.SHA2_384: "1.2.840.113549.1.1.12",
    HashId.SHA2_512: "1.2.840.113549.1.1.13",
}
_ECDSA_OIDS = {
    HashId.SHA2_256: "1.2.840.10045.4.3.2",
    HashId.SHA2_384: "1.2.840.10045.4.3.3",
    HashId.SHA2_512: "1.2.840.10045.4.3.4",
}
_HASH_OIDS = {
    HashId.SHA2_256: "2.16.840.1.101.3.4.2.1",
    HashId.SHA2_384: "2.16.840.1.101.3.4.2.2",
    HashId.SHA2_512: "2.16.840.1.101.3.4.2.3",
}
_RSASSA_PSS = "1.2.840.113549.1.1.10"
_MGF1 = "1.2.840.113549.1.1.8"
_NULL = der.element(der.NULL, b"")


@immutable
class SignatureScheme:
    """One way to sign. `kind` is the kind of key; `algorithm_identifier` is empty for methods older than RFC 7427."""

    name: str
    kind: str
    hash: HashId
    method: AuthMethod
    algorithm_identifier: bytes = b""
    pss: bool = False
    curve: str = ""
    """The only curve that the scheme is for (methods 9 to 11); empty for any."""
    bare: bool = False
    """Whether what is signed is a hash already, and the signature does not say which (IKEv1)."""


def _identifier(oid: str, parameters: bytes = b"") -> bytes:
    return der.element(der.SEQUENCE, der.object_identifier(oid) + parameters)


def _pss_identifier(hash_id: HashId, hash_parameters: bytes, mask_parameters: bytes, *, trailer: bool) -> bytes:
    """AlgorithmIdentifier of RSASSA-PSS (RFC 8017 appendix A.2.3) with equal hashes and a salt as long as the hash."""
    hash_oid = _HASH_OIDS[hash_id]
    parts = [
        der.element(0xA0, _identifier(hash_oid, hash_parameters)),
        der.element(0xA1, _identifier(_MGF1, _identifier(hash_oid, mask_parameters))),
        der.element(0xA2, der.element(der.INTEGER, bytes([HASH_BITS[hash_id] // 8]))),
        der.element(0xA3, der.element(der.INTEGER, b"\x01")) if trailer else b"",
    ]
    return _identifier(_RSASSA_PSS, der.element(der.SEQUENCE, b"".join(parts)))


def _rfc7427_schemes() -> list[SignatureScheme]:
    method = AuthMethod.DIGITAL_SIGNATURE
    schemes = []
    for name in ("sha256", "sha384", "sha512"):
        hash_id = HASH_NAMES[name]
        pss = _pss_identifier(hash_id, _NULL, _NULL, trailer=False)
        rsa = _identifier(_RSA_SIGNATURE_OIDS[hash_id], _NULL)
        ecdsa = _identifier(_ECDSA_OIDS[hash_id])
        schemes += [
            SignatureScheme(f"rsa/pss-{name}", "rsa", hash_id, method, pss, pss=True),
            SignatureScheme(f"rsa-{name}", "rsa", hash_id, method, rsa),
            SignatureScheme(f"ecdsa-{name}", "ecdsa", hash_id, method, ecdsa),
        ]
    for kind, oid in (("ed25519", "1.3.101.112"), ("ed448", "1.3.101.113")):
        schemes.append(SignatureScheme(kind, kind, HashId.IDENTITY, method, _identifier(oid)))
    return schemes


def _older_schemes() -> list[SignatureScheme]:
    """RFC 7296 section 3.8 method 1, RFC 4754 section 3 methods 9 to 11."""
    return [
        *(
            SignatureScheme(f"legacy-rsa-{name}", "rsa", HASH_NAMES[name], AuthMethod.RSA_DIGITAL_SIGNATURE)
            for name in ("sha1", "sha256", "sha384", "sha512")
        ),
        SignatureScheme("legacy-ecdsa-256", "ecdsa", HashId.SHA2_256, AuthMethod.ECDSA_256, curve="secp256r1"),
        SignatureScheme("legacy-ecdsa-384", "ecdsa", HashId.SHA2_384, AuthMethod.ECDSA_384, curve="secp384r1"),
        SignatureScheme("legacy-ecdsa-521", "ecdsa", HashId.SHA2_512, AuthMethod.ECDSA_521, curve="secp521r1"),
    ]


SCHEMES: dict[str, SignatureScheme] = {scheme.name: scheme for scheme in [*_rfc7427_schemes(), *_older_schemes()]}
"""Every scheme by name. The names without `legacy-` are the words of swanctl's constraints."""


V1_SCHEMES: dict[str, SignatureScheme] = {
    scheme.name: scheme
    for scheme in (
        SignatureScheme("ikev1-rsa", "rsa", HashId.IDENTITY, AuthMethod.RSA_DIGITAL_SIGNATURE, bare=True),
        *(
            replace(SCHEMES[f"legacy-ecdsa-{bits}"], name=f"ikev1-ecdsa-{bits}", bare=True)
            for bits in ("256", "384", "521")
        ),
    )
}
"""The schemes of IKEv1, whose signatures are over HASH_I and HASH_R (RFC 2409 section 5.1, RFC 4754 section 4).

The hash of RSA is the negotiated one; ECDSA brings its own, with which HASH_I and HASH_R are made too.
"""


def v1_scheme(kind: str, curve: str) -> SignatureScheme | None:
    """The only scheme of IKEv1 for a kind of key; None if there is none."""
    return next((scheme for scheme in V1_SCHEMES.values() if scheme.kind == kind and scheme.curve in ("", curve)), None)


def _known_identifiers() -> dict[bytes, SignatureScheme]:
    """Every AlgorithmIdentifier that we accept, octet by octet, so that there is nothing to parse.

    Peers differ in whether the parameters of a hash are NULL or absent (RFC 4055 section 2.1 asks to accept both) and
    whether the default trailer field of PSS is left out (DER) or not (RFC 7427 appendix A.4.3).
    """
    known = {scheme.algorithm_identifier: scheme for scheme in _rfc7427_schemes()}
    for name in ("sha256", "sha384", "sha512"):
        hash_id = HASH_NAMES[name]
        known[_identifier(_RSA_SIGNATURE_OIDS[hash_id])] = SCHEMES[f"rsa-{name}"]
        for hash_parameters in (_NULL, b""):
            for mask_parameters in (_NULL, b""):
                for trailer in (False, True):
                    encoded = _pss_identifier(hash_id, hash_parameters, mask_parameters, trailer=trailer)
                    known[encoded] = SCHEMES[f"rsa/pss-{name}"]
    return known


BY_IDENTIFIER: dict[bytes, SignatureScheme] = _known_identifiers()
BY_METHOD: dict[AuthMethod, tuple[SignatureScheme, ...]] = {
    method: tuple(s for s in SCHEMES.values() if s.method == method and not s.algorithm_identifier)
    for method in (
        AuthMethod.RSA_DIGITAL_SIGNATURE,
        AuthMethod.ECDSA_256,
        AuthMethod.ECDSA_384,
        AuthMethod.ECDSA_521,
    )
}


@immutable
class Constraint:
    """One key kind of a constraint: `pubkey` is any kind; no hashes means any hash."""

    kind: str
    min_bits: int = 0
    hashes: tuple[HashId, ...] = ()

    def allows(self, scheme: SignatureScheme, bits: int) -> bool:
        """Whether a scheme may be used with a key of so many bits."""
        if scheme.hash == HashId.SHA1 and HashId.SHA1 not in self.hashes:
            return False
        if self.hashes and scheme.hash not in self.hashes:
            return False
        return bits >= self.min_bits and self._allows_kind(scheme)

    def _allows_kind(self, scheme: SignatureScheme) -> bool:
        if self.kind == "pubkey":
            return True
        return self.kind == ("rsa/pss" if scheme.pss else scheme.kind)


def constraint_text(constraint: Constraint) -> str:
    """The text of one constraint, as `parse_constraint` reads it."""
    names = {hash_id: name for name, hash_id in HASH_NAMES.items()}
    bits = [str(constraint.min_bits)] if constraint.min_bits else []
    return "-".join([constraint.kind, *bits, *(names[hash_id] for hash_id in constraint.hashes)])


_KINDS = ("pubkey", "rsa", "rsa/pss", "ecdsa", "ed25519", "ed448")


@lru_cache(maxsize=256)
def parse_constraint(text: str) -> tuple[Constraint, ...]:
    """The meaning of a constraint after `ike:`, such as `rsa/pss-sha256` or `rsa-3072-sha256-ecdsa-sha384`.

    Words are separated by dashes: a kind of key, then the least number of bits and the hashes for it, in order of
    preference. `rsa` means PKCS#1 v1.5, `rsa/pss` RSASSA-PSS, `pubkey` any kind of key and padding. Raises LocalMisuse.
    """
    constraints: list[Constraint] = []
    for word in text.removeprefix("ike:").split("-"):
        if word in _KINDS:
            constraints.append(Constraint(word))
        elif constraints and word.isdecimal() and len(word) <= 5:
            last = constraints.pop()
            constraints.append(Constraint(last.kind, int(word), last.hashes))
        elif constraints and word in HASH_NAMES:
            last = constraints.pop()
            constraints.append(Constraint(last.kind, last.min_bits, (*last.hashes, HASH_NAMES[word])))
        else:
            raise LocalMisuse(
                f"`{text}`: `{word}` is not known here; write a kind of key ({', '.join(_KINDS)}) "
                f"and then hashes ({', '.join(HASH_NAMES)})"
            )
    return tuple(constraints)
