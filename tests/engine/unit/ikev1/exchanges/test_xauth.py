"""XAUTH between a client and a gateway, without the messages around it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ikeengine.auth.passwords import Passwords
from ikeengine.errors import AuthFailed, InvalidSyntax, PeerIncompatible
from ikeengine.ikev1.exchanges import xauth
from ikeengine.ikev1.exchanges.xauth import Login
from ikeengine.ikev1.wire.attributes import Attribute, read_attributes, write_attributes
from ikeengine.ikev1.wire.numbers import XauthAttribute as X
from ikeengine.model.connection import XauthBackend
from ikeengine.model.credentials import SharedKey
from ikeengine.model.secret import Secret
from ikeengine.negotiate.identities import parse_pattern
from ikeengine.wire.reader import Reader

CAROL = Login(b"carol", Secret(b"4iChxLT3"))


@pytest.fixture
def passwords() -> Passwords:
    known = Passwords()
    known.add(SharedKey("xauth-carol", Secret(b"4iChxLT3"), (parse_pattern("carol"),)))
    return known


def over_the_wire(attributes: tuple[Attribute, ...]) -> tuple[Attribute, ...]:
    return read_attributes(Reader(write_attributes(attributes)), 100)


@pytest.mark.parametrize(("login", "right"), [(CAROL, True), (replace(CAROL, password=Secret(b"4iChxLT")), False)])
def test_one_round(passwords: Passwords, login: Login, right: bool) -> None:
    reply = over_the_wire(xauth.reply(over_the_wire(xauth.request()), login))
    told = xauth.read_reply(Login(), reply)
    assert told.complete
    assert xauth.verdict(XauthBackend.GENERIC, passwords, told) is right
    status = over_the_wire(xauth.status(right))
    assert xauth.outcome(status) is right
    assert xauth.is_acknowledged(over_the_wire(xauth.acknowledgement()))


def test_what_is_missing_is_asked_for_again() -> None:
    told = xauth.read_reply(Login(), (Attribute(X.XAUTH_USER_NAME, b"carol"),))
    assert not told.complete
    assert xauth.request(told) == (Attribute(X.XAUTH_USER_PASSWORD, b""),)
    told = xauth.read_reply(told, xauth.reply(xauth.request(told), CAROL))
    assert (told.complete, told.user, told.password, told.rounds) == (True, b"carol", CAROL.password, 2)


def test_neither_side_goes_on_for_ever() -> None:
    told = Login()
    for _number in range(xauth.MAX_ROUNDS):
        told = xauth.read_reply(told, ())
    with pytest.raises(AuthFailed, match="in 4 replies"):
        xauth.read_reply(told, ())
    with pytest.raises(PeerIncompatible, match="more than 4 times"):
        xauth.reply(xauth.request(), replace(CAROL, rounds=xauth.MAX_ROUNDS))


def test_what_was_told_first_stays() -> None:
    told = xauth.read_reply(Login(b"carol", rounds=1), xauth.reply((), replace(CAROL, user=b"root")))
    assert told.user == b"carol"


def test_the_client_answers_what_is_asked() -> None:
    asked = (Attribute(X.XAUTH_TYPE, 0), Attribute(X.XAUTH_PASSCODE, b""), Attribute(X.XAUTH_USER_NAME, b""))
    assert [attribute.kind for attribute in xauth.reply(asked, CAROL)] == [attribute.kind for attribute in asked]
    assert [a.kind for a in xauth.reply((Attribute(X.XAUTH_TYPE, 0), Attribute(X.XAUTH_MESSAGE, b"?")), CAROL)] == [
        X.XAUTH_TYPE,
        X.XAUTH_USER_NAME,
        X.XAUTH_USER_PASSWORD,
    ]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (Attribute(X.XAUTH_TYPE, 1), "XAUTH of type RADIUS_CHAP is not supported"),
        (Attribute(X.XAUTH_CHALLENGE, b"x"), "XAUTH_CHALLENGE, which is not supported"),
        (Attribute(X.XAUTH_NEXT_PIN, b""), "XAUTH_NEXT_PIN"),
    ],
)
def test_what_the_client_cannot_answer(asked: Attribute, message: str) -> None:
    with pytest.raises(PeerIncompatible, match=message):
        xauth.reply((asked,), CAROL)
    with pytest.raises(AuthFailed, match="no user name or password to give"):
        xauth.read_reply(Login(), xauth.refusal())


@pytest.mark.parametrize("name", [b"", b"x" * 256, b"a\nb", b"\xff\xfe", b"a\0b", b"\x1b[2J"])
def test_names_that_are_none(name: bytes) -> None:
    with pytest.raises(AuthFailed, match="the user name is empty, too long, or not text"):
        xauth.read_reply(Login(), (Attribute(X.XAUTH_USER_NAME, name),))


def test_a_password_of_any_octets_but_not_of_any_length() -> None:
    told = xauth.read_reply(Login(), (Attribute(X.XAUTH_USER_PASSWORD, b"\xff\0"),))
    assert told.password == Secret(b"\xff")
    with pytest.raises(AuthFailed, match="too long"):
        xauth.read_reply(Login(), (Attribute(X.XAUTH_USER_PASSWORD, bytes(1025)),))


def test_nothing_is_accepted_that_is_not_known(passwords: Passwords) -> None:
    for login in (Login(), Login(b"carol"), Login(b"carol", Secret(b"")), Login(b"dave", CAROL.password)):
        assert xauth.verdict(XauthBackend.GENERIC, passwords, login) is False
    assert xauth.verdict(XauthBackend.PAM, passwords, CAROL) is None
    assert xauth.verdict(XauthBackend.RADIUS, passwords, CAROL) is None


def test_only_ok_is_success() -> None:
    assert xauth.outcome((Attribute(X.XAUTH_STATUS, 2),)) is False
    assert xauth.outcome((Attribute(X.XAUTH_STATUS, 1), Attribute(X.XAUTH_STATUS, 0))) is False
    assert xauth.outcome((Attribute(X.XAUTH_STATUS, b"\0\0\0\1"),)) is True
    assert xauth.outcome((Attribute(X.XAUTH_MESSAGE, b"OK"),)) is None
    with pytest.raises(InvalidSyntax):
        xauth.outcome((Attribute(X.XAUTH_STATUS, b""),))


def test_messages_of_the_peer_are_made_harmless() -> None:
    text = xauth.message_of((Attribute(X.XAUTH_MESSAGE, b"Hello\n\x1b[31m" + b"x" * 999),))
    assert text.startswith("Hello  [31mxxx")
    assert len(text) == xauth.MAX_MESSAGE


def test_passwords_do_not_show() -> None:
    told = xauth.read_reply(Login(), xauth.reply((), CAROL))
    assert "4iChxLT3" not in f"{told!r} {told}"


def test_users_as_identities() -> None:
    assert xauth.user_identity(b"carol").type.name == "ID_FQDN"
    assert xauth.user_identity(b"carol@example.com").type.name == "ID_RFC822_ADDR"


def test_it_is_told_apart_from_mode_config() -> None:
    assert xauth.is_xauth(xauth.request())
    assert not xauth.is_xauth((Attribute(1, b""), Attribute(28672, b"")))
