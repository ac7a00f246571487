"""Identities as they travel in ID payloads, and patterns that match them."""

from __future__ import annotations

from ikeengine.model.immutable import immutable
from ikeengine.registry import IdType


@immutable
class Identity:
    """One IKE identity: the type and the octets of an ID payload (RFC 7296 section 3.5).

    Text forms and comparisons are in `negotiate.identities`; equality here is octet equality.
    """

    type: IdType
    data: bytes


@immutable
class IdentityPattern:
    """What a configuration accepts as an identity: `%any`, an exact identity, or one with wildcards.

    `text` is as configured (`*.example.com`, `%any`, `gw1.example.com`). Matching is in `negotiate.identities`.
    """

    text: str
    exact: Identity | None
    """The identity that alone is accepted, or None if the text holds a wildcard."""


ANY_IDENTITY = IdentityPattern("%any", None)
