"""Whose password it is."""

from __future__ import annotations

from ikeengine.auth.passwords import Passwords
from ikeengine.model.credentials import SharedKey
from ikeengine.model.secret import Secret
from ikeengine.negotiate.identities import parse_pattern


def key(name: str, secret: bytes, *users: str) -> SharedKey:
    return SharedKey(name, Secret(secret), tuple(parse_pattern(user) for user in users))


def test_a_user_has_passwords_of_his_own_and_those_of_everybody() -> None:
    passwords = Passwords()
    passwords.add(key("a", b"one", "carol", "dave@example.com"))
    passwords.add(key("b", b"two"))
    assert passwords.of_user(b"carol") == (Secret(b"one"), Secret(b"two"))
    assert passwords.of_user(b"dave@example.com") == (Secret(b"one"), Secret(b"two"))
    assert passwords.of_user(b"Carol") == (Secret(b"two"),)
    assert passwords.accepts(b"carol", Secret(b"one"))
    assert passwords.accepts(b"eve", Secret(b"two"))
    assert not passwords.accepts(b"eve", Secret(b"one"))


def test_nobody_has_no_password() -> None:
    passwords = Passwords()
    passwords.add(key("a", b"one", "carol"))
    passwords.add(key("broken", b"", "eve"))
    assert not passwords.accepts(b"mallory", Secret(b""))
    assert not passwords.accepts(b"eve", Secret(b""))
    assert not passwords.accepts(b"carol", Secret(b"on"))


def test_wildcards_are_no_user_names() -> None:
    passwords = Passwords()
    passwords.add(key("a", b"one", "*.example.com"))
    assert passwords.of_user(b"x.example.com") == ()


def test_replaced_and_removed() -> None:
    passwords = Passwords()
    passwords.add(key("a", b"one", "carol"))
    passwords.add(key("a", b"two", "dave"))
    assert passwords.of_user(b"carol") == ()
    assert passwords.names() == ("a",)
    passwords.remove("a")
    passwords.remove("a")
    assert passwords.of_user(b"dave") == ()
