"""Certificate policies along a path (RFC 5280 section 6.1, with the graph of RFC 9618 in the place of the tree).

The tree of RFC 5280 can grow exponentially with a hostile chain. Here a level has one node for each policy, so its
size is bounded by what one certificate says.
"""

from __future__ import annotations

from collections.abc import Sequence

from ikeengine.crypto.certificate import Certificate
from ikeengine.crypto.policy_extensions import ANY_POLICY, Policies
from ikeengine.errors import AuthFailed
from ikeengine.model.failure import Alert
from ikeengine.model.immutable import immutable


@immutable
class PolicyRules:
    """The inputs of RFC 5280 section 6.1.1 c, e, f and g: what the relying party demands of a path."""

    initial: frozenset[str] = frozenset((ANY_POLICY,))
    require_explicit: bool = False
    inhibit_mapping: bool = False
    inhibit_any: bool = False


ANY_RULES = PolicyRules()


@immutable
class _Node:
    """A policy of one level: what the next certificate calls it, and the policies of the anchor's domain behind it."""

    expected: frozenset[str]
    roots: frozenset[str]


_Level = dict[str, _Node]


def _leading(policy: str) -> _Node:
    return _Node(frozenset((policy,)), frozenset((policy,)))


def check_policies(chain: Sequence[Certificate], rules: PolicyRules = ANY_RULES) -> frozenset[str]:
    """The policies that a chain, end entity first, is valid for: in the words of its anchor, ANY_POLICY for all.

    The anchor's own policies do not count. Raises AuthFailed("cert-policy-violation").
    """
    path = list(reversed(chain[:-1]))
    state = _State(len(path), rules)
    for number, certificate in enumerate(path, 1):
        state.process(certificate, is_last=number == len(path))
    return state.result(chain[0])


class _State:
    """The state variables of RFC 5280 section 6.1.2 that are about policies."""

    def __init__(self, length: int, rules: PolicyRules) -> None:
        self._level: _Level = {ANY_POLICY: _leading(ANY_POLICY)}
        self._initial = rules.initial
        self._explicit = 0 if rules.require_explicit else length + 1
        self._mapping = 0 if rules.inhibit_mapping else length + 1
        self._any = 0 if rules.inhibit_any else length + 1

    def process(self, certificate: Certificate, *, is_last: bool) -> None:
        """Section 6.1.3 d to f, then 6.1.4 or, for the end entity, 6.1.5 a and b."""
        policies = certificate.extensions.policies
        any_allowed = self._any > 0 or (not is_last and certificate.is_self_issued)
        self._level = _next_level(self._level, policies.certificate_policies, any_allowed=any_allowed)
        if not self._level and not self._explicit:
            raise _violation(certificate, "has no policy in common with the authorities above it, which demand one")
        if is_last:
            self._explicit = max(0, self._explicit - 1)
            if policies.require_explicit_policy == 0:
                self._explicit = 0
        else:
            self._prepare(certificate, policies)

    def _prepare(self, certificate: Certificate, policies: Policies) -> None:
        """Section 6.1.4 a, b, h, i and j."""
        if policies.mappings:
            if any(ANY_POLICY in pair for pair in policies.mappings):
                raise _violation(certificate, "maps anyPolicy, which is not allowed")
            _map(self._level, policies.mappings, inhibited=self._mapping == 0)
        step = 0 if certificate.is_self_issued else 1
        self._explicit = _lowered(self._explicit, step, policies.require_explicit_policy)
        self._mapping = _lowered(self._mapping, step, policies.inhibit_policy_mapping)
        self._any = _lowered(self._any, step, policies.inhibit_any_policy)

    def result(self, leaf: Certificate) -> frozenset[str]:
        """Section 6.1.5 g."""
        found = frozenset(policy for node in self._level.values() for policy in node.roots)
        if ANY_POLICY in found:
            found = self._initial
        elif ANY_POLICY not in self._initial:
            found &= self._initial
        if not found and not self._explicit:
            raise _violation(leaf, "is valid for none of the policies that are demanded")
        return found


def _lowered(value: int, step: int, limit: int | None) -> int:
    value = max(0, value - step)
    return value if limit is None else min(value, limit)


def _next_level(above: _Level, named: tuple[str, ...] | None, *, any_allowed: bool) -> _Level:
    """Section 6.1.3 d and e: the policies of the next certificate that the authorities above it allow."""
    level: _Level = {}
    for policy in named or ():
        if policy == ANY_POLICY:
            continue
        roots = [node.roots for node in above.values() if policy in node.expected]
        if roots:
            level[policy] = _Node(frozenset((policy,)), frozenset().union(*roots))
        elif ANY_POLICY in above:
            level[policy] = _leading(policy)
    if any_allowed and ANY_POLICY in (named or ()):
        _pass_on(above, level)
    return level


def _pass_on(above: _Level, level: _Level) -> None:
    """A certificate with anyPolicy keeps every policy that is expected of it."""
    fresh: dict[str, frozenset[str]] = {}
    for node in above.values():
        for policy in node.expected:
            if policy not in level:
                fresh[policy] = fresh.get(policy, frozenset()) | node.roots
    level.update((policy, _Node(frozenset((policy,)), roots)) for policy, roots in fresh.items())


def _map(level: _Level, mappings: Sequence[tuple[str, str]], *, inhibited: bool) -> None:
    """Section 6.1.4 b: from now on the policies of the issuer's domain have the names of the subject's domain."""
    targets: dict[str, set[str]] = {}
    for issuer_policy, subject_policy in mappings:
        targets.setdefault(issuer_policy, set()).add(subject_policy)
    for policy, names in targets.items():
        if inhibited:
            level.pop(policy, None)
        elif policy in level:
            level[policy] = _Node(frozenset(names), level[policy].roots)
        elif ANY_POLICY in level:
            level[policy] = _Node(frozenset(names), frozenset((policy,)))


def _violation(certificate: Certificate, what: str) -> AuthFailed:
    return AuthFailed(Alert.CERT_POLICY_VIOLATION.value, f"{certificate.described} {what}")
