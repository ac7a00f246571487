"""The owner stack of policies: who is in force, replacement without a gap, and rollback."""

from __future__ import annotations

import pytest

from ikeengine.datapath.policies import PolicyStacks, SelectorPair, selector_pairs
from ikeengine.datapath.userspace.spd import order_of
from ikeengine.errors import DatapathError
from ikeengine.model.path import packed
from ikeengine.model.sa import PolicyAction, PolicySet
from ikeengine.model.selector import TrafficSelector


def host(address: str) -> TrafficSelector:
    return TrafficSelector(packed(address), packed(address))


A, B, C = host("10.1.0.1"), host("10.2.0.1"), host("10.3.0.1")
A6, B6 = host("fd00:1::1"), host("fd00:2::1")


def policy_set(owner: int, *remotes: TrafficSelector, action: PolicyAction = PolicyAction.PROTECT, **more) -> PolicySet:
    return PolicySet(owner, action, local_ts=(A,), remote_ts=remotes or (B,), **{"reqid": owner, **more})


class Database:
    """Stands for a kernel: a dict of what is in force, a journal, and a set of entries that cannot be written."""

    def __init__(self) -> None:
        self.entries: dict[SelectorPair, PolicySet] = {}
        self.journal: list[tuple[str, SelectorPair]] = []
        self.broken: set[SelectorPair] = set()
        self.stacks: PolicyStacks[SelectorPair] = PolicyStacks(selector_pairs, self.apply, order_of)

    def apply(self, key: SelectorPair, before: PolicySet | None, after: PolicySet | None) -> None:
        assert self.entries.get(key) == before
        if key in self.broken:
            raise DatapathError("broken entry")
        if after is None:
            del self.entries[key]
        else:
            self.entries[key] = after
        self.journal.append(("remove" if after is None else "replace" if before else "add", key))


AB, AC = SelectorPair(A, B), SelectorPair(A, C)


def test_pairs_never_mix_address_families_and_are_unique():
    policies = PolicySet(1, PolicyAction.PROTECT, local_ts=(A, A6, A), remote_ts=(B, B6))
    assert selector_pairs(policies) == (SelectorPair(A, B), SelectorPair(A6, B6))


def test_the_last_owner_is_in_force_and_the_one_below_comes_back():
    db = Database()
    db.stacks.install(policy_set(1))
    db.stacks.install(policy_set(2))
    assert db.entries[AB].owner == 2
    db.stacks.delete(2)
    assert db.entries[AB].owner == 1
    assert db.journal == [("add", AB), ("replace", AB), ("replace", AB)]
    db.stacks.delete(1)
    assert db.entries == {}
    assert db.stacks.entries() == ()


def test_removing_a_covered_owner_writes_nothing():
    db = Database()
    db.stacks.install(policy_set(1))
    db.stacks.install(policy_set(2))
    db.journal.clear()
    db.stacks.delete(1)
    assert db.journal == []
    assert db.entries[AB].owner == 2


def test_an_owner_that_installs_again_comes_to_the_top():
    db = Database()
    for owner in (1, 2, 1):
        db.stacks.install(policy_set(owner))
    assert db.entries[AB].owner == 1
    db.stacks.delete(1)
    assert db.entries[AB].owner == 2


def test_equal_policies_of_another_owner_need_not_be_written():
    db = Database()
    db.stacks.install(policy_set(1, reqid=7))
    db.stacks.install(policy_set(2, reqid=7))
    db.stacks.delete(2)
    assert db.journal == [("add", AB)]


def test_a_trap_is_written_anew_for_another_owner_because_it_reports_its_owner():
    db = Database()
    db.stacks.install(policy_set(1, reqid=7, action=PolicyAction.TRAP))
    db.stacks.install(policy_set(2, reqid=7, action=PolicyAction.TRAP))
    assert db.entries[AB].owner == 2


def test_the_same_set_again_is_no_change():
    db = Database()
    db.stacks.install(policy_set(1))
    db.journal.clear()
    db.stacks.install(policy_set(1))
    assert db.journal == []


def test_a_replacement_adds_before_it_removes():
    db = Database()
    db.stacks.install(policy_set(1, B))
    db.journal.clear()
    db.stacks.install(policy_set(1, C))
    assert db.journal == [("add", AC), ("remove", AB)]
    assert db.stacks.of_owner(1) == policy_set(1, C)


def test_a_trap_waits_below_everything_else():
    db = Database()
    db.stacks.install(policy_set(1))
    db.stacks.install(policy_set(2, action=PolicyAction.TRAP))
    assert db.entries[AB].owner == 1
    db.stacks.delete(1)
    assert db.entries[AB].owner == 2


def test_the_younger_of_two_traps_is_in_force():
    db = Database()
    for owner in (1, 2):
        db.stacks.install(policy_set(owner, action=PolicyAction.TRAP))
    assert db.entries[AB].owner == 2


def test_a_failed_first_installation_leaves_nothing():
    db = Database()
    db.broken = {AC}
    with pytest.raises(DatapathError, match="broken entry"):
        db.stacks.install(policy_set(1, B, C))
    assert db.entries == {}
    assert db.stacks.entries() == ()
    assert db.stacks.of_owner(1) is None
    assert db.stacks.owners() == ()


def test_a_failed_replacement_leaves_the_old_policies_in_force():
    db = Database()
    db.stacks.install(policy_set(1, B, reqid=1))
    db.broken = {AC}
    with pytest.raises(DatapathError):
        db.stacks.install(policy_set(1, B, C, reqid=2))
    assert db.entries == {AB: policy_set(1, B, reqid=1)}
    assert db.stacks.of_owner(1) == policy_set(1, B, reqid=1)
    db.broken = set()
    db.stacks.delete(1)
    assert db.entries == {}


def test_a_rollback_that_fails_too_is_logged(caplog):
    db = Database()
    calls = []

    def apply(key: SelectorPair, before: PolicySet | None, after: PolicySet | None) -> None:
        calls.append(key)
        if len(calls) > 1:
            raise DatapathError("the kernel is gone")

    stacks = PolicyStacks(selector_pairs, apply, order_of)
    with pytest.raises(DatapathError, match="the kernel is gone"):
        stacks.install(policy_set(1, B, C))
    assert calls == [AB, AC, AB]
    assert "cannot bring a policy back into force" in caplog.text
    assert db.entries == {}


def test_a_failing_removal_removes_the_rest_and_forgets_the_owner():
    db = Database()
    db.stacks.install(policy_set(1, B, C))
    db.broken = {AB}
    with pytest.raises(DatapathError, match="broken entry"):
        db.stacks.delete(1)
    assert list(db.entries) == [AB]
    assert db.stacks.entries() == ()
    assert db.stacks.owners() == ()


def test_deleting_an_unknown_owner_is_fine():
    db = Database()
    db.stacks.delete(7)
    assert db.journal == []


def test_owners_are_found_by_reqid():
    db = Database()
    db.stacks.install(policy_set(1, reqid=5))
    db.stacks.install(policy_set(2, reqid=6))
    db.stacks.install(policy_set(3, reqid=5))
    assert db.stacks.owners_of_reqid(5) == (1, 3)
    assert db.stacks.in_force(AB) == policy_set(3, reqid=5)
    assert db.stacks.in_force(AC) is None


def test_priorities_decide_between_policies_with_the_same_selectors():
    db = Database()
    db.stacks.install(policy_set(1, action=PolicyAction.DROP, priority=1700))
    db.stacks.install(policy_set(2))
    db.stacks.install(policy_set(3, action=PolicyAction.DROP))
    assert db.entries[AB].owner == 1, "what was configured to come first"
    db.stacks.install(policy_set(4, action=PolicyAction.PASS, priority=1600))
    assert db.entries[AB].owner == 4
    db.stacks.delete(4)
    db.stacks.delete(1)
    assert db.entries[AB].owner == 2, "protection comes before a calculated drop"
    db.stacks.delete(2)
    assert db.entries[AB].owner == 3


def test_a_trap_of_the_same_fixed_priority_covers_nothing():
    db = Database()
    db.stacks.install(policy_set(1, priority=5))
    db.stacks.install(policy_set(2, action=PolicyAction.TRAP, priority=5))
    assert db.entries[AB].owner == 1


def test_a_new_owner_is_compared_with_few_of_those_that_share_its_entry():
    compared: list[int] = []

    def counting_order_of(policies: PolicySet, pair: SelectorPair) -> int:
        compared.append(policies.owner)
        return order_of(policies, pair)

    stacks: PolicyStacks[SelectorPair] = PolicyStacks(
        selector_pairs, lambda key, before, after: None, counting_order_of
    )
    for owner in range(1, 1001):
        stacks.install(policy_set(owner))
    compared.clear()
    stacks.install(policy_set(1001))
    assert len(compared) <= 12
