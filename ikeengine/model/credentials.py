"""Credentials handed to the core. Private keys stay outside: the core knows only their key identifiers (design D3)."""

from __future__ import annotations

from ikeengine.model.identity import IdentityPattern
from ikeengine.model.immutable import immutable
from ikeengine.model.secret import Secret


@immutable
class SharedKey:
    """A pre-shared key and the identities it is for (`secrets.ike<suffix>`). No owners: for everybody."""

    name: str
    secret: Secret
    owners: tuple[IdentityPattern, ...] = ()


@immutable
class Authority:
    """A trusted certification authority (`authorities.<name>`). `certificate` is DER."""

    name: str
    certificate: bytes
    crl_uris: tuple[str, ...] = ()
    ocsp_uris: tuple[str, ...] = ()
    cert_uri_base: str = ""
    """Where the certificates that it has issued can be fetched: followed by the SHA-1 in hexadecimal."""
