"""How much an unauthenticated sender may cost us: half-open IKE SAs per source, and stateless replies per second."""

from __future__ import annotations

from collections import Counter

from ikeengine.model.path import packed

IPV6_PREFIX_OCTETS = 8
"""IPv6 sources count by /64, because one host commands all addresses of it (RFC 8019 section 4.1)."""


def source_prefix(address: str) -> bytes:
    """What counts as one source: an IPv4 address, or an IPv6 /64."""
    octets = packed(address)
    return octets if len(octets) == 4 else octets[:IPV6_PREFIX_OCTETS]


FRAGMENTS_OF_SOURCE = 1 << 19
"""Octets of incomplete messages kept from one source: eight IKE SAs behind one NAT with the longest of messages."""

FRAGMENTS_IN_ALL = 1 << 25
"""Octets of incomplete messages kept from everybody."""


class HalfOpenLimits:
    """Counts the IKE SAs that are not authenticated yet."""

    __slots__ = ("_by_source", "total")

    def __init__(self) -> None:
        self._by_source: Counter[bytes] = Counter()
        self.total = 0

    def opened(self, address: str) -> None:
        """A responder created an IKE SA for this sender."""
        self._by_source[source_prefix(address)] += 1
        self.total += 1

    def closed(self, address: str) -> None:
        """That IKE SA is authenticated or gone."""
        source = source_prefix(address)
        self.total -= 1
        self._by_source[source] -= 1
        if self._by_source[source] <= 0:
            del self._by_source[source]

    def of_source(self, address: str) -> int:
        """Half-open IKE SAs of this sender."""
        return self._by_source[source_prefix(address)]


class FragmentMemory:
    """Counts the octets of fragments that wait for the rest of their message (RFC 7383 section 5)."""

    __slots__ = ("_by_source", "total")

    def __init__(self) -> None:
        self._by_source: Counter[bytes] = Counter()
        self.total = 0

    def take(self, address: str, octets: int) -> bool:
        """Whether so many more may be kept from this sender; if so, they count."""
        source = source_prefix(address)
        if self._by_source[source] + octets > FRAGMENTS_OF_SOURCE or self.total + octets > FRAGMENTS_IN_ALL:
            return False
        self._by_source[source] += octets
        self.total += octets
        return True

    def release(self, address: str, octets: int) -> None:
        """So many are no longer kept."""
        source = source_prefix(address)
        self.total -= octets
        self._by_source[source] -= octets
        if self._by_source[source] <= 0:
            del self._by_source[source]

    def of_source(self, address: str) -> int:
        """Octets kept from this sender."""
        return self._by_source.get(source_prefix(address), 0)


PASSWORD_BURST, PASSWORD_PAUSE = 5, 10.0
"""Passwords that may be tried for one user: so many at once, then one for each pause in seconds."""


class Attempts:
    """How often somebody may try a password, by name: `burst` times at once, then `rate` times per second.

    The names that were tried the longest ago are forgotten first, if there are more than `most`.
    """

    __slots__ = ("_buckets", "_burst", "_most", "_rate")

    def __init__(self, rate: float = 1 / PASSWORD_PAUSE, burst: float = PASSWORD_BURST, most: int = 4096) -> None:
        self._rate, self._burst, self._most = rate, burst, most
        self._buckets: dict[bytes, TokenBucket] = {}

    def admit(self, name: bytes, now: float) -> bool:
        """Whether one more attempt is allowed; if so, it counts."""
        bucket = self._buckets.pop(name, None) or TokenBucket(self._rate, self._burst)
        self._buckets[name] = bucket
        if len(self._buckets) > self._most:
            del self._buckets[next(iter(self._buckets))]
        return bucket.take(now)


class TokenBucket:
    """At most `burst` replies at once and `rate` per second, for everything that we answer without state."""

    __slots__ = ("_at", "_burst", "_rate", "_tokens")

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._at = 0.0

    def take(self, now: float) -> bool:
        """Whether one more reply is allowed."""
        self._tokens = min(self._burst, self._tokens + max(0.0, now - self._at) * self._rate)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
