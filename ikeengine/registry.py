"""IANA numbers of IKEv2 and ESP as open enums: an unknown value keeps its number and gets a name.

Source: the IANA "IKEv2 Parameters" registry, RFC 7296 section 3 and the RFC named at each entry.
Member names are the ones strongSwan prints, because they cross the control socket.
"""

from __future__ import annotations

from enum import IntEnum


class OpenIntEnum(IntEnum):
    """An IntEnum that accepts any non-negative integer, so that unknown code points survive a round trip."""

    @classmethod
    def _missing_(cls, value: object) -> OpenIntEnum | None:
        if not isinstance(value, int) or value < 0:
            return None
        member = int.__new__(cls, value)
        member._name_ = f"UNKNOWN_{value}"
        member._value_ = value
        return member

    @property
    def known(self) -> bool:
        """Whether this number has a name in the registry."""
        return self._value_ in type(self)._value2member_map_


# An Enum hashes its name, in Python; these are keys of tables on hot paths.
OpenIntEnum.__hash__ = int.__hash__  # type: ignore[method-assign]


class ExchangeType(OpenIntEnum):
    """RFC 7296 section 3.1."""

    IDENTITY_PROTECTION = 2
    AGGRESSIVE = 4
    INFORMATIONAL_V1 = 5
    TRANSACTION = 6
    QUICK_MODE = 32
    IKE_SA_INIT = 34
    IKE_AUTH = 35
    CREATE_CHILD_SA = 36
    INFORMATIONAL = 37
    IKE_SESSION_RESUME = 38
    IKE_INTERMEDIATE = 43
    IKE_FOLLOWUP_KE = 44


class PayloadType(OpenIntEnum):
    """RFC 7296 section 3.2, RFC 7383 section 2.5."""

    NONE = 0
    SA = 33
    KE = 34
    IDI = 35
    IDR = 36
    CERT = 37
    CERTREQ = 38
    AUTH = 39
    NONCE = 40
    NOTIFY = 41
    DELETE = 42
    VENDOR_ID = 43
    TSI = 44
    TSR = 45
    SK = 46
    CP = 47
    EAP = 48
    SKF = 53


class Protocol(OpenIntEnum):
    """Security protocol identifiers, RFC 7296 section 3.3.1."""

    NONE = 0
    IKE = 1
    AH = 2
    ESP = 3
    IPCOMP = 108
    """Not negotiated as a protocol in IKEv2; this is its IP protocol number, for the names of SAs (RFC 3173)."""


class TransformType(OpenIntEnum):
    """RFC 7296 section 3.3.2; ADDKE1..7 from RFC 9370."""

    ENCR = 1
    PRF = 2
    INTEG = 3
    KE = 4
    ESN = 5
    ADDKE1 = 6
    ADDKE2 = 7
    ADDKE3 = 8
    ADDKE4 = 9
    ADDKE5 = 10
    ADDKE6 = 11
    ADDKE7 = 12


class TransformAttribute(OpenIntEnum):
    """RFC 7296 section 3.3.5."""

    KEY_LENGTH = 14


class EncrId(OpenIntEnum):
    """Transform type 1."""

    DES_CBC = 2
    TRIPLE_DES_CBC = 3
    RC5_CBC = 4
    IDEA_CBC = 5
    CAST_CBC = 6
    BLOWFISH_CBC = 7
    NULL = 11
    AES_CBC = 12
    AES_CTR = 13
    AES_CCM_8 = 14
    AES_CCM_12 = 15
    AES_CCM_16 = 16
    AES_GCM_8 = 18
    AES_GCM_12 = 19
    AES_GCM_16 = 20
    NULL_AUTH_AES_GMAC = 21
    CAMELLIA_CBC = 23
    CHACHA20_POLY1305 = 28


class PrfId(OpenIntEnum):
    """Transform type 2."""

    PRF_HMAC_MD5 = 1
    PRF_HMAC_SHA1 = 2
    PRF_AES128_XCBC = 4
    PRF_HMAC_SHA2_256 = 5
    PRF_HMAC_SHA2_384 = 6
    PRF_HMAC_SHA2_512 = 7
    PRF_AES128_CMAC = 8


class IntegId(OpenIntEnum):
    """Transform type 3."""

    NONE = 0
    HMAC_MD5_96 = 1
    HMAC_SHA1_96 = 2
    AES_XCBC_96 = 5
    AES_CMAC_96 = 8
    HMAC_SHA2_256_128 = 12
    HMAC_SHA2_384_192 = 13
    HMAC_SHA2_512_256 = 14
    HMAC_SHA2_256_96 = 1027
    """SHA-256 truncated as drafts before RFC 4868 said; for private use, with strongSwan's number."""


class KeId(OpenIntEnum):
    """Transform type 4, key exchange methods (RFC 3526, 5903, 6954, 8031, draft-ietf-ipsecme-ikev2-mlkem)."""

    NONE = 0
    MODP_768 = 1
    MODP_1024 = 2
    MODP_1536 = 5
    MODP_2048 = 14
    MODP_3072 = 15
    MODP_4096 = 16
    MODP_6144 = 17
    MODP_8192 = 18
    ECP_256 = 19
    ECP_384 = 20
    ECP_521 = 21
    ECP_224_BP = 27
    ECP_256_BP = 28
    ECP_384_BP = 29
    ECP_512_BP = 30
    CURVE_25519 = 31
    CURVE_448 = 32
    ML_KEM_512 = 35
    ML_KEM_768 = 36
    ML_KEM_1024 = 37


class EsnId(OpenIntEnum):
    """Transform type 5."""

    NO_EXT_SEQ = 0
    EXT_SEQ = 1


class IdType(OpenIntEnum):
    """RFC 7296 section 3.5."""

    ID_IPV4_ADDR = 1
    ID_FQDN = 2
    ID_RFC822_ADDR = 3
    ID_IPV6_ADDR = 5
    ID_DER_ASN1_DN = 9
    ID_DER_ASN1_GN = 10
    ID_KEY_ID = 11
    ID_NULL = 13


class AuthMethod(OpenIntEnum):
    """RFC 7296 section 3.8, RFC 4754, RFC 7427, RFC 7619."""

    RSA_DIGITAL_SIGNATURE = 1
    SHARED_KEY = 2
    DSS_DIGITAL_SIGNATURE = 3
    ECDSA_256 = 9
    ECDSA_384 = 10
    ECDSA_521 = 11
    NULL = 13
    DIGITAL_SIGNATURE = 14


class HashId(OpenIntEnum):
    """Hash algorithms of RFC 7427 section 7, RFC 8420."""

    SHA1 = 1
    SHA2_256 = 2
    SHA2_384 = 3
    SHA2_512 = 4
    IDENTITY = 5


class CertEncoding(OpenIntEnum):
    """RFC 7296 section 3.6."""

    PKCS7 = 1
    X509_SIGNATURE = 4
    CRL = 7
    RAW_RSA = 11
    HASH_AND_URL_X509 = 12
    HASH_AND_URL_BUNDLE = 13
    OCSP_CONTENT = 14
    RAW_PUBLIC_KEY = 15


class NotifyType(OpenIntEnum):
    """RFC 7296 section 3.10.1 and the RFC of each extension. Errors are below 16384."""

    UNSUPPORTED_CRITICAL_PAYLOAD = 1
    INVALID_IKE_SPI = 4
    INVALID_MAJOR_VERSION = 5
    INVALID_SYNTAX = 7
    INVALID_MESSAGE_ID = 9
    INVALID_SPI = 11
    NO_PROPOSAL_CHOSEN = 14
    INVALID_KE_PAYLOAD = 17
    AUTHENTICATION_FAILED = 24
    SINGLE_PAIR_REQUIRED = 34
    NO_ADDITIONAL_SAS = 35
    INTERNAL_ADDRESS_FAILURE = 36
    FAILED_CP_REQUIRED = 37
    TS_UNACCEPTABLE = 38
    INVALID_SELECTORS = 39
    UNACCEPTABLE_ADDRESSES = 40
    UNEXPECTED_NAT_DETECTED = 41
    TEMPORARY_FAILURE = 43
    CHILD_SA_NOT_FOUND = 44
    STATE_NOT_FOUND = 47
    INITIAL_CONTACT = 16384
    SET_WINDOW_SIZE = 16385
    ADDITIONAL_TS_POSSIBLE = 16386
    IPCOMP_SUPPORTED = 16387
    NAT_DETECTION_SOURCE_IP = 16388
    NAT_DETECTION_DESTINATION_IP = 16389
    COOKIE = 16390
    USE_TRANSPORT_MODE = 16391
    HTTP_CERT_LOOKUP_SUPPORTED = 16392
    REKEY_SA = 16393
    ESP_TFC_PADDING_NOT_SUPPORTED = 16394
    NON_FIRST_FRAGMENTS_ALSO = 16395
    MOBIKE_SUPPORTED = 16396
    ADDITIONAL_IP4_ADDRESS = 16397
    ADDITIONAL_IP6_ADDRESS = 16398
    NO_ADDITIONAL_ADDRESSES = 16399
    UPDATE_SA_ADDRESSES = 16400
    COOKIE2 = 16401
    NO_NATS_ALLOWED = 16402
    AUTH_LIFETIME = 16403
    MULTIPLE_AUTH_SUPPORTED = 16404
    ANOTHER_AUTH_FOLLOWS = 16405
    REDIRECT_SUPPORTED = 16406
    REDIRECT = 16407
    REDIRECTED_FROM = 16408
    EAP_ONLY_AUTHENTICATION = 16417
    CHILDLESS_IKEV2_SUPPORTED = 16418
    QUICK_CRASH_DETECTION = 16419
    IKEV2_FRAGMENTATION_SUPPORTED = 16430
    SIGNATURE_HASH_ALGORITHMS = 16431
    USE_PPK = 16435
    PPK_IDENTITY = 16436
    NO_PPK_AUTH = 16437
    INTERMEDIATE_EXCHANGE_SUPPORTED = 16438
    ADDITIONAL_KEY_EXCHANGE = 16441

    @property
    def is_error(self) -> bool:
        """Whether the notify reports an error (RFC 7296 section 3.10.1)."""
        return self < 16384


class TsType(OpenIntEnum):
    """Traffic selector types, RFC 7296 section 3.13.1."""

    TS_IPV4_ADDR_RANGE = 7
    TS_IPV6_ADDR_RANGE = 8


class CpType(OpenIntEnum):
    """Configuration payload types, RFC 7296 section 3.15."""

    CFG_REQUEST = 1
    CFG_REPLY = 2
    CFG_SET = 3
    CFG_ACK = 4


class CpAttribute(OpenIntEnum):
    """Configuration attributes: RFC 7296 section 3.15.1, RFC 7651, RFC 8598, and those of Cisco's Unity protocol."""

    INTERNAL_IP4_ADDRESS = 1
    INTERNAL_IP4_NETMASK = 2
    INTERNAL_IP4_DNS = 3
    INTERNAL_IP4_NBNS = 4
    INTERNAL_IP4_DHCP = 6
    APPLICATION_VERSION = 7
    INTERNAL_IP6_ADDRESS = 8
    INTERNAL_IP6_NETMASK = 9
    INTERNAL_IP6_DNS = 10
    INTERNAL_IP6_NBNS = 11
    INTERNAL_IP6_DHCP = 12
    INTERNAL_IP4_SUBNET = 13
    SUPPORTED_ATTRIBUTES = 14
    INTERNAL_IP6_SUBNET = 15
    P_CSCF_IP4_ADDRESS = 20
    P_CSCF_IP6_ADDRESS = 21
    INTERNAL_DNS_DOMAIN = 25
    INTERNAL_DNSSEC_TA = 26
    INTERNAL_IP4_SERVER = 23456
    INTERNAL_IP6_SERVER = 23457
    UNITY_BANNER = 28672
    UNITY_SAVE_PASSWD = 28673
    UNITY_DEF_DOMAIN = 28674
    UNITY_SPLITDNS_NAME = 28675
    UNITY_SPLIT_INCLUDE = 28676
    UNITY_NATT_PORT = 28677
    UNITY_LOCAL_LAN = 28678


class EapCode(OpenIntEnum):
    """RFC 3748 section 4."""

    REQUEST = 1
    RESPONSE = 2
    SUCCESS = 3
    FAILURE = 4
