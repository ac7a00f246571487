"""The numbers by which IKEv1 negotiates: transforms, their attributes and the values of these.

Source: RFC 2409 appendix A for phase 1, RFC 2407 sections 4.4 and 4.5 for phase 2, and the RFC named at each entry.
"""

from __future__ import annotations

from ikeengine.registry import OpenIntEnum


class IsakmpTransform(OpenIntEnum):
    """RFC 2407 section 4.4.2: the only transform of phase 1; its attributes say everything else."""

    KEY_IKE = 1


class Phase1Attribute(OpenIntEnum):
    """RFC 2409 appendix A."""

    ENCRYPTION_ALGORITHM = 1
    HASH_ALGORITHM = 2
    AUTHENTICATION_METHOD = 3
    GROUP_DESCRIPTION = 4
    GROUP_TYPE = 5
    GROUP_PRIME = 6
    GROUP_GENERATOR_ONE = 7
    GROUP_GENERATOR_TWO = 8
    GROUP_CURVE_A = 9
    GROUP_CURVE_B = 10
    LIFE_TYPE = 11
    LIFE_DURATION = 12
    PRF = 13
    KEY_LENGTH = 14
    FIELD_SIZE = 15
    GROUP_ORDER = 16


class EncryptionAlgorithm(OpenIntEnum):
    """RFC 2409 appendix A, RFC 3602 section 5.3, RFC 4312."""

    DES_CBC = 1
    IDEA_CBC = 2
    BLOWFISH_CBC = 3
    RC5_CBC = 4
    TRIPLE_DES_CBC = 5
    CAST_CBC = 6
    AES_CBC = 7
    CAMELLIA_CBC = 8


class HashAlgorithm(OpenIntEnum):
    """RFC 2409 appendix A, RFC 4868 section 4."""

    MD5 = 1
    SHA = 2
    TIGER = 3
    SHA2_256 = 4
    SHA2_384 = 5
    SHA2_512 = 6


class AuthMethod(OpenIntEnum):
    """RFC 2409 appendix A, RFC 4754, draft-ietf-ipsec-isakmp-hybrid-auth-05, draft-beaulieu-ike-xauth-02 section 5."""

    PRE_SHARED_KEY = 1
    DSS_SIGNATURES = 2
    RSA_SIGNATURES = 3
    RSA_ENCRYPTION = 4
    REVISED_RSA_ENCRYPTION = 5
    ECDSA_256 = 9
    ECDSA_384 = 10
    ECDSA_521 = 11
    HYBRID_INIT_RSA = 64221
    HYBRID_RESP_RSA = 64222
    HYBRID_INIT_DSS = 64223
    HYBRID_RESP_DSS = 64224
    XAUTH_INIT_PRE_SHARED = 65001
    XAUTH_RESP_PRE_SHARED = 65002
    XAUTH_INIT_DSS = 65003
    XAUTH_RESP_DSS = 65004
    XAUTH_INIT_RSA = 65005
    XAUTH_RESP_RSA = 65006
    XAUTH_INIT_RSA_ENCRYPTION = 65007
    XAUTH_RESP_RSA_ENCRYPTION = 65008
    XAUTH_INIT_REVISED_RSA_ENCRYPTION = 65009
    XAUTH_RESP_REVISED_RSA_ENCRYPTION = 65010


class GroupType(OpenIntEnum):
    """RFC 2409 appendix A."""

    MODP = 1
    ECP = 2
    EC2N = 3


class LifeType(OpenIntEnum):
    """RFC 2409 appendix A and RFC 2407 section 4.5: the same in both phases."""

    SECONDS = 1
    KILOBYTES = 2


class Phase2Attribute(OpenIntEnum):
    """RFC 2407 section 4.5, RFC 3168 section 9.2.1, RFC 4304 section 2."""

    SA_LIFE_TYPE = 1
    SA_LIFE_DURATION = 2
    GROUP_DESCRIPTION = 3
    ENCAPSULATION_MODE = 4
    AUTHENTICATION_ALGORITHM = 5
    KEY_LENGTH = 6
    KEY_ROUNDS = 7
    COMPRESS_DICTIONARY_SIZE = 8
    COMPRESS_PRIVATE_ALGORITHM = 9
    ECN_TUNNEL = 10
    EXTENDED_SEQUENCE_NUMBER = 11


class ExtendedSequenceNumber(OpenIntEnum):
    """Values of EXTENDED_SEQUENCE_NUMBER, RFC 4304 section 2; without the attribute the numbers have 32 bits."""

    BITS_64 = 1


class EncapsulationMode(OpenIntEnum):
    """RFC 2407 section 4.5, RFC 3947 section 5.1."""

    TUNNEL = 1
    TRANSPORT = 2
    UDP_TUNNEL = 3
    UDP_TRANSPORT = 4
    UDP_TUNNEL_DRAFT = 61443
    UDP_TRANSPORT_DRAFT = 61444
    """draft-ietf-ipsec-nat-t-ike-00 to -03."""


class AuthAlgorithm(OpenIntEnum):
    """RFC 2407 section 4.5, RFC 4868 section 4, RFC 3566, RFC 4543."""

    HMAC_MD5 = 1
    HMAC_SHA = 2
    DES_MAC = 3
    KPDK = 4
    HMAC_SHA2_256 = 5
    HMAC_SHA2_384 = 6
    HMAC_SHA2_512 = 7
    HMAC_RIPEMD = 8
    AES_XCBC_MAC = 9
    SIG_RSA = 10
    AES_128_GMAC = 11
    AES_192_GMAC = 12
    AES_256_GMAC = 13


class AhTransform(OpenIntEnum):
    """RFC 2407 section 4.4.3, RFC 4868 section 4, RFC 3566, RFC 4543."""

    MD5 = 2
    SHA = 3
    DES = 4
    SHA2_256 = 5
    SHA2_384 = 6
    SHA2_512 = 7
    RIPEMD = 8
    AES_XCBC_MAC = 9
    RSA = 10
    AES_128_GMAC = 11
    AES_192_GMAC = 12
    AES_256_GMAC = 13


class EspTransform(OpenIntEnum):
    """RFC 2407 section 4.4.4, RFC 3602, RFC 3686, RFC 4309, RFC 4106, RFC 4543, RFC 4312."""

    DES_IV64 = 1
    DES = 2
    TRIPLE_DES = 3
    RC5 = 4
    IDEA = 5
    CAST = 6
    BLOWFISH = 7
    TRIPLE_IDEA = 8
    DES_IV32 = 9
    RC4 = 10
    NULL = 11
    AES_CBC = 12
    AES_CTR = 13
    AES_CCM_8 = 14
    AES_CCM_12 = 15
    AES_CCM_16 = 16
    AES_GCM_8 = 18
    AES_GCM_12 = 19
    AES_GCM_16 = 20
    SEED_CBC = 21
    CAMELLIA = 22
    NULL_AUTH_AES_GMAC = 23


class IpcompTransform(OpenIntEnum):
    """RFC 2407 section 4.4.5, RFC 3051."""

    OUI = 1
    DEFLATE = 2
    LZS = 3
    LZJH = 4
