"""Names and sizes of the algorithms in the kernel, for the attributes of a state."""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from ikeengine.datapath.netlink import attribute
from ikeengine.datapath.xfrm.constants import Xfrma
from ikeengine.errors import DatapathError
from ikeengine.model.proposal import Transform
from ikeengine.model.sa import IpsecSa
from ikeengine.model.secret import Secret
from ikeengine.registry import EncrId, IntegId, Protocol

_ALGO = Struct("=64sI")
"""`struct xfrm_algo`: name, key length in bits; the key follows."""

_ALGO_SIZED = Struct("=64sII")
"""`struct xfrm_algo_aead` and `xfrm_algo_auth`: name, key length and ICV length in bits; the key follows."""


class AeadName(NamedTuple):
    """A combined mode algorithm. Its key ends with the salt, as in KEYMAT (RFC 4106 section 8.1 and its sisters)."""

    name: bytes
    icv_bits: int


class AuthName(NamedTuple):
    """An integrity algorithm, truncated as its RFC says, which is not always what the kernel assumes."""

    name: bytes
    icv_bits: int


AEAD: dict[int, AeadName] = {
    EncrId.AES_CCM_8: AeadName(b"rfc4309(ccm(aes))", 64),
    EncrId.AES_CCM_12: AeadName(b"rfc4309(ccm(aes))", 96),
    EncrId.AES_CCM_16: AeadName(b"rfc4309(ccm(aes))", 128),
    EncrId.AES_GCM_8: AeadName(b"rfc4106(gcm(aes))", 64),
    EncrId.AES_GCM_12: AeadName(b"rfc4106(gcm(aes))", 96),
    EncrId.AES_GCM_16: AeadName(b"rfc4106(gcm(aes))", 128),
    EncrId.NULL_AUTH_AES_GMAC: AeadName(b"rfc4543(gcm(aes))", 128),
    EncrId.CHACHA20_POLY1305: AeadName(b"rfc7539esp(chacha20,poly1305)", 128),
}

CIPHER: dict[int, bytes] = {
    EncrId.DES_CBC: b"cbc(des)",
    EncrId.TRIPLE_DES_CBC: b"cbc(des3_ede)",
    EncrId.NULL: b"ecb(cipher_null)",
    EncrId.AES_CBC: b"cbc(aes)",
    EncrId.AES_CTR: b"rfc3686(ctr(aes))",
    EncrId.CAMELLIA_CBC: b"cbc(camellia)",
}

AUTH: dict[int, AuthName] = {
    IntegId.HMAC_MD5_96: AuthName(b"hmac(md5)", 96),
    IntegId.HMAC_SHA1_96: AuthName(b"hmac(sha1)", 96),
    IntegId.AES_XCBC_96: AuthName(b"xcbc(aes)", 96),
    IntegId.AES_CMAC_96: AuthName(b"cmac(aes)", 96),
    IntegId.HMAC_SHA2_256_128: AuthName(b"hmac(sha256)", 128),
    IntegId.HMAC_SHA2_256_96: AuthName(b"hmac(sha256)", 96),
    IntegId.HMAC_SHA2_384_192: AuthName(b"hmac(sha384)", 192),
    IntegId.HMAC_SHA2_512_256: AuthName(b"hmac(sha512)", 256),
}


_COMPRESSION = b"deflate"


def algorithm_attributes(sa: IpsecSa) -> bytes:
    """The attributes that name an SA's algorithms and carry its keys.

    Raises DatapathError for algorithms that the kernel has no name for, and for encryption without integrity.
    """
    if sa.protocol is Protocol.IPCOMP:
        return attribute(Xfrma.ALG_COMP, _ALGO.pack(_COMPRESSION, 0))
    if sa.protocol is Protocol.AH:
        return _auth(sa.integ, sa.integ_key)
    if sa.encr is None:
        raise DatapathError("an ESP SA needs an encryption algorithm, be it NULL")
    aead = AEAD.get(sa.encr.id)
    if aead is not None:
        return _sized(Xfrma.ALG_AEAD, aead, sa.encr_key)
    return _cipher(sa.encr, sa.encr_key) + _auth(sa.integ, sa.integ_key)


def _cipher(transform: Transform, key: Secret) -> bytes:
    name = CIPHER.get(transform.id)
    if name is None:
        raise DatapathError(f"the kernel has no encryption algorithm {EncrId(transform.id).name}")
    return attribute(Xfrma.ALG_CRYPT, _ALGO.pack(name, len(key) * 8) + key.reveal())


def _auth(transform: Transform | None, key: Secret) -> bytes:
    if transform is None:
        raise DatapathError("an SA without a combined mode cipher needs an integrity algorithm")
    name = AUTH.get(transform.id)
    if name is None:
        raise DatapathError(f"the kernel has no integrity algorithm {IntegId(transform.id).name}")
    return _sized(Xfrma.ALG_AUTH_TRUNC, name, key)


def _sized(kind: Xfrma, algorithm: AeadName | AuthName, key: Secret) -> bytes:
    return attribute(kind, _ALGO_SIZED.pack(algorithm.name, len(key) * 8, algorithm.icv_bits) + key.reveal())
