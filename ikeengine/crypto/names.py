"""X.501 distinguished names: text to DER, DER to text, and comparison (RFC 5280 sections 4.1.2.4 and 7.1).

Text looks like strongSwan's, `C=CH, O=Linux strongSwan, CN=moon`; a text that starts with a slash uses slashes as
separators, as `openssl x509 -subject` once did. What that form leaves ambiguous is escaped with a backslash as in
RFC 4514, so every name that we print is read back as the same name.

Two names are the same if they have the same attributes in the same order, where strings of any string type compare
without regard to the case of ASCII letters and to the number of spaces. Other letters compare exactly: an identity
must not match another one that only looks like it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from string import ascii_lowercase, ascii_uppercase

from ikeengine.crypto import der
from ikeengine.crypto.der import DerError
from ikeengine.errors import LocalMisuse

INVALID_NAME = "(invalid ID_DER_ASN1_DN)"
WILDCARD = "*"
_MAX_CACHED_OCTETS = 512
MAX_TEXT = 512
"""Longest text of a name; the limit of strongSwan. A peer's name must not flood a log."""

Value = str | bytes
"""A compared value: folded text, or the encoded element if it is not a string."""
Attribute = tuple[bytes, Value]
Rdn = tuple[Attribute, ...]
"""The attributes of one relative distinguished name, sorted because it is a SET."""

# The names that strongSwan prints come first for each OID; the others are accepted on input.
_ATTRIBUTES = {
    "CN": "2.5.4.3",
    "SN": "2.5.4.4",
    "surname": "2.5.4.4",
    "serialNumber": "2.5.4.5",
    "C": "2.5.4.6",
    "L": "2.5.4.7",
    "ST": "2.5.4.8",
    "STREET": "2.5.4.9",
    "O": "2.5.4.10",
    "OU": "2.5.4.11",
    "T": "2.5.4.12",
    "title": "2.5.4.12",
    "D": "2.5.4.13",
    "postalCode": "2.5.4.17",
    "N": "2.5.4.41",
    "G": "2.5.4.42",
    "GN": "2.5.4.42",
    "givenName": "2.5.4.42",
    "I": "2.5.4.43",
    "ID": "2.5.4.45",
    "dnQualifier": "2.5.4.46",
    "dmdName": "2.5.4.54",
    "pseudonym": "2.5.4.65",
    "UID": "0.9.2342.19200300.100.1.1",
    "DC": "0.9.2342.19200300.100.1.25",
    "E": "1.2.840.113549.1.9.1",
    "Email": "1.2.840.113549.1.9.1",
    "emailAddress": "1.2.840.113549.1.9.1",
    "unstructuredName": "1.2.840.113549.1.9.2",
    "UN": "1.2.840.113549.1.9.2",
    "unstructuredAddress": "1.2.840.113549.1.9.8",
    "UA": "1.2.840.113549.1.9.8",
    "employeeNumber": "2.16.840.1.113730.3.1.3",
    "EN": "2.16.840.1.113730.3.1.3",
}
_OID_BY_KEY = {name.lower(): dotted for name, dotted in _ATTRIBUTES.items()}
_KEY_BY_OID = {dotted: name for name, dotted in reversed(_ATTRIBUTES.items())}
_IA5_ATTRIBUTES = frozenset(der.object_identifier(_ATTRIBUTES[name]) for name in ("E", "DC", "UN"))

_DECODERS = {
    der.UTF8_STRING: "utf-8",
    der.NUMERIC_STRING: "ascii",
    der.PRINTABLE_STRING: "ascii",
    der.TELETEX_STRING: "latin-1",
    der.IA5_STRING: "ascii",
    der.VISIBLE_STRING: "ascii",
    der.UNIVERSAL_STRING: "utf-32-be",
    der.BMP_STRING: "utf-16-be",
}
_FOLD = str.maketrans(ascii_uppercase, ascii_lowercase)
_PRINTABLE = re.compile(r"[A-Za-z0-9 '()+,\-./:=?]*")
_KEYS = "|".join(sorted(_OID_BY_KEY, key=len, reverse=True))
_ANOTHER_ATTRIBUTE = re.compile(rf"\+(?=\s*(?:{_KEYS}|[0-9]+(?:\.[0-9]+)+)\s*=)", re.IGNORECASE)
_ESCAPES = re.compile(r"((?:\\[0-9A-Fa-f]{2})+)|\\(.)", re.DOTALL)


def _attributes(rdn: bytes) -> list[tuple[bytes, int, bytes]]:
    """The (OID value, value tag, value) triples of one RelativeDistinguishedName."""
    triples = []
    for tag, pair in der.elements(rdn):
        parts = list(der.elements(pair)) if tag == der.SEQUENCE else []
        if len(parts) != 2 or parts[0][0] != der.OBJECT_IDENTIFIER:
            raise DerError("an attribute of a name is not a pair of type and value")
        triples.append((parts[0][1], *parts[1]))
    if not triples:
        raise DerError("a relative distinguished name is empty")
    return triples


def _relative_names(name: bytes) -> list[list[tuple[bytes, int, bytes]]]:
    rdns = []
    for tag, rdn in der.elements(der.only(name, der.SEQUENCE)):
        if tag != der.SET:
            raise DerError("a part of a name is not a SET")
        rdns.append(_attributes(rdn))
    return rdns


def _text(tag: int, value: bytes) -> str | None:
    """The text of a string value, None if it is no string or not a valid one."""
    if (codec := _DECODERS.get(tag)) is None:
        return None
    try:
        return value.decode(codec)
    except UnicodeDecodeError:
        return None


def _folded(tag: int, value: bytes) -> Value:
    text = _text(tag, value)
    if text is None:
        return der.element(tag, value)
    return " ".join(word for word in text.translate(_FOLD).split(" ") if word)


def _folded_rdn(rdn: list[tuple[bytes, int, bytes]]) -> Rdn:
    attributes = [(oid, _folded(tag, value)) for oid, tag, value in rdn]
    if len(attributes) > 1:
        attributes.sort(key=repr)
    return tuple(attributes)


def comparable(name: bytes) -> tuple[Rdn, ...]:
    """The form of an encoded name in which equal names are equal. Raises DerError."""
    return _cached_comparable(name) if len(name) <= _MAX_CACHED_OCTETS else _comparable(name)


def _comparable(name: bytes) -> tuple[Rdn, ...]:
    return tuple(map(_folded_rdn, _relative_names(name)))


_cached_comparable = lru_cache(maxsize=256)(_comparable)


def same_name(one: bytes, other: bytes) -> bool:
    """Whether two encoded names are the same. A malformed name is only the same as identical octets."""
    if one == other:
        return True
    try:
        return comparable(one) == comparable(other)
    except DerError:
        return False


def wildcards(pattern: tuple[Rdn, ...], name: bytes) -> int | None:
    """How many attributes matched a lone `*` of the pattern, or None if the name does not match. RDN by RDN."""
    try:
        rdns = comparable(name)
    except DerError:
        return None
    if len(rdns) != len(pattern):
        return None
    count = 0
    for wanted, found in zip(pattern, rdns, strict=True):
        if wanted == found:
            continue
        if len(wanted) != 1 or len(found) != 1 or wanted[0] != (found[0][0], WILDCARD):
            return None
        count += 1
    return count


def is_empty(name: bytes) -> bool:
    """Whether a name has no attributes."""
    return name == b"\x30\x00"


def is_sound(name: bytes) -> bool:
    """Whether a name may serve as an identity: well-formed, not empty, no NUL and no lone `*` in a string."""
    try:
        rdns = comparable(name)
    except DerError:
        return False
    values = [value for rdn in rdns for _unused, value in rdn]
    return bool(rdns) and not any(isinstance(v, str) and ("\0" in v or v == WILDCARD) for v in values)


def values_of(name: bytes, key: str) -> tuple[str, ...]:
    """The texts of all attributes of one kind, such as `E`. Raises DerError."""
    oid = der.object_identifier(_OID_BY_KEY[key.lower()])[2:]
    texts = (_text(tag, value) for rdn in _relative_names(name) for found, tag, value in rdn if found == oid)
    return tuple(text for text in texts if text is not None)


def format_name(name: bytes) -> str:
    """The text of an encoded name as strongSwan prints it. Never raises: garbage is called invalid, a long one cut."""
    try:
        text = ", ".join("+".join(_format_attribute(*a) for a in rdn) for rdn in _relative_names(name))
    except DerError:
        return INVALID_NAME
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 3] + "..."


def _format_attribute(oid: bytes, tag: int, value: bytes) -> str:
    dotted = der.dotted_text(oid)
    text = _text(tag, value)
    shown = f"#{der.element(tag, value).hex()}" if text is None else _escape(text)
    return f"{_KEY_BY_OID.get(dotted, dotted)}={shown}"


def _escape(text: str) -> str:
    """Escape what would be read differently; replace what cannot be printed."""
    text = "".join(c if c.isprintable() else "?" for c in text)
    text = text.replace("\\", "\\\\").replace(",", "\\,")
    text = _ANOTHER_ATTRIBUTE.sub(r"\\+", text)
    if text[:1] in ("#", " "):
        text = "\\" + text
    if text.endswith(" ") and not _ends_in_escape(text[:-1]):
        text = text[:-1] + "\\ "
    return text


def parse_name(text: str) -> bytes:
    """The encoded name of a text. Raises LocalMisuse with a sentence for the operator."""
    body = text.lstrip()
    separator = "/" if body.startswith("/") else ","
    rdns = [_parse_rdn(part, text) for part in _split(body.removeprefix("/"), separator)]
    return der.element(der.SEQUENCE, b"".join(rdns))


def _split(text: str, separator: str) -> list[str]:
    """Split at the separators that no backslash escapes."""
    parts, start, escaped = [], 0, False
    for position, character in enumerate(text):
        if character == separator and not escaped:
            parts.append(text[start:position])
            start = position + 1
        escaped = character == "\\" and not escaped
    return [*parts, text[start:]]


def _parse_rdn(part: str, whole: str) -> bytes:
    attributes = [_parse_attribute(text, whole) for text in _split_attributes(part)]
    return der.element(der.SET, b"".join(sorted(attributes)))


def _split_attributes(part: str) -> list[str]:
    """Split a multi-valued RDN. A plus sign separates only where another attribute follows, as in `CN=a+SN=b`."""
    pieces, start = [], 0
    for found in _ANOTHER_ATTRIBUTE.finditer(part):
        if not _ends_in_escape(part[: found.start()]):
            pieces.append(part[start : found.start()])
            start = found.end()
    return [*pieces, part[start:]]


def _ends_in_escape(text: str) -> bool:
    """Whether a backslash at the end of the text escapes what follows."""
    return (len(text) - len(text.rstrip("\\"))) % 2 == 1


def _parse_attribute(text: str, whole: str) -> bytes:
    key, _unused, value = text.partition("=")
    key = key.strip()
    try:
        oid = der.object_identifier(_OID_BY_KEY.get(key.lower(), key))
    except DerError:
        raise LocalMisuse(
            f"`{whole}`: `{key}` is not an attribute of a distinguished name such as C, O or CN"
        ) from None
    try:
        return der.element(der.SEQUENCE, oid + _parse_value(oid, value))
    except (DerError, UnicodeEncodeError) as error:
        raise LocalMisuse(f"`{whole}`: the value of `{key}` is unusable: {error}") from None


def _parse_value(oid: bytes, text: str) -> bytes:
    text = _trim(text)
    if text.startswith("#"):
        return _raw_value(text[1:])
    value = _ESCAPES.sub(_unescape, text)
    if not value or "\0" in value:
        raise DerError("a value is empty or holds a NUL")
    if oid in _IA5_ATTRIBUTES and value.isascii():
        return der.element(der.IA5_STRING, value.encode())
    tag = der.PRINTABLE_STRING if _PRINTABLE.fullmatch(value) else der.UTF8_STRING
    return der.element(tag, value.encode())


def _trim(text: str) -> str:
    """Without the spaces around it, except one that is escaped."""
    trimmed = text.strip()
    return trimmed + " " if _ends_in_escape(trimmed) and text.rstrip() != text else trimmed


def _raw_value(digits: str) -> bytes:
    try:
        encoded = bytes.fromhex(digits)
    except ValueError:
        raise DerError("a value is not hexadecimal") from None
    if der.read(encoded)[2] != len(encoded):
        raise DerError("a value has trailing octets")
    return encoded


def _unescape(found: re.Match[str]) -> str:
    octets, character = found.groups()
    if character is not None:
        return str(character)
    try:
        return bytes.fromhex(octets.replace("\\", "")).decode()
    except UnicodeDecodeError:
        raise DerError("escaped octets are not UTF-8") from None
