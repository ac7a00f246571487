"""Who has which address of the pools. An identity that comes back gets the address that it had.

The rules are those of strongSwan: first an address that the identity had before, then one that nobody has had, and at
last the one that somebody gave back the longest ago. Each rule is tried on all pools of a connection before the next.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from ikeengine.model.identity import Identity
from ikeengine.model.immutable import immutable
from ikeengine.model.pool import Lease, PoolConfig
from ikeengine.negotiate.identities import canonical, same_identity

MAX_OFFLINE = 65536
"""Addresses of one pool that are remembered for identities that are gone."""


@immutable
class Claim:
    """Who wants an address. `holder` is the number of its IKE SA, `peer` the address that it comes from."""

    identity: Identity
    holder: int
    peer: str
    limit: int = 0
    """Most addresses of a pool that the identity may have at the same time; 0 for no limit."""


@dataclass(slots=True)
class _Entry:
    identity: Identity
    peer: str = ""
    holders: set[int] = field(default_factory=set)
    """The IKE SAs that use the address: none if it is offline, two while one authenticates again."""


@dataclass(slots=True)
class _Pool:
    config: PoolConfig
    entries: dict[bytes, _Entry] = field(default_factory=dict)
    addresses_of: dict[Hashable, dict[bytes, None]] = field(default_factory=dict)
    offline: dict[bytes, None] = field(default_factory=dict)
    """Addresses given back, the oldest first."""
    removed: bool = False
    """No longer configured: nobody gets an address any more, but it is not forgotten who has one."""
    used: int = 0
    """How many addresses from the beginning of the pool have been given away once."""

    def existing(self, claim: Claim, wanted: bytes) -> bytes | None:
        """An address that the identity had before, or has: a client that authenticates again asks for its own."""
        known = self.addresses_of.get(canonical(claim.identity), {})
        entry = self.entries[wanted] if wanted in known else None
        if entry is not None and _may_share(entry, claim):
            return wanted
        return next((address for address in known if address in self.offline), None)

    def unused(self, claim: Claim, wanted: bytes) -> bytes | None:
        """An address that nobody has had: the one that is wanted, or the next one."""
        if wanted in self.config and wanted not in self.entries:
            return wanted
        while self.used < self.config.size:
            address = (int.from_bytes(self.config.first) + self.used).to_bytes(len(self.config.first))
            if address not in self.entries:
                return address
            self.used += 1
        return None

    def oldest(self, claim: Claim, wanted: bytes) -> bytes | None:
        """An address that somebody else had, but the longest time ago."""
        return next(iter(self.offline), None)

    def take(self, address: bytes, claim: Claim) -> None:
        entry = self.entries.get(address)
        if entry is None or not same_identity(entry.identity, claim.identity):
            self.forget(address)
            entry = self.remember(address, claim.identity)
        self.offline.pop(address, None)
        entry.holders.add(claim.holder)
        entry.peer = claim.peer

    def remember(self, address: bytes, identity: Identity) -> _Entry:
        entry = self.entries[address] = _Entry(identity)
        self.addresses_of.setdefault(canonical(identity), {})[address] = None
        return entry

    def forget(self, address: bytes) -> None:
        entry = self.entries.pop(address, None)
        self.offline.pop(address, None)
        if entry is None:
            return
        owner = canonical(entry.identity)
        known = self.addresses_of[owner]
        del known[address]
        if not known:
            del self.addresses_of[owner]

    def put_offline(self, address: bytes) -> None:
        self.offline[address] = None
        if len(self.offline) > MAX_OFFLINE:
            self.forget(next(iter(self.offline)))

    def is_within_limit(self, claim: Claim) -> bool:
        known = self.addresses_of.get(canonical(claim.identity), {})
        return not claim.limit or sum(address not in self.offline for address in known) < claim.limit


_RULES: tuple[Callable[[_Pool, Claim, bytes], bytes | None], ...] = (_Pool.existing, _Pool.unused, _Pool.oldest)


class LeaseTable:
    """All pools with their leases."""

    __slots__ = ("_holdings", "_pools", "_waiting")

    def __init__(self) -> None:
        self._pools: dict[str, _Pool] = {}
        self._holdings: dict[int, list[tuple[str, bytes]]] = {}
        self._waiting: list[Lease] = []
        """Leases of an earlier life whose pools are not there yet."""

    # --- pools

    def pools(self) -> dict[str, PoolConfig]:
        """The pools by name."""
        return {name: pool.config for name, pool in self._pools.items() if not pool.removed}

    def set_pool(self, config: PoolConfig) -> None:
        """Add a pool or change one. What was leased stays leased, if it is still in the pool."""
        old = self._pools.get(config.name)
        pool = self._pools[config.name] = _Pool(config)
        for address, entry in {} if old is None else old.entries.items():
            if address in config:
                pool.remember(address, entry.identity)
                pool.entries[address] = entry
        for address in () if old is None else old.offline:
            if address in config:
                pool.offline[address] = None
        waiting, self._waiting = self._waiting, []
        self.restore(waiting)

    def remove_pool(self, name: str) -> None:
        """Give away nothing of a pool any more. If it comes back, everybody has the addresses of before."""
        if name in self._pools:
            self._pools[name].removed = True

    def overlapping(self, config: PoolConfig) -> str:
        """The name of another pool with some of the same addresses; empty if there is none."""
        for name, other in self.pools().items():
            same_family = len(other.first) == len(config.first)
            if name != config.name and same_family and other.first <= config.last and config.first <= other.last:
                return name
        return ""

    # --- leases

    def acquire(self, names: Sequence[str], claim: Claim, wanted: bytes) -> tuple[str, bytes] | None:
        """An address of one of these pools, with the pool's name; None if there is none left.

        `wanted` is the address that the client asks for, 0.0.0.0 or :: if it takes any.
        """
        fitting = [pool for name in names if (pool := self._pools.get(name)) and _serves(pool, wanted)]
        for rule in _RULES:
            for pool in fitting:
                address = rule(pool, claim, wanted)
                if address is None or not (self._holds(claim, pool, address) or pool.is_within_limit(claim)):
                    continue
                pool.take(address, claim)
                self._holdings.setdefault(claim.holder, []).append((pool.config.name, address))
                return pool.config.name, address
        return None

    def _holds(self, claim: Claim, pool: _Pool, address: bytes) -> bool:
        entry = pool.entries.get(address)
        return entry is not None and same_identity(entry.identity, claim.identity) and bool(entry.holders)

    def release(self, holder: int) -> tuple[Lease, ...]:
        """An IKE SA is gone. Returns the leases that nobody uses any more."""
        ended = []
        for name, address in self._holdings.pop(holder, ()):
            pool = self._pools.get(name)
            entry = pool.entries.get(address) if pool is not None else None
            if pool is None or entry is None:
                continue
            entry.holders.discard(holder)
            if not entry.holders and address not in pool.offline:
                ended.append(Lease(name, address, entry.identity, online=False))
                pool.put_offline(address)
        return tuple(ended)

    def move(self, old: int, new: int) -> None:
        """An IKE SA was rekeyed: the new one holds what the old one had."""
        for name, address in self._holdings.get(old, ()):
            pool = self._pools.get(name)
            if pool is not None and address in pool.entries:
                pool.entries[address].holders.discard(old)
                pool.entries[address].holders.add(new)
        if old in self._holdings:
            self._holdings[new] = self._holdings.pop(old)

    def leases(self, name: str = "") -> Iterator[Lease]:
        """The leases of one pool or of all, for operators and for keeping; offline ones in the order of their age."""
        for pool in self._pools.values():
            if name not in ("", pool.config.name):
                continue
            for address, entry in pool.entries.items():
                if address not in pool.offline:
                    yield Lease(pool.config.name, address, entry.identity, online=True)
            for address in pool.offline:
                yield Lease(pool.config.name, address, pool.entries[address].identity, online=False)
        yield from (lease for lease in self._waiting if name == "")

    def restore(self, leases: Iterable[Lease]) -> None:
        """Remember leases of an earlier life, all of them as offline. What does not fit the pools is left out."""
        for lease in leases:
            pool = self._pools.get(lease.pool)
            if pool is None:
                self._waiting.append(lease)
            elif lease.address in pool.config and lease.address not in pool.entries:
                pool.remember(lease.address, lease.identity)
                pool.put_offline(lease.address)


def _may_share(entry: _Entry, claim: Claim) -> bool:
    """Whether an IKE SA may have what an identity has already: if nobody uses it, or to take another one's place."""
    return not entry.holders or (entry.peer == claim.peer and claim.holder not in entry.holders)


def _serves(pool: _Pool, address: bytes) -> bool:
    return not pool.removed and len(pool.config.first) == len(address)
