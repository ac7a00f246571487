"""Identities: text to ID payload and back, comparison, and the patterns of a configuration (RFC 7296 section 3.5).

The type of a text is guessed as strongSwan does it: an IP address is one; with `=` it is a distinguished name; with
`@` an email address, but `@name` is an FQDN, `@@name` an email address and `@#hex` a key ID; with another colon a key
ID; everything else is an FQDN. A prefix says it outright: `fqdn:`, `dns:`, `email:`, `rfc822:`, `userfqdn:`, `keyid:`,
`asn1dn:`, `ipv4:`, `ipv6:`, or `{11}:` for a number; `#` after the prefix starts octets in hexadecimal.

Unlike strongSwan, a prefix converts its text too (`ipv4:192.0.2.1` is an address, `asn1dn:CN=moon` a name), and a text
with `=` that is no distinguished name is an error instead of a key ID that nobody meant.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from functools import lru_cache
from ipaddress import ip_address, ip_network

from ikeengine.crypto import names
from ikeengine.crypto.der import DerError
from ikeengine.errors import LocalMisuse
from ikeengine.model.identity import ANY_IDENTITY, Identity, IdentityPattern
from ikeengine.model.immutable import immutable
from ikeengine.model.path import packed
from ikeengine.registry import IdType

PERFECT = 20
"""Quality of an exact match; each wildcard costs one (strongSwan's scale)."""
WORST_WILDCARD = 2
ANY = 1
NONE = 0

_ANY_TEXTS = frozenset({"", "%any", "%any6", "0.0.0.0", "*", "::", "0::0"})  # noqa: S104  not to bind to
_PREFIXES = {
    "fqdn": IdType.ID_FQDN,
    "dns": IdType.ID_FQDN,
    "email": IdType.ID_RFC822_ADDR,
    "rfc822": IdType.ID_RFC822_ADDR,
    "userfqdn": IdType.ID_RFC822_ADDR,
    "keyid": IdType.ID_KEY_ID,
    "asn1dn": IdType.ID_DER_ASN1_DN,
    "asn1gn": IdType.ID_DER_ASN1_GN,
    "ipv4": IdType.ID_IPV4_ADDR,
    "ipv6": IdType.ID_IPV6_ADDR,
}
_PREFIX = re.compile(r"(?:(?P<name>[a-z0-9]+)|\{(?P<number>[0-9]{1,3})\}):(?P<rest>.*)", re.IGNORECASE | re.DOTALL)
_ADDRESS_OCTETS = {IdType.ID_IPV4_ADDR: 4, IdType.ID_IPV6_ADDR: 16}
_STRINGS = (IdType.ID_FQDN, IdType.ID_RFC822_ADDR)
_KEY_ID_HASH_OCTETS = 20


def parse_identity(text: str) -> Identity:
    """The identity that a text names. Raises LocalMisuse for a wildcard, an empty or a malformed one."""
    if text in _ANY_TEXTS:
        raise LocalMisuse(f"`{text}` names nobody; write one identity")
    identity = _parse(text)
    if not is_sound(identity):
        raise LocalMisuse(f"`{text}` is not one identity: it is empty, malformed, or holds a wildcard or a NUL")
    return identity


def address_identity(address: str) -> Identity:
    """An IP address as an identity. Raises ValueError if it is none."""
    octets = packed(address)
    return Identity(IdType.ID_IPV4_ADDR if len(octets) == 4 else IdType.ID_IPV6_ADDR, octets)


def parse_pattern(text: str) -> IdentityPattern:
    """A pattern for identities: `%any`, an identity, `*.example.com`, `*@example.com`, `C=CH, CN=*`, or addresses
    such as `10.0.0.0/8` and `10.0.0.1-10.0.0.9`. Raises LocalMisuse.
    """
    if text in _ANY_TEXTS:
        return ANY_IDENTITY
    matcher = _compile(text)
    return IdentityPattern(text, matcher.identity if isinstance(matcher, _Exact) else None)


def matches(pattern: IdentityPattern, identity: Identity) -> bool:
    """Whether an identity, as it came from a peer or as configured, is one that the pattern accepts."""
    return match_quality(pattern, identity) > NONE


def match_quality(pattern: IdentityPattern, identity: Identity) -> int:
    """How well an identity matches: PERFECT, less for each wildcard, ANY for `%any`, NONE.

    An identity that is not sound matches nothing, not even `%any`.
    """
    if pattern.exact is not None:
        return PERFECT if is_sound(identity) and same_identity(pattern.exact, identity) else NONE
    if not is_sound(identity):
        return NONE
    return ANY if pattern.text in _ANY_TEXTS else _compile(pattern.text).quality(identity)


def same_identity(one: Identity, other: Identity) -> bool:
    """Whether two identities are the same; `canonical` says what makes no difference."""
    return one == other or (one.type == other.type and canonical(one) == canonical(other))


def canonical(identity: Identity) -> Hashable:
    """A key that is equal for the same identities: the case of ASCII letters makes no difference in names."""
    kind, data = identity.type, identity.data
    if kind in _STRINGS:
        return kind, data.lower()
    if kind == IdType.ID_DER_ASN1_DN:
        try:
            return kind, names.comparable(data)
        except DerError:
            return kind, data
    return kind, data


def is_sound(identity: Identity) -> bool:
    """Whether an identity can name one peer: of a known type and its right length, no NUL, no wildcard, not empty."""
    kind, data = identity.type, identity.data
    if kind in _ADDRESS_OCTETS:
        return len(data) == _ADDRESS_OCTETS[kind]
    if kind in _STRINGS:
        return bool(data) and b"\0" not in data and b"*" not in data
    if kind == IdType.ID_DER_ASN1_DN:
        return names.is_sound(data)
    return kind == IdType.ID_KEY_ID and bool(data)


def format_identity(identity: Identity) -> str:
    """The text of an identity as strongSwan prints it. Never raises, whatever a peer put into it."""
    kind, data = identity.type, identity.data
    if kind in _ADDRESS_OCTETS:
        return str(ip_address(data)) if len(data) == _ADDRESS_OCTETS[kind] else f"(invalid {kind.name})"
    if kind == IdType.ID_DER_ASN1_DN:
        return names.format_name(data)
    if kind in _STRINGS:
        return _cut(_printable(data))
    if kind == IdType.ID_KEY_ID:
        return _cut(_format_key_id(data))
    return "(ASN.1 general name)" if kind == IdType.ID_DER_ASN1_GN else f"(unknown ID type: {int(kind)})"


def _format_key_id(data: bytes) -> str:
    text = _printable(data)
    if len(data) != _KEY_ID_HASH_OCTETS and text.encode() == data:
        return text
    return data[: names.MAX_TEXT].hex(":")


def _printable(data: bytes) -> str:
    text = data.decode("utf-8", "replace").replace("\ufffd", "?")
    return "".join(character if character.isprintable() else "?" for character in text)


def _cut(text: str) -> str:
    return text if len(text) <= names.MAX_TEXT else text[: names.MAX_TEXT - 3] + "..."


def _parse(text: str) -> Identity:
    try:
        return _guess(text)
    except UnicodeEncodeError:
        raise LocalMisuse("an identity holds characters that cannot be written in UTF-8") from None


def _guess(text: str) -> Identity:
    if (found := _PREFIX.fullmatch(text)) and (kind := _prefixed_type(found)) is not None:
        return Identity(kind, _octets(kind, found["rest"], text))
    if "=" in text:
        return Identity(IdType.ID_DER_ASN1_DN, names.parse_name(text))
    if "@" in text:
        return _parse_at(text)
    if _address(text) is not None:
        return address_identity(text)
    return Identity(IdType.ID_KEY_ID if ":" in text else IdType.ID_FQDN, text.encode())


def _parse_at(text: str) -> Identity:
    if text.startswith("@#"):
        return Identity(IdType.ID_KEY_ID, _hexadecimal(text[2:], text))
    if text.startswith("@@"):
        return Identity(IdType.ID_RFC822_ADDR, text[2:].encode())
    if text.startswith("@"):
        return Identity(IdType.ID_FQDN, text[1:].encode())
    return Identity(IdType.ID_RFC822_ADDR, text.encode())


def _prefixed_type(found: re.Match[str]) -> IdType | None:
    if found["number"]:
        return IdType(int(found["number"]))
    return _PREFIXES.get(found["name"].lower())


def _octets(kind: IdType, rest: str, text: str) -> bytes:
    """The data of an identity whose type is given."""
    if rest.startswith("#"):
        return _hexadecimal(rest[1:], text)
    if kind == IdType.ID_DER_ASN1_DN:
        return names.parse_name(rest)
    if kind in _ADDRESS_OCTETS:
        address = _address(rest)
        if address is None or len(address) != _ADDRESS_OCTETS[kind]:
            raise LocalMisuse(f"`{text}` is not an address of type {kind.name}")
        return address
    return rest.encode()


def _hexadecimal(digits: str, text: str) -> bytes:
    try:
        return bytes.fromhex(digits.replace(":", " "))
    except ValueError:
        raise LocalMisuse(f"`{text}`: `{digits}` is not hexadecimal") from None


def _address(text: str) -> bytes | None:
    """Packed octets of an IP address without a scope, None for anything else."""
    try:
        return ip_address(text).packed if "%" not in text else None
    except ValueError:
        return None


@immutable
class _Exact:
    """Only this identity."""

    identity: Identity

    def quality(self, identity: Identity) -> int:
        return PERFECT if same_identity(self.identity, identity) else NONE


@immutable
class _Suffix:
    """Names or email addresses that end in something, after at least one octet."""

    type: IdType
    suffix: bytes

    def quality(self, identity: Identity) -> int:
        fits = identity.type == self.type and len(identity.data) > len(self.suffix)
        return PERFECT - 1 if fits and identity.data.lower().endswith(self.suffix) else NONE


@immutable
class _Name:
    """Distinguished names, where an attribute may be anything."""

    rdns: tuple[names.Rdn, ...]

    def quality(self, identity: Identity) -> int:
        if identity.type != IdType.ID_DER_ASN1_DN:
            return NONE
        count = names.wildcards(self.rdns, identity.data)
        return NONE if count is None else max(PERFECT - count, WORST_WILDCARD)


@immutable
class _Range:
    """Addresses from `first` to `last`."""

    first: bytes
    last: bytes

    def quality(self, identity: Identity) -> int:
        fits = identity.type in _ADDRESS_OCTETS and len(identity.data) == len(self.first)
        return PERFECT - 1 if fits and self.first <= identity.data <= self.last else NONE


_Matcher = _Exact | _Suffix | _Name | _Range


@lru_cache(maxsize=1024)
def _compile(text: str) -> _Matcher:
    """What a pattern other than `%any` accepts. Raises LocalMisuse."""
    if (addresses := _range(text)) is not None:
        return addresses
    identity = _parse(text)
    if is_sound(identity):
        return _Exact(identity)
    rdns = names.comparable(identity.data) if identity.type == IdType.ID_DER_ASN1_DN else ()
    if any(value == names.WILDCARD for rdn in rdns for _unused, value in rdn):
        return _Name(rdns)
    if (
        identity.type in _STRINGS
        and identity.data.startswith(b"*")
        and is_sound(Identity(identity.type, identity.data[1:]))
    ):
        return _Suffix(identity.type, identity.data[1:].lower())
    raise LocalMisuse(f"`{text}` is not a pattern: a wildcard is the first character, or a whole value as in `CN=*`")


def _range(text: str) -> _Range | None:
    """The range of a text such as `10.0.0.0/8` or `10.0.0.1-10.0.0.9`, None for anything else."""
    first, dash, last = text.partition("-")
    low, high = _address(first.strip()), _address(last.strip())
    if dash and low is not None and high is not None and len(low) == len(high) and low <= high:
        return _Range(low, high)
    try:
        network = ip_network(text, strict=False) if "/" in text else None
    except ValueError:
        return None
    return None if network is None else _Range(network[0].packed, network[-1].packed)
