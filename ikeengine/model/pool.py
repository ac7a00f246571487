"""Pools of virtual IP addresses, and who has which address (RFC 7296 section 2.19)."""

from __future__ import annotations

from ikeengine.model.identity import Identity
from ikeengine.model.immutable import immutable
from ikeengine.registry import CpAttribute


@immutable
class PoolAttribute:
    """A configuration attribute that clients get together with an address; `value` is as on the wire."""

    kind: CpAttribute
    value: bytes


@immutable
class PoolConfig:
    """One `pools.<name>` section. Addresses are packed, of 4 or 16 octets."""

    name: str
    base: bytes
    """What the configuration begins with: the network of a subnet, or the first address of a range."""
    first: bytes
    last: bytes
    attributes: tuple[PoolAttribute, ...] = ()

    @property
    def size(self) -> int:
        """How many addresses there are."""
        return int.from_bytes(self.last) - int.from_bytes(self.first) + 1

    def __contains__(self, address: object) -> bool:
        same_family = isinstance(address, bytes) and len(address) == len(self.first)
        return same_family and self.first <= address <= self.last  # type: ignore[operator]


@immutable
class Lease:
    """An address that an identity has (`online`), or had and gets again when it comes back."""

    pool: str
    address: bytes
    identity: Identity
    online: bool
