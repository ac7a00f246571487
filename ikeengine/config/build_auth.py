"""Makes the authentication rounds of a connection out of its `local<suffix>` and `remote<suffix>` sections."""

from __future__ import annotations

from typing import Any

from ikeengine.config.certificates import CertificateSource
from ikeengine.config.options import connection as options
from ikeengine.config.problems import Problems
from ikeengine.config.schema import Option, Values
from ikeengine.crypto.certificate import Certificate
from ikeengine.model.connection import LocalAuth, RemoteAuth
from ikeengine.model.immutable import immutable

CERTIFICATES, AUTHORITIES, PUBLIC_KEYS = "x509", "x509ca", "pubkey"
"""Directories that relative file names start from, as in swanctl's own directory."""

Chain = tuple[Certificate, ...]


@immutable
class LocalRound:
    """One round of ours with the places of its options and its certificates."""

    values: Values
    auth: LocalAuth
    chains: tuple[Chain, ...]

    @property
    def own(self) -> tuple[Certificate, ...]:
        """Our end entity certificates."""
        return tuple(chain[0] for chain in self.chains)


@immutable
class RemoteRound:
    """One round of the peer with the places of its options."""

    values: Values
    auth: RemoteAuth


def build_local(values: Values, certificates: CertificateSource, problems: Problems) -> tuple[LocalRound, ...]:
    """How we authenticate, round by round (RFC 4739)."""
    return tuple(_local(section, certificates, problems) for section in _rounds(values, "local"))


def build_remote(values: Values, certificates: CertificateSource, problems: Problems) -> tuple[RemoteRound, ...]:
    """What we demand from the peer, round by round."""
    return tuple(_remote(section, certificates, problems) for section in _rounds(values, "remote"))


def _rounds(values: Values, kind: str) -> list[Values]:
    """The sections in the order of `round`, then as written; an absent one has swanctl's defaults."""
    return sorted(values.named(kind).values(), key=lambda section: section[options.ROUND]) or [values.one(kind)]


@immutable
class _Loader:
    """Loads the certificates and public keys of one authentication round."""

    values: Values
    certificates: CertificateSource
    problems: Problems

    def load(self, option: Option[tuple[str, ...]], prefix: str, directory: str) -> tuple[Chain, ...]:
        """The certificates of a list and of the `cert<suffix>` sections beside it, each a chain of at least one."""
        chains = [self._one(self.values, option, name, directory) for name in self.values[option]]
        for section in self.values.named(prefix).values():
            if file := section[options.CERTIFICATE_FILE]:
                chains.append(self._one(section, options.CERTIFICATE_FILE, file, directory))
            elif section.sound(options.CERTIFICATE_FILE):
                self.problems.add(section.mark, section.path, "`file` is missing")
        return tuple(chain for chain in chains if chain)

    def keys(self, option: Option[tuple[str, ...]]) -> tuple[bytes, ...]:
        """The raw public keys of a list."""
        found = []
        for name in self.values[option]:
            try:
                found.append(self.certificates.load_key(name, PUBLIC_KEYS).der)
            except ValueError as error:
                self._complain(self.values, option, error)
        return tuple(found)

    def _one(self, values: Values, option: Option[Any], name: str, directory: str) -> Chain:
        try:
            return self.certificates.load(name, directory)
        except ValueError as error:
            self._complain(values, option, error)
            return ()

    def _complain(self, values: Values, option: Option[Any], error: ValueError) -> None:
        self.problems.add(values.mark_of(option), values.key(option), str(error))
        values.broken.add(option.name)


def _local(values: Values, certificates: CertificateSource, problems: Problems) -> LocalRound:
    loader = _Loader(values, certificates, problems)
    chains = loader.load(options.LOCAL_CERTS, "cert", CERTIFICATES)
    auth = values[options.LOCAL_AUTH]
    local = LocalAuth(
        auth.kind,
        values[options.LOCAL_ID],
        tuple(chain[0].der for chain in chains),
        auth.schemes,
        loader.keys(options.LOCAL_PUBKEYS),
        values[options.XAUTH_ID],
    )
    return LocalRound(values, local, chains)


def _remote(values: Values, certificates: CertificateSource, problems: Problems) -> RemoteRound:
    loader = _Loader(values, certificates, problems)
    certs = loader.load(options.REMOTE_CERTS, "cert", CERTIFICATES)
    cacerts = loader.load(options.REMOTE_CACERTS, "cacert", AUTHORITIES)
    auth = values[options.REMOTE_AUTH]
    remote = RemoteAuth(
        auth.kind,
        values[options.REMOTE_ID],
        tuple(chain[0].der for chain in certs),
        tuple(authority.der for chain in cacerts for authority in chain),
        auth.schemes,
        loader.keys(options.REMOTE_PUBKEYS),
        auth.chain,
        values[options.CERT_POLICY],
        values[options.REVOCATION],
        auth.xauth,
    )
    return RemoteRound(values, remote)
