"""Option types about certificates: policies, URIs, and demands on the keys and hashes of a chain."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from ikeengine.config.ike_kinds import XAUTH_PATTERN, AuthMethods, checked, parse_auth
from ikeengine.config.kinds import JsonSchema, ListOf
from ikeengine.crypto.signature_schemes import Constraint, constraint_text, parse_constraint
from ikeengine.model.connection import FETCH_SCHEMES, AuthKind

_OID = r"[0-2](\.[0-9]{1,20}){1,30}"
_KEY_TYPES = ("rsa", "ecdsa", "ed25519", "ed448", "pubkey")
_IKE = re.compile(r"(?:^|-)ike:")


class _Oid:
    """An object identifier."""

    label = "OID such as 1.3.6.1.4.1.32473.1"

    def parse(self, text: str) -> str:
        """The dotted text."""
        if not re.fullmatch(_OID, text, re.ASCII):
            raise ValueError(f"`{text}` is not an object identifier such as 1.3.6.1.4.1.32473.1")
        return text

    def json_schema(self) -> JsonSchema:
        """Numbers with dots; YAML takes one dot for a decimal number."""
        return {"anyOf": [{"type": "string", "pattern": f"^{_OID}$"}, {"type": "number"}]}


class _Uri:
    """Where to fetch something."""

    label = "URI"

    def parse(self, text: str) -> str:
        """The URI."""
        scheme = urlsplit(text).scheme
        if scheme not in FETCH_SCHEMES or not text.isascii() or not text.isprintable() or " " in text:
            raise ValueError(f"`{text}` is not a URI that begins with {', '.join(f'{s}://' for s in FETCH_SCHEMES)}")
        return text

    def json_schema(self) -> JsonSchema:
        """A string with one of the schemes."""
        return {"type": "string", "pattern": f"^({'|'.join(FETCH_SCHEMES)}):"}


class _RemoteAuth:
    """Like `local.auth`, and demands on the chain such as `rsa-3072-sha256-ecdsa-256-sha256`, perhaps before `ike:`."""

    label = "psk, pubkey, xauth, ike:schemes or constraints on the chain"

    def parse(self, text: str) -> AuthMethods:
        """The method and its constraints."""
        word = text.lower()
        if word == "pubkey" or not word.startswith(_KEY_TYPES):
            return parse_auth(text)
        found = _IKE.search(word)
        chain = word[: found.start()] if found else word
        constraints = checked(parse_constraint, chain)
        schemes = word[found.end() :] if found else "-".join(map(constraint_text, _for_signatures(constraints)))
        checked(parse_constraint, schemes)
        return AuthMethods(AuthKind.PUBKEY, (schemes,), (chain,))

    def json_schema(self) -> JsonSchema:
        """One of the words, or a text with constraints."""
        kinds = "|".join("".join(f"[{c.upper()}{c}]" if c.isalpha() else c for c in kind) for kind in _KEY_TYPES)
        return {
            "type": "string",
            "pattern": f"^([Pp][Ss][Kk]|({kinds})(/[Pp][Ss][Ss])?(-.+)?|{XAUTH_PATTERN}|[Ii][Kk][Ee]:.+)$",
        }


def _for_signatures(constraints: tuple[Constraint, ...]) -> list[Constraint]:
    """What holds for the chain holds for IKE_AUTH too; an RSA key may sign with either padding."""
    found: list[Constraint] = []
    for constraint in constraints:
        found.append(constraint)
        if constraint.kind == "rsa":
            found.append(Constraint("rsa/pss", constraint.min_bits, constraint.hashes))
    return found


OIDS = ListOf(_Oid())
URIS = ListOf(_Uri())
REMOTE_AUTH_KIND = _RemoteAuth()
