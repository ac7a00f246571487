"""The numbers of ISAKMP and IKEv1 as open enums: an unknown value keeps its number and gets a name.

Source: RFC 2408 section 3, and the RFC named at each enum. Where IKEv2 shares a registry with IKEv1, its enum is in
`ikeengine.registry`: `ExchangeType`, `KeId` (the Group Description), `CertEncoding`, `CpType` and `CpAttribute`. The
numbers of algorithms are in `ikeengine.ikev1.wire.algorithms`.
"""

from __future__ import annotations

from ikeengine.registry import OpenIntEnum


class PayloadType(OpenIntEnum):
    """RFC 2408 section 3.1, RFC 3947 section 5; from 128 on as peers have agreed among themselves."""

    NONE = 0
    SA = 1
    PROPOSAL = 2
    TRANSFORM = 3
    KE = 4
    ID = 5
    CERT = 6
    CERTREQ = 7
    HASH = 8
    SIG = 9
    NONCE = 10
    NOTIFY = 11
    DELETE = 12
    VENDOR_ID = 13
    ATTRIBUTES = 14
    """draft-dukes-ike-mode-cfg section 3.2."""
    NAT_D = 20
    NAT_OA = 21
    NAT_D_DRAFT = 130
    NAT_OA_DRAFT = 131
    """draft-ietf-ipsec-nat-t-ike-00 to -03."""
    FRAGMENT = 132


class Doi(OpenIntEnum):
    """Domains of Interpretation, RFC 2407 section 6.1."""

    ISAKMP = 0
    IPSEC = 1


class Situation(OpenIntEnum):
    """Bits of the situation, RFC 2407 section 4.2."""

    SIT_IDENTITY_ONLY = 1
    SIT_SECRECY = 2
    SIT_INTEGRITY = 4


class ProtocolId(OpenIntEnum):
    """RFC 2407 section 4.4.1."""

    ISAKMP = 1
    AH = 2
    ESP = 3
    IPCOMP = 4


class IdType(OpenIntEnum):
    """RFC 2407 section 4.6.2.1. IKEv2 has the same numbers, but no subnets and ranges."""

    ID_IPV4_ADDR = 1
    ID_FQDN = 2
    ID_USER_FQDN = 3
    ID_IPV4_ADDR_SUBNET = 4
    ID_IPV6_ADDR = 5
    ID_IPV6_ADDR_SUBNET = 6
    ID_IPV4_ADDR_RANGE = 7
    ID_IPV6_ADDR_RANGE = 8
    ID_DER_ASN1_DN = 9
    ID_DER_ASN1_GN = 10
    ID_KEY_ID = 11


class NotifyType(OpenIntEnum):
    """RFC 2408 section 3.14.1, RFC 2407 section 4.6.3, RFC 3706 section 5.4, and Cisco's Unity protocol."""

    INVALID_PAYLOAD_TYPE = 1
    DOI_NOT_SUPPORTED = 2
    SITUATION_NOT_SUPPORTED = 3
    INVALID_COOKIE = 4
    INVALID_MAJOR_VERSION = 5
    INVALID_MINOR_VERSION = 6
    INVALID_EXCHANGE_TYPE = 7
    INVALID_FLAGS = 8
    INVALID_MESSAGE_ID = 9
    INVALID_PROTOCOL_ID = 10
    INVALID_SPI = 11
    INVALID_TRANSFORM_ID = 12
    ATTRIBUTES_NOT_SUPPORTED = 13
    NO_PROPOSAL_CHOSEN = 14
    BAD_PROPOSAL_SYNTAX = 15
    PAYLOAD_MALFORMED = 16
    INVALID_KEY_INFORMATION = 17
    INVALID_ID_INFORMATION = 18
    INVALID_CERT_ENCODING = 19
    INVALID_CERTIFICATE = 20
    CERT_TYPE_UNSUPPORTED = 21
    INVALID_CERT_AUTHORITY = 22
    INVALID_HASH_INFORMATION = 23
    AUTHENTICATION_FAILED = 24
    INVALID_SIGNATURE = 25
    ADDRESS_NOTIFICATION = 26
    NOTIFY_SA_LIFETIME = 27
    CERTIFICATE_UNAVAILABLE = 28
    UNSUPPORTED_EXCHANGE_TYPE = 29
    UNEQUAL_PAYLOAD_LENGTHS = 30
    CONNECTED = 16384
    RESPONDER_LIFETIME = 24576
    REPLAY_STATUS = 24577
    INITIAL_CONTACT = 24578
    R_U_THERE = 36136
    R_U_THERE_ACK = 36137
    UNITY_LOAD_BALANCE = 40501

    @property
    def is_error(self) -> bool:
        """Whether the notify reports an error (RFC 2408 section 3.14.1)."""
        return self < 16384


class XauthAttribute(OpenIntEnum):
    """Attributes of XAUTH, draft-beaulieu-ike-xauth-02 section 4.2. They travel beside those of mode config."""

    XAUTH_TYPE = 16520
    XAUTH_USER_NAME = 16521
    XAUTH_USER_PASSWORD = 16522
    XAUTH_PASSCODE = 16523
    XAUTH_MESSAGE = 16524
    XAUTH_CHALLENGE = 16525
    XAUTH_DOMAIN = 16526
    XAUTH_STATUS = 16527
    XAUTH_NEXT_PIN = 16528
    XAUTH_ANSWER = 16529


class XauthType(OpenIntEnum):
    """Values of XAUTH_TYPE, draft-beaulieu-ike-xauth-02 section 6.2."""

    GENERIC = 0
    RADIUS_CHAP = 1
    OTP = 2
    S_KEY = 3


class XauthStatus(OpenIntEnum):
    """Values of XAUTH_STATUS, draft-beaulieu-ike-xauth-02 section 4.2."""

    FAIL = 0
    OK = 1


class UnityAttribute(OpenIntEnum):
    """Attributes of Cisco's Unity protocol. They travel beside those of mode config."""

    UNITY_BANNER = 28672
    UNITY_SAVE_PASSWD = 28673
    UNITY_DEF_DOMAIN = 28674
    UNITY_SPLITDNS_NAME = 28675
    UNITY_SPLIT_INCLUDE = 28676
    UNITY_NATT_PORT = 28677
    UNITY_LOCAL_LAN = 28678
    UNITY_PFS = 28679
    UNITY_FW_TYPE = 28680
    UNITY_BACKUP_SERVERS = 28681
    UNITY_DDNS_HOSTNAME = 28682
