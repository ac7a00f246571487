"""Which pre-shared key is for whom."""

from __future__ import annotations

import random

import pytest

from ikeengine.auth.shared_keys import SharedKeys
from ikeengine.model.credentials import SharedKey
from ikeengine.model.identity import Identity
from ikeengine.model.secret import Secret
from ikeengine.negotiate.identities import match_quality, parse_identity, parse_pattern
from ikeengine.registry import IdType


def key(name: str, *owners: str) -> SharedKey:
    return SharedKey(name, Secret(name.encode()), tuple(map(parse_pattern, owners)))


def candidates(keys: SharedKeys, local: str, remote: str) -> list[str]:
    return [one.name for one in keys.find(parse_identity(local), parse_identity(remote))]


def found(keys: SharedKeys, local: str, remote: str) -> str | None:
    return next(iter(candidates(keys, local, remote)), None)


def store(*keys: SharedKey) -> SharedKeys:
    shared = SharedKeys()
    for one in keys:
        shared.add(one)
    return shared


KEYS = [
    key("anybody"),
    key("moon only", "moon"),
    key("moon and sun", "moon", "sun"),
    key("venus", "venus"),
    key("examples", "*.example.com"),
    key("one example", "moon", "a.example.com"),
    key("net", "10.0.0.0/8"),
    key("names", "C=CH, CN=*"),
    key("a name", "C=CH, CN=sun"),
]


@pytest.mark.parametrize(
    ("local", "remote", "name"),
    [
        ("moon", "sun", "moon and sun"),
        ("sun", "moon", "moon and sun"),
        ("MOON", "Sun", "moon and sun"),
        ("moon", "venus", "venus"),
        ("earth", "venus", "venus"),
        ("earth", "sun", "moon and sun"),
        ("earth", "mars", "anybody"),
        ("moon", "mars", "anybody"),
        ("moon", "b.example.com", "examples"),
        ("moon", "a.example.com", "one example"),
        ("earth", "10.1.2.3", "net"),
        ("earth", "11.1.2.3", "anybody"),
        ("earth", "C=CH, CN=mars", "names"),
        ("earth", "C=CH, CN=SUN", "a name"),
        ("earth", "C=AT, CN=mars", "anybody"),
    ],
)
def test_the_best_key(local: str, remote: str, name: str) -> None:
    assert found(store(*KEYS), local, remote) == name
    assert found(store(*reversed(KEYS)), local, remote) == name


def test_without_a_key_for_everybody() -> None:
    keys = store(*KEYS[2:])
    assert found(keys, "earth", "mars") is None
    assert found(keys, "moon", "mars") == "moon and sun", (
        "as in strongSwan, a key that only names us is better than none"
    )
    assert found(SharedKeys(), "moon", "sun") is None


def test_any_is_like_no_owners() -> None:
    assert found(store(key("any", "%any")), "moon", "sun") == "any"
    assert found(store(key("any", "%any"), key("sun", "sun")), "moon", "sun") == "sun"


def test_the_first_of_equals_wins() -> None:
    assert found(store(key("one", "sun"), key("two", "sun")), "moon", "sun") == "one"
    assert found(store(key("one"), key("two")), "moon", "sun") == "one"


def test_all_equals_are_candidates_in_their_order() -> None:
    keys = store(key("old", "moon", "sun"), key("anybody"), key("new", "sun", "moon"), key("sun", "sun"))
    assert candidates(keys, "moon", "sun") == ["old", "new"], "what fits less well is no substitute"
    assert candidates(keys, "earth", "sun") == ["old", "new", "sun"]
    assert candidates(keys, "moon", "mars") == ["anybody"]
    assert candidates(store(key("one"), key("two", "%any")), "moon", "sun") == ["one", "two"]
    assert candidates(store(key("one", "moon"), key("two", "moon")), "moon", "sun") == ["one", "two"]


def test_malformed_identities_have_no_key() -> None:
    keys = store(key("any"), key("moon", "moon"))
    moon = parse_identity("moon")
    for identity in (
        Identity(IdType.ID_FQDN, b""),
        Identity(IdType.ID_FQDN, b"a\0b"),
        Identity(IdType.ID_IPV4_ADDR, b""),
    ):
        assert not keys.find(moon, identity)
        assert not keys.find(identity, moon)


def test_replacing_and_removing() -> None:
    keys = store(key("k", "sun"), key("other", "*.example.com"))
    keys.add(key("k", "venus"))
    assert found(keys, "moon", "sun") is None
    assert found(keys, "moon", "venus") == "k"
    assert keys.names() == ("other", "k")
    keys.remove("k")
    keys.remove("other")
    keys.remove("other")
    assert keys.names() == ()
    assert found(keys, "moon", "venus") is None
    assert found(keys, "moon", "a.example.com") is None


def test_removing_one_of_two_keys_of_an_identity() -> None:
    keys = store(key("one", "sun"), key("two", "sun"))
    keys.remove("one")
    assert found(keys, "moon", "sun") == "two"


def test_the_index_agrees_with_trying_every_key() -> None:
    """The rule, spelt out: the peer's match counts most, then ours, then the order."""
    dice = random.Random(7)
    owners = ["moon", "sun", "venus", "%any", "*.example.com", "a.example.com", "10.0.0.0/8", "10.0.0.1", "C=CH, CN=*"]
    people = ["moon", "sun", "venus", "mars", "a.example.com", "b.example.com", "10.0.0.1", "10.0.0.2", "C=CH, CN=x"]
    for _ in range(200):
        keys = [key(str(n), *dice.sample(owners, dice.randint(0, 3))) for n in range(dice.randint(0, 5))]
        for _ in range(10):
            local, remote = dice.choice(people), dice.choice(people)
            assert found(store(*keys), local, remote) == plainly(keys, local, remote)


def plainly(keys: list[SharedKey], local: str, remote: str) -> str | None:
    def quality(one: SharedKey, text: str) -> int:
        return max((match_quality(owner, parse_identity(text)) for owner in one.owners), default=1)

    best, best_score = None, (0, 0)
    for one in keys:
        if (score := (quality(one, remote), quality(one, local))) > best_score:
            best, best_score = one.name, score
    return best
