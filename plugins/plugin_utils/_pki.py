# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a certificate of a gateway says, and when it needs a new one. Private to the collection.

Pure functions over what the C(_info) modules of community.crypto return.
"""

from __future__ import annotations

import ipaddress
import re
import typing as t

Data = t.Dict[str, t.Any]

KEYS: t.Dict[str, t.Dict[int, Data]] = {
    "ecdsa": {
        256: {"type": "ECC", "curve": "secp256r1"},
        384: {"type": "ECC", "curve": "secp384r1"},
        521: {"type": "ECC", "curve": "secp521r1"},
    },
    "rsa": {size: {"type": "RSA", "size": size} for size in (2048, 3072, 4096, 8192)},
    "ed25519": {0: {"type": "Ed25519"}},
}
"""Options of community.crypto.openssl_privatekey by type and bits."""
DEFAULT_SIZES = {"ecdsa": 256, "rsa": 3072, "ed25519": 0}

ATTRIBUTES = {
    "cn": "commonName",
    "o": "organizationName",
    "ou": "organizationalUnitName",
    "c": "countryName",
    "l": "localityName",
    "st": "stateOrProvinceName",
    "street": "streetAddress",
    "e": "emailAddress",
    "emailaddress": "emailAddress",
    "dc": "domainComponent",
    "sn": "surname",
    "serialnumber": "serialNumber",
    "t": "title",
    "title": "title",
    "uid": "userId",
    "g": "givenName",
    "gn": "givenName",
    "postalcode": "postalCode",
}
"""Attributes of a distinguished name, from the daemon's words to those of community.crypto."""
LONGEST_COMMON_NAME = 64
"""Characters, RFC 5280 appendix A.1."""

_PREFIXES = {
    "fqdn": "DNS",
    "dns": "DNS",
    "email": "email",
    "rfc822": "email",
    "userfqdn": "email",
    "ipv4": "IP",
    "ipv6": "IP",
}
_PREFIX = re.compile(r"([a-z0-9]+):(.+)", re.IGNORECASE)
_ESCAPED_COMMA = re.compile(r"(?<!\\),")


class IdentityError(ValueError):
    """No certificate can say this."""


def key_options(kind: str, size: int = 0) -> Data:
    """Options of community.crypto.openssl_privatekey; size 0 is the default of the type. Raises IdentityError."""
    if kind not in KEYS:
        raise IdentityError(f"pki_key_type: {kind!r} is not one of {', '.join(KEYS)}")
    size = size or DEFAULT_SIZES[kind]
    if size not in KEYS[kind]:
        sizes = ", ".join(str(known) for known in KEYS[kind])
        raise IdentityError(f"pki_key_size: a key of type {kind} has {sizes} bits, not {size}")
    return KEYS[kind][size]


def certificate_names(identity: str, others: t.Sequence[str] = ()) -> Data:
    """The subject (C(subject_ordered)) and the C(subject_alt_name) by which peers find the identity in the certificate.

    Raises IdentityError.
    """
    if _is_distinguished_name(identity):
        subject = distinguished_name(identity)
        alternatives = list(others)
    else:
        bare = alternative_name(identity).partition(":")[2]
        subject = [{"commonName": bare}] if len(bare) <= LONGEST_COMMON_NAME else []
        alternatives = [identity, *others]
    return {
        "subject": subject,
        "subject_alt_name": list(dict.fromkeys(alternative_name(name) for name in alternatives)),
    }


def alternative_name(identity: str) -> str:
    """An identity in the notation of community.crypto, guessed as the daemon does it. Raises IdentityError."""
    if _is_distinguished_name(identity):
        raise IdentityError(f"{identity!r} is a distinguished name, which is the subject and no alternative name")
    if identity.startswith("@#") or identity.lower().startswith("keyid:"):
        raise IdentityError(
            f"ike_id: {identity!r} is a key ID, which no certificate can hold; use a name or an address"
        )
    found = _PREFIX.fullmatch(identity)
    if found and found[1].lower() in _PREFIXES:
        kind, value = _PREFIXES[found[1].lower()], found[2]
        return f"IP:{_address(value)}" if kind == "IP" else f"{kind}:{value}"
    if identity.startswith("@@"):
        return f"email:{identity[2:]}"
    if identity.startswith("@"):
        return f"DNS:{identity[1:]}"
    try:
        return f"IP:{ipaddress.ip_address(identity)}"
    except ValueError:
        return f"email:{identity}" if "@" in identity else f"DNS:{identity}"


def distinguished_name(text: str) -> t.List[t.Dict[str, str]]:
    """The attributes of a name such as C(C=CH, O=Example, CN=gw1), in this order. Raises IdentityError."""
    body = text[len("asn1dn:") :] if text.lower().startswith("asn1dn:") else text
    parts = body.strip().lstrip("/").split("/") if body.strip().startswith("/") else _ESCAPED_COMMA.split(body)
    attributes = []
    for part in parts:
        key, equals, value = part.strip().partition("=")
        if not equals or key.strip().lower() not in ATTRIBUTES or not value.strip():
            known = ", ".join(sorted(key.upper() for key in ATTRIBUTES if len(key) <= 3))
            raise IdentityError(
                f"ike_id: {text!r} is no distinguished name: {part.strip()!r} must be ATTRIBUTE=VALUE with one of {known}"
            )
        attributes.append({ATTRIBUTES[key.strip().lower()]: re.sub(r"\\(.)", r"\1", value.strip())})
    return attributes


def request_problems(request: t.Mapping[str, t.Any], names: t.Mapping[str, t.Any]) -> t.List[str]:
    """Why the CA does not sign a request: it asks for more than the inventory says of the host.

    C(request) is what M(community.crypto.openssl_csr_info) returns. The CA copies what is in a request, so a gateway in
    wrong hands must not be able to ask for another name or for a CA of its own.
    """
    problems = [f"it asks for {problem}" for problem in _name_problems(request, names)]
    if any("CA:TRUE" in str(item).upper() for item in request.get("basic_constraints") or []):
        problems.append("it asks to be a certification authority")
    if set(request.get("key_usage") or []) - {"Digital Signature"}:
        problems.append(f"it asks for the key usage {', '.join(request['key_usage'])}")
    if not request.get("signature_valid", True):
        problems.append("its signature is wrong")
    return problems


def renewal_reasons(
    info: t.Mapping[str, t.Any],
    names: t.Mapping[str, t.Any],
    key: t.Mapping[str, t.Any],
    authority: t.Optional[t.Mapping[str, t.Any]] = None,
    revoked: t.Container[int] = (),
) -> t.List[str]:
    """Why a host needs a new certificate; empty if it does not.

    C(info) is what M(community.crypto.x509_certificate_info) says of the one that it has, with C(valid_at.renewal), and
    C(authority) what it says of the CA, if the CA is ours. C(key) are options of M(community.crypto.openssl_privatekey).
    """
    if not info.get("serial_number"):
        return ["there is no certificate that can be read"]
    reasons = [f"it is for {problem}" for problem in _name_problems(info, names)]
    if not _is_key(info, key):
        reasons.append(f"its key is {_key_text(info)}, not {_wanted_text(key)}")
    if authority and info.get("authority_key_identifier") != authority.get("subject_key_identifier"):
        reasons.append("another CA has issued it")
    if info["serial_number"] in revoked:
        reasons.append("it was revoked")
    # Nothing is won by a new certificate that ends with the CA, as the old one does.
    if not info["valid_at"]["renewal"] and info["not_after"] != (authority or {}).get("not_after"):
        reasons.append(f"it ends at {readable(info['not_after'])}")
    return reasons


def readable(moment: str) -> str:
    """An ASN.1 time, such as 20271231235959Z, for people."""
    return f"{moment[:4]}-{moment[4:6]}-{moment[6:8]} {moment[8:10]}:{moment[10:12]} UTC"


def _is_distinguished_name(identity: str) -> bool:
    return identity.lower().startswith("asn1dn:") or (
        "=" in identity and not _PREFIX.fullmatch(identity.partition("=")[0])
    )


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError as error:
        raise IdentityError(f"ike_id: {error}") from error


def _name_problems(info: t.Mapping[str, t.Any], names: t.Mapping[str, t.Any]) -> t.List[str]:
    problems = []
    subject = [[key, value] for part in names["subject"] for key, value in part.items()]
    if [list(part) for part in info.get("subject_ordered") or []] != subject:
        shown = ", ".join(f"{key}={value}" for key, value in info.get("subject_ordered") or []) or "an empty subject"
        problems.append(shown)
    held = {_comparable(name) for name in info.get("subject_alt_name") or []}
    if held != {_comparable(name) for name in names["subject_alt_name"]}:
        problems.append(", ".join(sorted(info.get("subject_alt_name") or [])) or "no alternative name")
    return problems


def _comparable(name: str) -> str:
    kind, colon, value = str(name).partition(":")
    if kind == "IP":
        return f"IP:{ipaddress.ip_address(value)}"
    return f"{kind}{colon}{value.lower()}"


def _is_key(info: t.Mapping[str, t.Any], key: t.Mapping[str, t.Any]) -> bool:
    data = info.get("public_key_data") or {}
    return info.get("public_key_type") == key["type"] and all(
        data.get(name) == key[name] for name in ("curve", "size") if name in key
    )


def _key_text(info: t.Mapping[str, t.Any]) -> str:
    data = info.get("public_key_data") or {}
    return " ".join(str(part) for part in (info.get("public_key_type"), data.get("curve") or data.get("size")) if part)


def _wanted_text(key: t.Mapping[str, t.Any]) -> str:
    return " ".join(str(part) for part in (key["type"], key.get("curve") or key.get("size")) if part)
