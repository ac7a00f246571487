"""Option types in the words of IKE: proposals, identities, traffic selectors, authentication methods."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple, TypeVar

from ikeengine.config.kinds import Integer, JsonSchema, Listing, ListOf, suggestion
from ikeengine.crypto.sign import parse_constraint
from ikeengine.errors import IkeError
from ikeengine.model.connection import TFC_PAD_TO_MTU, AuthKind, XauthBackend
from ikeengine.model.identity import Identity, IdentityPattern
from ikeengine.model.proposal import Proposal
from ikeengine.model.selector import SelectorTemplate
from ikeengine.negotiate.identities import parse_identity, parse_pattern
from ikeengine.negotiate.proposals import DEFAULT_AH, DEFAULT_ESP, DEFAULT_IKE, parse_ah, parse_esp, parse_ike
from ikeengine.negotiate.selectors import parse_selector

T = TypeVar("T")
_STRING: JsonSchema = {"type": "string", "minLength": 1}


def checked(parse: Callable[[str], T], text: str) -> T:
    """Parse with a function of `negotiate`; whatever it complains about becomes a ValueError with its sentence."""
    if not text.isprintable():
        raise ValueError("the text holds characters that cannot be printed")
    try:
        return parse(text)
    except IkeError as error:
        raise ValueError(str(error)) from error


@dataclass(frozen=True)
class _Proposals:
    """One item of a list of proposals: a proposal, or `default`, which stands for several."""

    parser: Callable[[str], Proposal]
    defaults: tuple[Proposal, ...] = ()
    label: str = "proposal"

    def parse(self, text: str) -> tuple[Proposal, ...]:
        """The proposals of one word."""
        if text == "default" and self.defaults:
            return self.defaults
        return (checked(self.parser, text),)

    def json_schema(self) -> JsonSchema:
        """A string."""
        return _STRING


class _ProposalList(Listing[tuple[Proposal, ...], tuple[Proposal, ...]]):
    """Proposals in the order of preference, numbered from 1 as in an SA payload (RFC 7296 section 3.3.1)."""

    def join(self, values: list[tuple[Proposal, ...]]) -> tuple[Proposal, ...]:
        """All proposals in one row."""
        proposals = [proposal for group in values for proposal in group]
        return tuple(replace(proposal, number=number) for number, proposal in enumerate(proposals, 1))


class _Identity:
    """One exact identity."""

    label = "identity"

    def parse(self, text: str) -> Identity | None:
        """The identity; None for an empty text."""
        return checked(parse_identity, text) if text else None

    def json_schema(self) -> JsonSchema:
        """A string, or what YAML takes for a number."""
        return {"type": ["string", "number"]}


class _IdentityPattern:
    """An identity, perhaps with wildcards."""

    label = "identity with wildcards"

    def parse(self, text: str) -> IdentityPattern:
        """The pattern."""
        return checked(parse_pattern, text)

    def json_schema(self) -> JsonSchema:
        """A string, or what YAML takes for a number."""
        return {"type": ["string", "number"]}


class _Selector:
    """One traffic selector."""

    label = "traffic selector"

    def parse(self, text: str) -> SelectorTemplate:
        """The selector, or the template that stands for our own address."""
        return checked(parse_selector, text)

    def json_schema(self) -> JsonSchema:
        """A string."""
        return _STRING


class _Service:
    """A protocol and a port of this host."""

    label = "protocol/port"

    def parse(self, text: str) -> SelectorTemplate:
        """The selector of any address with this protocol and port."""
        if "[" in text or "/" not in text:
            raise ValueError(f"`{text}` is not a protocol and a port, such as `tcp/22`")
        return checked(parse_selector, f"dynamic[{text}]")

    def json_schema(self) -> JsonSchema:
        """A string."""
        return _STRING


class AuthMethods(NamedTuple):
    """Value of `auth`: how to prove an identity, and which signature schemes may be used (empty: all)."""

    kind: AuthKind
    schemes: tuple[str, ...] = ()
    chain: tuple[str, ...] = ()
    """Demands on the keys and hashes of the peer's chain."""
    xauth: XauthBackend = XauthBackend.GENERIC


_UNSUPPORTED_AUTH = ("eap", "any", "null")
_BACKENDS = ", ".join(f"xauth-{backend.value}" for backend in XauthBackend)
_KEY_TYPES = ("rsa", "ecdsa", "ed25519", "ed448", "pubkey")


XAUTH_PATTERN = "[Xx][Aa][Uu][Tt][Hh](-[A-Za-z]+)?"


class _Auth:
    """`psk`, `pubkey`, `xauth`, or `ike:` and signature schemes such as `ike:rsa/pss-sha256-ecdsa-sha384`."""

    label = "psk, pubkey, xauth or ike:schemes"

    def parse(self, text: str) -> AuthMethods:
        """The method and its constraints."""
        word = text.lower()
        if word in ("psk", "pubkey"):
            return AuthMethods(AuthKind(word))
        if word.startswith("xauth"):
            return AuthMethods(AuthKind.XAUTH, xauth=_backend(word))
        if word.startswith("ike:"):
            checked(parse_constraint, word[4:])
            return AuthMethods(AuthKind.PUBKEY, (word[4:],))
        if word.startswith(_UNSUPPORTED_AUTH):
            raise ValueError(f"`{text}` is not supported yet; supported are psk, pubkey and xauth")
        if word.startswith(_KEY_TYPES):
            raise ValueError(
                f"`{text}`: constraints on the trust chain are for the `remote` section; "
                f"`ike:{word}` constrains the signature in IKE_AUTH"
            )
        raise ValueError(f"`{text}` is not {self.label}{suggestion(word, ['psk', 'pubkey', 'xauth'])}")

    def json_schema(self) -> JsonSchema:
        """One of the words, or a text with constraints."""
        return {
            "type": "string",
            "pattern": f"^([Pp][Ss][Kk]|[Pp][Uu][Bb][Kk][Ee][Yy]|{XAUTH_PATTERN}|[Ii][Kk][Ee]:.+)$",
        }


def _backend(word: str) -> XauthBackend:
    """Who checks the password: `xauth`, or `xauth-` and a name."""
    name = word.removeprefix("xauth").removeprefix("-") or XauthBackend.GENERIC.value
    try:
        return XauthBackend(name)
    except ValueError:
        raise ValueError(f"`{word}` is not supported; supported are xauth, {_BACKENDS}") from None


class _Version:
    """The IKE version; 0 stands for both."""

    label = "0 | 1 | 2"

    def parse(self, text: str) -> int:
        """The version."""
        if text not in ("0", "1", "2"):
            raise ValueError(f"`{text}` is not an IKE version; write 1, 2, or 0 for both")
        return int(text)

    def json_schema(self) -> JsonSchema:
        """The number."""
        return {"enum": [0, 1, 2, "0", "1", "2"]}


class _Padding:
    """Octets to pad packets to, or `mtu`."""

    label = "number or mtu"

    def parse(self, text: str) -> int:
        """The number; `TFC_PAD_TO_MTU` for `mtu`."""
        return TFC_PAD_TO_MTU if text.lower() == "mtu" else _OCTETS.parse(text)

    def json_schema(self) -> JsonSchema:
        """A number, or the word."""
        return {"anyOf": [_OCTETS.json_schema(), {"enum": ["mtu"]}]}


_OCTETS = Integer(0, 65535)
TFC = _Padding()
IKE_PROPOSALS = _ProposalList(_Proposals(lru_cache(4096)(parse_ike), DEFAULT_IKE))
ESP_PROPOSALS = _ProposalList(_Proposals(lru_cache(4096)(parse_esp), DEFAULT_ESP))
AH_PROPOSALS = _ProposalList(_Proposals(lru_cache(4096)(parse_ah), DEFAULT_AH))
IDENTITY = _Identity()
PATTERN = _IdentityPattern()
PATTERNS = ListOf(_IdentityPattern(), split=False)
SELECTORS = ListOf(_Selector())
SERVICES = ListOf(_Service())
AUTH = _Auth()
parse_auth = AUTH.parse
VERSION = _Version()
