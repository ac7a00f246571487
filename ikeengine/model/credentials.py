"""Credentials handed to the core. Private keys stay outside: the core knows only their key identifiers (design D3)."""

from __future__ import annotations

from dataclasses import dataclass

from ikeengine.model.identity import IdentityPattern
from ikeengine.model.secret import Secret


@dataclass(frozen=True, slots=True)
class SharedKey:
    """A pre-shared key and the identities it is for (`secrets.ike<suffix>`). No owners: for everybody."""

    name: str
    secret: Secret
    owners: tuple[IdentityPattern, ...] = ()


@dataclass(frozen=True, slots=True)
class Authority:
    """A trusted certification authority (`authorities.<name>`). `certificate` is DER."""

    name: str
    certificate: bytes
    crl_uris: tuple[str, ...] = ()
    ocsp_uris: tuple[str, ...] = ()
    cert_uri_base: str = ""
    """Where the certificates that it has issued can be fetched: followed by the SHA-1 in hexadecimal."""
