"""XAUTH: a user name and a password, after phase 1 has authenticated the hosts (draft-beaulieu-ike-xauth-02).

gateway                                             client
ATTR(REQUEST, USER_NAME, USER_PASSWORD)       -->
                                              <--   ATTR(REPLY, USER_NAME, USER_PASSWORD)
ATTR(SET, STATUS)                             -->
                                              <--   ATTR(ACK, STATUS)

Everything is protected by the ISAKMP SA. Only the type `generic` is offered and accepted: the others send a digest that
needs the password in the clear at the gateway, or one-time passwords.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from ikeengine.auth.passwords import Passwords
from ikeengine.errors import AuthFailed, PeerIncompatible
from ikeengine.ikev1.wire.attributes import Attribute
from ikeengine.ikev1.wire.numbers import XauthAttribute, XauthStatus, XauthType
from ikeengine.model.connection import XauthBackend
from ikeengine.model.identity import Identity
from ikeengine.model.immutable import immutable
from ikeengine.model.secret import Secret
from ikeengine.registry import IdType

MAX_ROUNDS = 4
"""Requests that one authentication may take, as when the gateway asks for the parts one by one."""
MAX_USER = 255
MAX_PASSWORD = 1024
MAX_MESSAGE = 256
"""Characters of a message of the peer that get into the log."""

_TYPE, _NAME = XauthAttribute.XAUTH_TYPE, XauthAttribute.XAUTH_USER_NAME
_PASSWORD, _PASSCODE = XauthAttribute.XAUTH_USER_PASSWORD, XauthAttribute.XAUTH_PASSCODE
_STATUS, _MESSAGE = XauthAttribute.XAUTH_STATUS, XauthAttribute.XAUTH_MESSAGE
_CHECK = "XAUTH"


@immutable
class Login:
    """What a client proves itself with, or what a gateway has been told so far."""

    user: bytes = b""
    password: Secret | None = None
    rounds: int = 0
    """Replies that it took; a client counts its own."""

    @property
    def complete(self) -> bool:
        """Whether there is something to check. An empty password never is right, but it is an answer."""
        return bool(self.user) and self.password is not None


NO_LOGIN = Login()


def is_xauth(attributes: Iterable[Attribute]) -> bool:
    """Whether a transaction is about XAUTH, not about mode config."""
    return any(XauthAttribute(attribute.kind).known for attribute in attributes)


def message_of(attributes: Iterable[Attribute]) -> str:
    """What the peer wants to be shown to a person, made harmless."""
    texts = (attribute.octets.decode("utf-8", "replace") for attribute in attributes if attribute.kind == _MESSAGE)
    return "".join(c if c.isprintable() else " " for c in " ".join(texts)).strip()[:MAX_MESSAGE]


# --- the client's side


def reply(request: Sequence[Attribute], login: Login) -> tuple[Attribute, ...]:
    """The answer to a REQUEST: whatever of name and password is asked for, both if neither is named.

    Raises PeerIncompatible for what cannot be answered; the answer is then `refusal()`.
    """
    if login.rounds >= MAX_ROUNDS:
        raise PeerIncompatible(f"the gateway asks for the user name and password more than {MAX_ROUNDS} times")
    password = b"" if login.password is None else login.password.reveal()
    values: dict[int, int | bytes] = {
        _NAME: login.user,
        _PASSWORD: password,
        _PASSCODE: password,
        XauthAttribute.XAUTH_DOMAIN: b"",
        _TYPE: XauthType.GENERIC,
    }
    asked = [attribute.kind for attribute in request if attribute.kind != _MESSAGE]
    _check_type(request)
    unknown = next((kind for kind in asked if XauthAttribute(kind).known and kind not in values), None)
    if unknown is not None:
        raise PeerIncompatible(f"the gateway asks for {XauthAttribute(unknown).name}, which is not supported")
    kinds = [kind for kind in dict.fromkeys(asked) if kind in values]
    if not {_NAME, _PASSWORD, _PASSCODE}.intersection(kinds):
        kinds += [_NAME, _PASSWORD]
    return tuple(Attribute(kind, values[kind]) for kind in kinds)


def refusal() -> tuple[Attribute, ...]:
    """A REPLY that says that we cannot do what the gateway asks for (section 5.1)."""
    return (Attribute(_STATUS, XauthStatus.FAIL),)


def outcome(attributes: Iterable[Attribute]) -> bool | None:
    """What a SET says about our attempt; None if it says nothing. Everything but OK is a failure."""
    found = [attribute.number for attribute in attributes if attribute.kind == _STATUS]
    return all(number == XauthStatus.OK for number in found) if found else None


def acknowledgement() -> tuple[Attribute, ...]:
    """The ACK to a SET with the status: attributes that are accepted come back empty."""
    return (Attribute(_STATUS, b""),)


# --- the gateway's side


def request(known: Login = NO_LOGIN) -> tuple[Attribute, ...]:
    """A REQUEST for what is not known yet."""
    missing = [] if known.user else [_NAME]
    missing += [_PASSWORD] if known.password is None else []
    return tuple(Attribute(kind, b"") for kind in missing)


def read_reply(known: Login, attributes: Sequence[Attribute]) -> Login:
    """What is known after a REPLY; if it is not complete, ask again. Raises AuthFailed."""
    if outcome(attributes) is not None:
        raise AuthFailed(_CHECK, "the client has no user name or password to give")
    if known.rounds >= MAX_ROUNDS:
        raise AuthFailed(_CHECK, f"no user name and password in {MAX_ROUNDS} replies")
    _check_type(attributes)
    login = replace(known, rounds=known.rounds + 1)
    for attribute in attributes:
        if attribute.kind == _NAME and not login.user:
            login = replace(login, user=_user(attribute.octets))
        elif attribute.kind in (_PASSWORD, _PASSCODE) and login.password is None:
            login = replace(login, password=_password(attribute.octets))
    return login


def verdict(backend: XauthBackend, passwords: Passwords, login: Login) -> bool | None:
    """Whether the password is right; None if only the program `engine.xauth_command` can tell (AskXauth)."""
    if backend is not XauthBackend.GENERIC:
        return None
    return login.password is not None and passwords.accepts(login.user, login.password)


def status(ok: bool) -> tuple[Attribute, ...]:
    """The SET that ends the authentication. It never says what was wrong."""
    return (Attribute(_STATUS, XauthStatus.OK if ok else XauthStatus.FAIL),)


def is_acknowledged(attributes: Iterable[Attribute]) -> bool:
    """Whether an ACK answers our status. What it says is not worth anything: the decision is ours."""
    return any(attribute.kind == _STATUS for attribute in attributes)


def user_identity(user: bytes) -> Identity:
    """The user as an identity, for leases and for `remote-xauth-id`."""
    return Identity(IdType.ID_RFC822_ADDR if b"@" in user else IdType.ID_FQDN, user)


def _check_type(attributes: Iterable[Attribute]) -> None:
    for attribute in attributes:
        if attribute.kind == _TYPE and attribute.number != XauthType.GENERIC:
            raise PeerIncompatible(f"XAUTH of type {XauthType(attribute.number).name} is not supported, only GENERIC")


def _user(octets: bytes) -> bytes:
    """A user name that can be logged, and handed to a program. Some clients end it with a zero."""
    name = octets.removesuffix(b"\0")
    text = name.decode("utf-8", "replace")
    if not 0 < len(name) <= MAX_USER or not text.isprintable() or "\N{REPLACEMENT CHARACTER}" in text:
        raise AuthFailed(_CHECK, "the user name is empty, too long, or not text")
    return name


def _password(octets: bytes) -> Secret:
    if len(octets) > MAX_PASSWORD:
        raise AuthFailed(_CHECK, "the password is too long")
    return Secret(octets.removesuffix(b"\0"))
