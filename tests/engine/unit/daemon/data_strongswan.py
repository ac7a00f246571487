"""What strongSwan 5.9.8 (Debian 12) really answers, recorded from two of its daemons with the PyPI client."""

from __future__ import annotations

LIST_SA = {
    "gw-gw": {
        "uniqueid": "1",
        "version": "2",
        "state": "ESTABLISHED",
        "local-host": "192.0.2.1",
        "local-port": "4500",
        "local-id": "gw1.example.com",
        "remote-host": "192.0.2.2",
        "remote-port": "4500",
        "remote-id": "gw2.example.com",
        "initiator": "yes",
        "initiator-spi": "d46ccc431767779e",
        "responder-spi": "228b26281e3963eb",
        "nat-remote": "yes",
        "nat-any": "yes",
        "encr-alg": "AES_CBC",
        "encr-keysize": "128",
        "integ-alg": "HMAC_SHA2_256_128",
        "prf-alg": "PRF_HMAC_SHA2_256",
        "dh-group": "CURVE_25519",
        "established": "2",
        "rekey-time": "13814",
        "child-sas": {
            "net-net-3": {
                "name": "net-net",
                "uniqueid": "3",
                "reqid": "2",
                "state": "INSTALLED",
                "mode": "TUNNEL",
                "protocol": "ESP",
                "encap": "yes",
                "spi-in": "9568f927",
                "spi-out": "77f6b86f",
                "encr-alg": "AES_GCM_16",
                "encr-keysize": "128",
                "dh-group": "CURVE_25519",
                "bytes-in": "168",
                "packets-in": "2",
                "use-in": "1",
                "bytes-out": "0",
                "packets-out": "0",
                "rekey-time": "2262",
                "life-time": "2639",
                "install-time": "1",
                "local-ts": ["10.1.0.0/16"],
                "remote-ts": ["10.2.0.0/16"],
            }
        },
    }
}
LIST_CONN = {
    "gw-gw": {
        "local_addrs": ["192.0.2.1"],
        "remote_addrs": ["192.0.2.2"],
        "version": "IKEv2",
        "reauth_time": "0",
        "rekey_time": "14400",
        "unique": "UNIQUE_REPLACE",
        "dpd_delay": "30",
        "local-1": {
            "id": "gw1.example.com",
            "class": "pre-shared key",
            "groups": [],
            "cert_policy": [],
            "certs": [],
            "cacerts": [],
        },
        "remote-1": {
            "id": "gw2.example.com",
            "class": "pre-shared key",
            "groups": [],
            "cert_policy": [],
            "certs": [],
            "cacerts": [],
        },
        "children": {
            "net-net": {
                "mode": "TUNNEL",
                "rekey_time": "2400",
                "rekey_bytes": "0",
                "rekey_packets": "0",
                "dpd_action": "none",
                "close_action": "none",
                "local-ts": ["10.1.0.0/16"],
                "remote-ts": ["10.2.0.0/16"],
            },
        },
    }
}
LOAD_CONN = {
    "gw-gw": {
        "version": "2",
        "local_addrs": ["192.0.2.1"],
        "remote_addrs": ["192.0.2.2"],
        "proposals": ["aes128-sha256-x25519", "aes256gcm16-prfsha384-ecp384"],
        "dpd_delay": "30s",
        "unique": "replace",
        "local": {"auth": "psk", "id": "gw1.example.com"},
        "remote": {"auth": "psk", "id": "gw2.example.com"},
        "children": {
            "net-net": {
                "local_ts": ["10.1.0.0/16"],
                "remote_ts": ["10.2.0.0/16"],
                "esp_proposals": ["aes128gcm16-x25519", "aes128-sha256-x25519"],
                "rekey_time": "40m",
            }
        },
    }
}
"""The connection that was loaded, as swanctl sends it."""
ALGORITHM_GROUPS = ("encryption", "integrity", "aead", "hasher", "prf", "dh", "rng", "nonce-gen")
