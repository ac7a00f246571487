"""Makes shared keys and authorities out of the `secrets` and `authorities` sections."""

from __future__ import annotations

from collections.abc import Mapping

from ikeengine.config.build_auth import AUTHORITIES
from ikeengine.config.certificates import CertificateSource
from ikeengine.config.inline import ConfigFiles, inline_secret
from ikeengine.config.options import credentials as options
from ikeengine.config.problems import Problems
from ikeengine.config.schema import Values
from ikeengine.config.secrets import STRONG_ENOUGH, read_secret_file
from ikeengine.model.credentials import Authority, SharedKey
from ikeengine.model.secret import EMPTY, Secret


def build_shared_keys(secrets: Values, files: ConfigFiles, problems: Problems) -> tuple[SharedKey, ...]:
    """The pre-shared keys. One that could not be read has an empty secret, and the problem is noted."""
    return tuple(
        SharedKey(name, _strong_secret(values, files, problems), values[options.OWNERS])
        for name, values in secrets.named("ike").items()
    )


def build_passwords(secrets: Values, files: ConfigFiles, problems: Problems) -> tuple[SharedKey, ...]:
    """The secrets of users, of any length: they can only be tried online."""
    return tuple(
        SharedKey(name, _shared_secret(values, files, problems), values[options.USERS])
        for prefix in options.PASSWORD_PREFIXES
        for name, values in secrets.named(prefix).items()
    )


def build_manual_keys(secrets: Values, files: ConfigFiles, problems: Problems) -> dict[str, Secret]:
    """The keys of `manual` SAs by the name of their section. One that could not be read is left out."""
    keys = {
        name: _strong_secret(values, files, problems) for name, values in secrets.named(options.MANUAL_PREFIX).items()
    }
    return {name: key for name, key in keys.items() if len(key)}


def _strong_secret(values: Values, files: ConfigFiles, problems: Problems) -> Secret:
    secret = _shared_secret(values, files, problems)
    _check_strength(values, secret, problems)
    return secret


def _shared_secret(values: Values, files: ConfigFiles, problems: Problems) -> Secret:
    if not values.sound(options.SECRET, options.SECRET_FILE):
        return EMPTY
    inline, file = values[options.SECRET], values[options.SECRET_FILE]
    if inline is None and file is None:
        problems.add(values.mark, values.path, "`file` or `secret` is missing")
        return EMPTY
    if inline is not None and file is not None:
        problems.add(values.mark_of(options.SECRET), values.key(options.SECRET), "write either `secret` or `file`")
        return EMPTY
    return (
        inline_secret(values, options.SECRET, files, problems) if file is None else _file(values, file, files, problems)
    )


def _file(values: Values, file: str, files: ConfigFiles, problems: Problems) -> Secret:
    try:
        return read_secret_file(files.base / file, any_owner=files.any_owner)
    except ValueError as error:
        problems.add(values.mark_of(options.SECRET_FILE), values.key(options.SECRET_FILE), str(error))
        return EMPTY


def _check_strength(values: Values, secret: Secret, problems: Problems) -> None:
    if not 0 < len(secret) < STRONG_ENOUGH or values[options.ALLOW_WEAK]:
        return
    option = options.SECRET if options.SECRET in values else options.SECRET_FILE
    problems.add(
        values.mark_of(option),
        values.key(option),
        f"the key has {len(secret)} octets; less than {STRONG_ENOUGH} (128 bits) can be guessed offline. "
        "Take a longer one, as from `openssl rand -base64 32`, or accept the risk with `allow_weak: true`",
    )


def build_authorities(
    sections: Mapping[str, Values], certificates: CertificateSource, problems: Problems
) -> tuple[Authority, ...]:
    """The trusted authorities."""
    found = (_authority(name, values, certificates, problems) for name, values in sections.items())
    return tuple(authority for authorities in found for authority in authorities)


def _authority(name: str, values: Values, certificates: CertificateSource, problems: Problems) -> tuple[Authority, ...]:
    """The authorities of a section: one, or while one takes the place of another, all those in the file."""
    option, directory = (options.CACERT, AUTHORITIES) if options.CACERT in values else (options.AUTHORITY_FILE, "")
    file = values[option]
    if file is None:
        if values.sound(options.CACERT, options.AUTHORITY_FILE):
            problems.add(values.mark, values.path, "`cacert` is missing")
        return ()
    try:
        loaded = certificates.load(file, directory)
    except ValueError as error:
        problems.add(values.mark_of(option), values.key(option), str(error))
        return ()
    if not all(certificate.is_ca for certificate in loaded):
        problems.add(values.mark_of(option), values.key(option), f"{file} is not the certificate of an authority")
    base = values[options.CERT_URI_BASE]
    if base and not base.lower().startswith("http://"):
        where = values.mark_of(options.CERT_URI_BASE), values.key(options.CERT_URI_BASE)
        problems.add(*where, f"`{base}` does not begin with http://, and nothing else is fetched by peers")
    return tuple(
        Authority(
            name if number == 1 else f"{name}-{number}",
            certificate.der,
            values[options.CRL_URIS],
            values[options.OCSP_URIS],
            base,
        )
        for number, certificate in enumerate(loaded, 1)
    )
