"""Credentials by where they came from: the configuration file, or clients of the control socket.

The core sees the sum of both. A reload replaces what the file said and leaves alone what clients have loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeVar

from ikeengine.auth.credentials import CredentialStore
from ikeengine.auth.revocation_cache import RevocationCache
from ikeengine.config.configuration import Configuration
from ikeengine.crypto.certificate import Certificate
from ikeengine.crypto.crl import Crl
from ikeengine.crypto.sign import PrivateKey
from ikeengine.daemon.keystore import KeyStore
from ikeengine.model.credentials import Authority, SharedKey
from ikeengine.model.secret import Secret
from ikeengine.negotiate.identities import parse_pattern

Key = TypeVar("Key")
Item = TypeVar("Item")

_FROM_CLIENT = " (vici)"
"""Ends the names of what clients have loaded, so that they cannot collide with names of the file."""


@lru_cache(maxsize=4096)
def certificate_of(der: bytes) -> Certificate:
    """The certificate in DER octets that were checked before."""
    return Certificate.from_der(der)


@dataclass(slots=True)
class Layer:
    """Everything of one origin."""

    shared: dict[str, SharedKey] = field(default_factory=dict)
    passwords: dict[str, SharedKey] = field(default_factory=dict)
    keys: dict[bytes, PrivateKey] = field(default_factory=dict)
    authorities: dict[str, Authority] = field(default_factory=dict)
    certificates: dict[bytes, Certificate] = field(default_factory=dict)
    crls: dict[bytes, Crl] = field(default_factory=dict)
    responders: dict[bytes, bytes] = field(default_factory=dict)


def layer_of(configuration: Configuration) -> Layer:
    """The credentials of a configuration. Raises LocalMisuse for a private key that cannot be loaded."""
    loaded = [
        PrivateKey.load(key.data.reveal(), key.password.reveal() if key.password else None)
        for key in configuration.private_keys
    ]
    return Layer(
        shared={key.name: key for key in configuration.shared_keys},
        passwords={key.name: key for key in configuration.passwords},
        keys={key.key_id: key for key in loaded},
        authorities={authority.name: authority for authority in configuration.authorities},
        certificates={der: certificate_of(der) for der in configuration.certificates},
        crls={der: Crl.from_der(der) for der in configuration.crls},
        responders={der: der for der in configuration.responders},
    )


class Credentials:
    """Keeps the core's store and the key store equal to the sum of both layers."""

    def __init__(self, store: CredentialStore, keys: KeyStore) -> None:
        self.keys = keys
        self._store = store
        self._file = Layer()
        self._client = Layer()
        self._in_force = Layer()

    def replace_file(self, layer: Layer) -> None:
        """The configuration file now says this."""
        self._file = layer
        self._sync()

    def clear(self) -> None:
        """Forget what clients have loaded, except authorities: those have a command of their own."""
        self._client = Layer(authorities=_named(self._client.authorities))
        self._sync()

    # --- load-shared and its like

    def load_shared(self, name: str, secret: Secret, owners: list[str], *, password: bool = False) -> None:
        """Add or replace a pre-shared key or a user's password; without a name it is known by its owners.

        Raises ValueError.
        """
        name = name or ",".join(owners) or "%any"
        patterns = tuple(parse_pattern(owner) for owner in owners)
        self._forget_shared(name)
        kind = self._client.passwords if password else self._client.shared
        kind[name] = SharedKey(name + _FROM_CLIENT, secret, patterns)
        self._sync()

    def unload_shared(self, name: str) -> None:
        """Forget a pre-shared key or password."""
        self._forget_shared(name)
        self._sync()

    def shared_ids(self) -> list[str]:
        """Names of the pre-shared keys and passwords that clients have loaded."""
        return [*self._client.shared, *self._client.passwords]

    def _forget_shared(self, name: str) -> None:
        self._client.shared.pop(name, None)
        self._client.passwords.pop(name, None)

    def load_key(self, key: PrivateKey) -> bytes:
        """Add a private key; its identifier."""
        self._client.keys[key.key_id] = key
        self._sync()
        return key.key_id

    def unload_key(self, key_id: bytes) -> bool:
        """Forget a private key; False if no client has loaded it."""
        found = self._client.keys.pop(key_id, None) is not None
        self._sync()
        return found

    def key_ids(self) -> list[bytes]:
        """Identifiers of the private keys that clients have loaded."""
        return list(self._client.keys)

    def load_certificate(self, certificate: Certificate) -> None:
        """Add an end entity or intermediate certificate."""
        self._client.certificates[certificate.der] = certificate
        self._sync()

    def load_crl(self, crl: Crl) -> None:
        """Add a CRL."""
        self._client.crls[crl.der] = crl
        self._sync()

    def load_responder(self, certificate: Certificate) -> None:
        """Trust somebody to sign OCSP responses."""
        self._client.responders[certificate.der] = certificate.der
        self._sync()

    def load_anchor(self, certificate: Certificate) -> None:
        """Trust an authority that has no name."""
        name = certificate.fingerprint + _FROM_CLIENT
        self._client.authorities[name] = Authority(name, certificate.der)
        self._sync()

    def load_authority(self, authority: Authority) -> None:
        """Add or replace a named authority."""
        self._client.authorities[authority.name] = authority
        self._sync()

    def unload_authority(self, name: str) -> bool:
        """Forget a named authority; False if no client has loaded it."""
        found = self._client.authorities.pop(name, None) is not None
        self._sync()
        return found

    def authority_names(self) -> list[str]:
        """Names of the authorities that clients have loaded."""
        return list(_named(self._client.authorities))

    # --- what there is

    def authorities(self) -> list[Authority]:
        """All named authorities."""
        return list(_named(self._in_force.authorities).values())

    def certificates(self) -> list[Certificate]:
        """All certificates, those of authorities included."""
        ders = dict.fromkeys(self._in_force.certificates)
        ders |= dict.fromkeys(authority.certificate for authority in self._in_force.authorities.values())
        return [certificate_of(der) for der in ders]

    def responders(self) -> list[Certificate]:
        """The OCSP responders that are trusted by configuration."""
        return list(self._store.responders())

    @property
    def revocation(self) -> RevocationCache:
        """What is known about revoked certificates."""
        return self._store.revocation

    def _sync(self) -> None:
        """Bring both stores from what is in force to the sum of the layers."""
        old, new = self._in_force, _sum(self._file, self._client)
        self._sync_shared(old, new)
        _apply(old.authorities, new.authorities, self._store.remove_authority, self._store.add_authority)
        _apply(
            old.certificates,
            new.certificates,
            self._store.remove_certificate,
            self._add_certificate,
        )
        _apply(old.crls, new.crls, self._remove_crl(old), self._store.revocation.load)
        _apply(old.responders, new.responders, self._store.remove_responder, self._store.add_responder)
        _apply(old.keys, new.keys, self._remove_key, self._add_key)
        self._in_force = new

    def _sync_shared(self, old: Layer, new: Layer) -> None:
        """All of them, since their order counts."""
        passwords = self._store.passwords
        _replace(old.shared, new.shared, self._store.remove_shared, self._store.add_shared)
        _replace(old.passwords, new.passwords, passwords.remove, passwords.add)

    def _remove_crl(self, layer: Layer) -> Callable[[bytes], None]:
        return lambda der: self._store.revocation.unload(layer.crls[der])

    def _add_certificate(self, certificate: Certificate) -> None:
        self._store.add_certificate(certificate.der)

    def _add_key(self, key: PrivateKey) -> None:
        self.keys.add(key)
        self._store.add_private_key_id(key.key_id)

    def _remove_key(self, key_id: bytes) -> None:
        self.keys.remove(key_id)
        self._store.remove_private_key_id(key_id)


def _sum(file: Layer, client: Layer) -> Layer:
    return Layer(
        shared={key.name: key for key in (*file.shared.values(), *client.shared.values())},
        passwords={key.name: key for key in (*file.passwords.values(), *client.passwords.values())},
        keys=file.keys | client.keys,
        authorities=client.authorities | file.authorities,
        certificates=file.certificates | client.certificates,
        crls=file.crls | client.crls,
        responders=file.responders | client.responders,
    )


def _named(authorities: Mapping[str, Authority]) -> dict[str, Authority]:
    return {name: authority for name, authority in authorities.items() if not name.endswith(_FROM_CLIENT)}


def _replace(
    old: Mapping[str, SharedKey],
    new: Mapping[str, SharedKey],
    remove: Callable[[str], None],
    add: Callable[[SharedKey], None],
) -> None:
    if list(old.values()) == list(new.values()):
        return
    for name in old:
        remove(name)
    for key in new.values():
        add(key)


def _apply(
    old: Mapping[Key, Item], new: Mapping[Key, Item], remove: Callable[[Key], None], add: Callable[[Item], None]
) -> None:
    for key, item in old.items():
        if new.get(key) != item:
            remove(key)
    for key, item in new.items():
        if old.get(key) != item:
            add(item)
