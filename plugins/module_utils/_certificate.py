# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What certificates and CRLs (RFC 5280) say, read with the standard library alone. Private to the collection."""

from __future__ import annotations

import datetime
import hashlib
import ipaddress
import typing as t

from ansible_collections.keymesh.ike.plugins.module_utils._der import (
    GENERALIZED_TIME,
    INTEGER,
    SEQUENCE,
    UTC_TIME,
    DerError,
    Element,
    read,
)

Data = t.Dict[str, t.Any]

_NAMES = {
    "2.5.4.3": "CN",
    "2.5.4.5": "serialNumber",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "1.2.840.113549.1.9.1": "E",
    "0.9.2342.19200300.100.1.25": "DC",
}
_KEYS = {
    "1.2.840.113549.1.1.1": "RSA",
    "1.2.840.113549.1.1.10": "RSA",
    "1.2.840.10045.2.1": "ECDSA",
    "1.3.101.112": "Ed25519",
    "1.3.101.113": "Ed448",
}
_BITS = {
    "1.2.840.10045.3.1.7": 256,
    "1.3.132.0.34": 384,
    "1.3.132.0.35": 521,
    "1.3.101.112": 256,
    "1.3.101.113": 456,
}
_ALT_NAMES = {0x81: "email", 0x82: "DNS", 0x86: "URI"}
_SUBJECT_ALT_NAME = "2.5.29.17"
_BASIC_CONSTRAINTS = "2.5.29.19"
_VERSION_TAG = 0xA0
_EXTENSIONS_TAG = 0xA3

EMPTY: Data = {
    "subject": None,
    "issuer": None,
    "serial": None,
    "subject_alt_names": [],
    "not_before": None,
    "not_after": None,
    "expires_in": None,
    "is_ca": False,
    "key_type": None,
    "key_bits": None,
    "revoked": None,
}
"""What is returned of something that is neither certificate nor CRL."""


def fingerprint(der: bytes) -> str:
    """SHA-256 as operators compare it."""
    digest = hashlib.sha256(der).hexdigest().upper()
    return ":".join(digest[index : index + 2] for index in range(0, len(digest), 2))


def certificate(der: bytes, now: datetime.datetime) -> Data:
    """A certificate. Raises DerError."""
    parts = [part for part in read(der).child(0).children() if part.tag != _VERSION_TAG]
    if len(parts) < 6:
        raise DerError("a certificate has too few parts")
    serial, unused, issuer, validity, subject, key = parts[:6]
    extensions = dict(_extensions(parts[6:]))
    before, after = validity.child(0).time(), validity.child(1).time()
    kind, bits = _key(key)
    return dict(
        EMPTY,
        subject=name(subject),
        issuer=name(issuer),
        serial=f"{serial.number():x}",
        subject_alt_names=_alt_names(extensions.get(_SUBJECT_ALT_NAME)),
        not_before=_iso(before),
        not_after=_iso(after),
        expires_in=int((after - now).total_seconds()),
        is_ca=_is_ca(extensions.get(_BASIC_CONSTRAINTS)),
        key_type=kind,
        key_bits=bits,
    )


def revocation_list(der: bytes, now: datetime.datetime) -> Data:
    """A CRL. Raises DerError."""
    parts = [part for part in read(der).child(0).children() if part.tag != INTEGER]
    if len(parts) < 3:
        raise DerError("a CRL has too few parts")
    times = [part.time() for part in parts[2:4] if part.tag in (UTC_TIME, GENERALIZED_TIME)]
    entries = [part for part in parts[2 + len(times) :] if part.tag == SEQUENCE]
    after = times[1] if len(times) > 1 else None
    return dict(
        EMPTY,
        issuer=name(parts[1]),
        not_before=_iso(times[0]) if times else None,
        not_after=_iso(after) if after else None,
        expires_in=int((after - now).total_seconds()) if after else None,
        revoked=len(entries[0].children()) if entries else 0,
    )


def name(element: Element) -> str:
    """A distinguished name as strongSwan writes it, in the order of the certificate."""
    parts = []
    for relative in element.children():
        for attribute in relative.children():
            kind = attribute.child(0).oid()
            parts.append(f"{_NAMES.get(kind, kind)}={attribute.child(1).text()}")
    return ", ".join(parts)


def _iso(moment: datetime.datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _key(info: Element) -> t.Tuple[str, t.Optional[int]]:
    algorithm = info.child(0).children()
    kind = algorithm[0].oid()
    curve = algorithm[1].oid() if kind == "1.2.840.10045.2.1" and len(algorithm) > 1 else kind
    bits = _BITS.get(curve)
    if _KEYS.get(kind) == "RSA":
        # The octet before the key counts the unused bits of the BIT STRING.
        bits = read(info.child(1).content, 1).child(0).number().bit_length()
    return _KEYS.get(kind, kind), bits


def _extensions(parts: t.Sequence[Element]) -> t.Iterator[t.Tuple[str, Element]]:
    for part in parts:
        if part.tag == _EXTENSIONS_TAG:
            for extension in part.child(0).children():
                fields = extension.children()
                yield fields[0].oid(), read(fields[-1].content)


def _alt_names(extension: t.Optional[Element]) -> t.List[str]:
    found = []
    for entry in extension.children() if extension else ():
        if entry.tag in _ALT_NAMES:
            found.append(f"{_ALT_NAMES[entry.tag]}:{entry.text()}")
        elif entry.tag == 0x87 and len(entry.content) in (4, 16):
            found.append(f"IP:{ipaddress.ip_address(entry.content)}")
        elif entry.tag == 0xA4:
            found.append(f"DN:{name(entry.child(0))}")
    return found


def _is_ca(extension: t.Optional[Element]) -> bool:
    return bool(extension and any(part.tag == 0x01 and part.content != b"\0" for part in extension.children()))
