"""Who wants which policies: a stack of owners for each selector, shared by the datapaths.

A datapath says with `keys` which entries of its policy database a PolicySet needs, and with `apply` how one entry is
written. For the userspace datapath an entry is a pair of traffic selectors (`selector_pairs`), for the kernel it is a
direction and a selector made of prefixes.
"""

from __future__ import annotations

import logging
from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterable
from itertools import product
from typing import Generic, NamedTuple, TypeVar

from ikeengine.errors import DatapathError
from ikeengine.model.sa import PolicyAction, PolicySet
from ikeengine.model.selector import TrafficSelector

log = logging.getLogger(__name__)

K = TypeVar("K", bound=Hashable)
Selectors = tuple[TrafficSelector, ...]
Stack = tuple[PolicySet, ...]
"""The policies that want one entry, the one in force last."""


_BASES = {PolicyAction.PASS: 200_000, PolicyAction.DROP: 600_000}
_PROTECT_BASE = 400_000


class SelectorPair(NamedTuple):
    """A local and a remote traffic selector of the same address family."""

    local: TrafficSelector
    remote: TrafficSelector


def selector_pairs(policies: PolicySet) -> tuple[SelectorPair, ...]:
    """Every pair of a set's selectors; IPv4 is never paired with IPv6."""
    return all_pairs(policies.local_ts, policies.remote_ts)


def all_pairs(local_ts: Selectors, remote_ts: Selectors) -> tuple[SelectorPair, ...]:
    """Every pair of a local and a remote selector of the same address family."""
    pairs = (SelectorPair(local, remote) for local, remote in product(local_ts, remote_ts))
    return tuple(dict.fromkeys(pair for pair in pairs if pair.local.is_ipv6 == pair.remote.is_ipv6))


class PolicyStacks(Generic[K]):
    """The policies of all owners. What is in force for an entry is the one that comes first by priority.

    Among equals it is what the last owner installed. A trap never covers something else of its priority: it only waits
    for a packet that nothing better takes care of.
    """

    def __init__(
        self,
        keys: Callable[[PolicySet], Iterable[K]],
        apply: Callable[[K, PolicySet | None, PolicySet | None], None],
        priority: Callable[[PolicySet, K], int],
    ) -> None:
        """`priority` gives the order of policies, the lowest first.

        `apply(key, before, after)` makes `after` the policy in force for the entry; None means no policy.

        It raises DatapathError if it cannot, having changed nothing.
        """
        self._keys = keys
        self._apply = apply
        self._priority = priority
        self._stacks: dict[K, Stack] = {}
        self._owned: dict[int, tuple[PolicySet, tuple[K, ...]]] = {}

    def install(self, policies: PolicySet) -> None:
        """Install or replace the policies of an owner. Raises DatapathError; then everything is as it was before.

        New entries are written before old ones are removed, so that a replacement leaves no gap.
        """
        wanted = tuple(dict.fromkeys(self._keys(policies)))
        old = dict.fromkeys(self._owned_keys(policies.owner))
        stacks = {key: self._stacks.get(key, ()) for key in wanted}
        change = {
            key: self._with(_without(stack, policies.owner) if key in old else stack, policies, key)
            for key, stack in stacks.items()
        }
        for key in old:
            if key not in change:
                change[key] = _without(self._stacks[key], policies.owner)
        self._change_all_or_nothing(change)
        self._owned[policies.owner] = (policies, wanted)

    def delete(self, owner: int) -> None:
        """Remove the policies of an owner; what lies below them comes back into force.

        Everything is removed that can be; raises the first DatapathError at the end.
        """
        failure: DatapathError | None = None
        for key in self._owned_keys(owner):
            stack = _without(self._stacks[key], owner)
            try:
                self._change(key, stack)
            except DatapathError as error:
                failure = failure or error
                self._record(key, stack)
        self._owned.pop(owner, None)
        if failure is not None:
            raise failure

    def of_owner(self, owner: int) -> PolicySet | None:
        """What an owner has installed."""
        owned = self._owned.get(owner)
        return owned[0] if owned else None

    def keys_of_owner(self, owner: int) -> tuple[K, ...]:
        """The entries that an owner wants."""
        return self._owned_keys(owner)

    def in_force(self, key: K) -> PolicySet | None:
        """The policies in force for an entry."""
        stack = self._stacks.get(key)
        return stack[-1] if stack else None

    def owners(self) -> tuple[int, ...]:
        """All owners, in the order of their first installation."""
        return tuple(self._owned)

    def owners_of_reqid(self, reqid: int) -> tuple[int, ...]:
        """The owners whose policies use a reqid."""
        return tuple(owner for owner, (policies, _unused) in self._owned.items() if policies.reqid == reqid)

    def entries(self) -> tuple[K, ...]:
        """Every entry that somebody wants."""
        return tuple(self._stacks)

    def _with(self, stack: Stack, policies: PolicySet, key: K) -> Stack:
        def order(one: PolicySet) -> tuple[int, bool]:
            return -self._priority(one, key), one.action is not PolicyAction.TRAP

        # Thousands of road warriors may share an entry, so the others are not sorted again. Most come on top.
        own = order(policies)
        on_top = not stack or order(stack[-1]) <= own
        place = len(stack) if on_top else bisect_right(stack, own, key=order)
        return (*stack[:place], policies, *stack[place:])

    def _owned_keys(self, owner: int) -> tuple[K, ...]:
        owned = self._owned.get(owner)
        return owned[1] if owned else ()

    def _change_all_or_nothing(self, change: dict[K, Stack]) -> None:
        done: list[tuple[K, Stack]] = []
        try:
            for key, stack in change.items():
                before = self._stacks.get(key, ())
                self._change(key, stack)
                done.append((key, before))
        except DatapathError:
            for key, before in reversed(done):
                self._restore(key, before)
            raise

    def _restore(self, key: K, stack: Stack) -> None:
        try:
            self._change(key, stack)
        except DatapathError as error:
            log.error("cannot bring a policy back into force: %s", error)

    def _change(self, key: K, stack: Stack) -> None:
        before = self.in_force(key)
        after = stack[-1] if stack else None
        if not _same_effect(before, after):
            self._apply(key, before, after)
        self._record(key, stack)

    def _record(self, key: K, stack: Stack) -> None:
        if stack:
            self._stacks[key] = stack
        else:
            self._stacks.pop(key, None)


def base_priority(action: PolicyAction) -> int:
    """Where the order of policies begins, before selectors lower it: strongSwan's numbers, the lowest come first.

    PASS comes before PROTECT and that before DROP, so that `drop` can be the rule for the rest. A trap comes just
    behind what it traps for.
    """
    return _BASES.get(action, _PROTECT_BASE) - (action is not PolicyAction.TRAP)


def _same_effect(before: PolicySet | None, after: PolicySet | None) -> bool:
    """Whether nothing needs to be written: who owns a policy matters only for traps, which report their owner."""
    if before is None or after is None or after.action is PolicyAction.TRAP:
        return before == after
    return after.has_effect_of(before)


def _without(stack: Stack, owner: int) -> Stack:
    return tuple(policies for policies in stack if policies.owner != owner)
