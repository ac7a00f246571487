"""Credentials of the file and of clients, as the core sees them."""

from __future__ import annotations

from ikeengine.auth.credentials import CredentialStore
from ikeengine.daemon.credentials import Credentials, Layer
from ikeengine.daemon.keystore import KeyStore
from ikeengine.model.credentials import SharedKey
from ikeengine.model.secret import Secret
from ikeengine.negotiate.identities import parse_identity, parse_pattern

OWNERS = tuple(map(parse_pattern, ("moon", "sun")))


def layer(*names: str) -> Layer:
    return Layer(shared={name: SharedKey(name, Secret(name.encode()), OWNERS) for name in names})


def test_several_keys_of_a_pair_keep_the_order_of_the_file() -> None:
    store = CredentialStore()
    credentials = Credentials(store, KeyStore())

    def names() -> list[str]:
        return [key.name for key in store.find_psk(parse_identity("moon"), parse_identity("sun"))]

    credentials.replace_file(layer("old", "new"))
    assert names() == ["old", "new"]
    credentials.replace_file(layer("new", "old"))
    assert names() == ["new", "old"], "a switch of the order alone counts"
    credentials.load_shared("of a client", Secret(b"x"), ["moon", "sun"])
    credentials.replace_file(layer("newest", "new", "old"))
    assert names() == ["newest", "new", "old", "of a client (vici)"], "clients come after the file"
    credentials.replace_file(layer("newest"))
    assert names() == ["newest", "of a client (vici)"]
