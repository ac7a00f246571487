"""The structured record that every failed negotiation leaves behind (design D12)."""

from __future__ import annotations

from enum import Enum

from ikeengine.model.immutable import immutable


class Side(Enum):
    """Whose decision made it fail."""

    LOCAL = "local"
    PEER = "peer"
    NETWORK = "network"


class Alert(Enum):
    """strongSwan's VICI alert types, used as the taxonomy of failures."""

    AUTHORIZATION_FAILED = "authorization-failed"
    CERT_EXCEEDED_PATH_LEN = "cert-exceeded-path-len"
    CERT_EXPIRED = "cert-expired"
    CERT_NO_ISSUER = "cert-no-issuer"
    CERT_POLICY_VIOLATION = "cert-policy-violation"
    CERT_REVOKED = "cert-revoked"
    CERT_UNTRUSTED_ROOT = "cert-untrusted-root"
    CERT_VALIDATION_FAILED = "cert-validation-failed"
    ESP_BLOCKED = "esp-blocked"
    """Our own: strongSwan has no word for a tunnel that is up but dead."""
    HALF_OPEN_TIMEOUT = "half-open-timeout"
    IKE_SA_EXPIRED = "ike-sa-expired"
    INSTALL_CHILD_POLICY_FAILED = "install-child-policy-failed"
    INSTALL_CHILD_SA_FAILED = "install-child-sa-failed"
    INVALID_IKE_SPI = "invalid-ike-spi"
    LOCAL_AUTH_FAILED = "local-auth-failed"
    PARSE_ERROR_BODY = "parse-error-body"
    PARSE_ERROR_HEADER = "parse-error-header"
    PEER_ADDR_FAILED = "peer-addr-failed"
    PEER_AUTH_FAILED = "peer-auth-failed"
    PEER_INIT_UNREACHABLE = "peer-init-unreachable"
    PROPOSAL_MISMATCH_CHILD = "proposal-mismatch-child"
    PROPOSAL_MISMATCH_IKE = "proposal-mismatch-ike"
    RETRANSMIT_RECEIVE = "retransmit-receive"
    RETRANSMIT_SEND = "retransmit-send"
    RETRANSMIT_SEND_TIMEOUT = "retransmit-send-timeout"
    SHUTDOWN_SIGNAL = "shutdown-signal"
    TS_MISMATCH = "ts-mismatch"
    UNIQUE_KEEP = "unique-keep"
    UNIQUE_REPLACE = "unique-replace"
    VIP_FAILURE = "vip-failure"


@immutable
class FailureRecord:
    """Why a negotiation failed. Outlives the SA; kept per connection."""

    alert: Alert
    side: Side
    phase: str
    """The exchange and its direction in RFC words, such as `IKE_AUTH request`."""
    reason: str
    """One sentence: what happened."""
    at: float
    """`now` of the core when it happened."""
    connection: str = ""
    child: str = ""
    peer: str = ""
    """Remote address and port."""
    offered: tuple[str, ...] = ()
    """What the initiating side offered, in swanctl words."""
    accepted: tuple[str, ...] = ()
    """What the deciding side would have accepted; empty where only the peer knows."""
    nearest: str = ""
    """The closest match and the first difference, such as `aes128-sha256-x25519: key exchange ecp256 not offered`."""
    advice: str = ""
    """One line: what to change, and where."""
