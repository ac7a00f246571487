"""Makes private keys out of the `secrets` section: from key files, and from PKCS#12 containers with what is in them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ikeengine.config.configuration import PrivateKeyFile
from ikeengine.config.inline import ConfigFiles, inline_secret
from ikeengine.config.options import credentials as options
from ikeengine.config.problems import Problems
from ikeengine.config.schema import Values
from ikeengine.config.secrets import read_private_file
from ikeengine.crypto.containers import Container, load_pkcs12
from ikeengine.crypto.sign import PrivateKey
from ikeengine.errors import IkeError
from ikeengine.model.credentials import Authority
from ikeengine.model.immutable import immutable
from ikeengine.model.secret import Secret


@immutable
class PrivateKeys:
    """The private keys, their identifiers, whether one of them could not be loaded, and what came with them."""

    files: tuple[PrivateKeyFile, ...]
    key_ids: frozenset[bytes]
    broken: bool
    certificates: tuple[bytes, ...] = ()
    """Certificates (DER) of the PKCS#12 containers."""
    authorities: tuple[Authority, ...] = ()
    """Authorities of the containers, which are trusted."""


@immutable
class _Loaded:
    """What one section has given."""

    file: PrivateKeyFile | None
    key_id: bytes = b""
    certificates: tuple[bytes, ...] = ()
    authorities: tuple[Authority, ...] = ()


_PASSWORDS = (options.PASSWORD, options.PASSPHRASE)
_Load = Callable[[str, Path, Secret, Secret | None], _Loaded]


def build_private_keys(secrets: Values, files: ConfigFiles, problems: Problems) -> PrivateKeys:
    """The private keys, each loaded once to be sure that it can be used."""
    kinds: list[tuple[str, _Load]] = [(prefix, _key) for prefix in options.PRIVATE_KEY_PREFIXES]
    found = [
        _section(name, prefix, values, load, files, problems)
        for prefix, load in [*kinds, ("pkcs12", _container)]
        for name, values in secrets.named(prefix).items()
    ]
    loaded = [one for one in found if one is not None]
    return PrivateKeys(
        tuple(one.file for one in loaded if one.file is not None),
        frozenset(one.key_id for one in loaded if one.file is not None),
        len(loaded) < len(found),
        tuple(der for one in loaded for der in one.certificates),
        tuple(authority for one in loaded for authority in one.authorities),
    )


def _section(
    name: str, prefix: str, values: Values, load: _Load, files: ConfigFiles, problems: Problems
) -> _Loaded | None:
    file = values[options.KEY_FILE]
    if file is None:
        if values.sound(options.KEY_FILE):
            problems.add(values.mark, values.path, "`file` is missing")
        return None
    path = files.base / prefix / file
    password = _password(values, files, problems)
    try:
        return load(name, path, read_private_file(path, any_owner=files.any_owner), password)
    except ValueError as error:
        problems.add(values.mark_of(options.KEY_FILE), values.key(options.KEY_FILE), str(error))
    except IkeError as error:
        # With a password, it is more likely wrong than the file is.
        option = next((option for option in _PASSWORDS if option in values), options.KEY_FILE)
        problems.add(values.mark_of(option), values.key(option), f"{path}: {error}")
    return None


def _password(values: Values, files: ConfigFiles, problems: Problems) -> Secret | None:
    for option in _PASSWORDS:
        if option in values:
            return inline_secret(values, option, files, problems)
    return None


def _key(name: str, path: Path, data: Secret, password: Secret | None) -> _Loaded:
    """A key file: PKCS#8 (encrypted or not), PKCS#1 or SEC 1. Raises LocalMisuse."""
    key_id = PrivateKey.load(data.reveal(), password.reveal() if password else None).key_id
    return _Loaded(PrivateKeyFile(name, str(path), data, password), key_id)


def _container(name: str, path: Path, data: Secret, password: Secret | None) -> _Loaded:
    """A PKCS#12 container. Raises LocalMisuse."""
    container = load_pkcs12(data.reveal(), password.reveal() if password else None)
    certificates = tuple(certificate.der for certificate in container.certificates)
    authorities = _authorities(name, container)
    if container.key is None:
        return _Loaded(None, b"", certificates, authorities)
    key_id = PrivateKey.load(container.key.reveal()).key_id
    return _Loaded(PrivateKeyFile(name, str(path), container.key), key_id, certificates, authorities)


def _authorities(name: str, container: Container) -> tuple[Authority, ...]:
    """Authorities by the name of the section, numbered from the second one on."""
    return tuple(
        Authority(name if number == 1 else f"{name}-{number}", certificate.der)
        for number, certificate in enumerate(container.authorities, 1)
    )
