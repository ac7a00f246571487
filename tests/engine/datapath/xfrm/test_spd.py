"""Our policies in the kernel: owners, replacement, rollback, and foreign policies in the way."""

from __future__ import annotations

import errno
import struct

import pytest

from ikeengine.datapath.netlink import NetlinkError
from ikeengine.datapath.xfrm.constants import XfrmDir
from ikeengine.datapath.xfrm.journal import Journal
from ikeengine.datapath.xfrm.policy import policy_keys, read_policy, write_policy
from ikeengine.datapath.xfrm.spd import SecurityPolicies
from ikeengine.errors import DatapathError
from ikeengine.model.sa import Direction, PolicyAction
from tests.engine.datapath.xfrm.fake_kernel import FakeKernel, FakeSocket, fails_at, policy_texts, silent_at
from tests.engine.datapath.xfrm.samples import protect, ts


@pytest.fixture
def kernel() -> FakeKernel:
    return FakeKernel()


@pytest.fixture
def journal() -> Journal:
    return Journal(None)


@pytest.fixture
def database(kernel: FakeKernel, journal: Journal) -> SecurityPolicies:
    return SecurityPolicies(FakeSocket(kernel), journal)


IN, FWD, OUT = (
    "in src 10.2.0.0/16 dst 10.1.0.0/16",
    "fwd src 10.2.0.0/16 dst 10.1.0.0/16",
    "out src 10.1.0.0/16 dst 10.2.0.0/16",
)


def with_reqid(reqid: int) -> list[str]:
    return sorted(f"{name} reqid {reqid}" for name in (IN, FWD, OUT))


def entries(journal: Journal) -> list[str]:
    return list(journal._entries)


def test_install_and_delete(database: SecurityPolicies, kernel: FakeKernel, journal: Journal):
    database.install(protect(reqid=5))
    assert policy_texts(kernel) == with_reqid(5)
    assert kernel.changes == ["NEWPOLICY"] * 3
    assert [entry.split("(")[1] for entry in entries(journal)] == [f"{name})" for name in (IN, FWD, OUT)]
    database.delete(1)
    assert (kernel.policies, entries(journal)) == ({}, [])


def test_another_owner_takes_over_and_hands_back(database: SecurityPolicies, kernel: FakeKernel, journal: Journal):
    database.install(protect(1, reqid=5))
    database.install(protect(2, reqid=6))
    assert kernel.changes[3:] == ["UPDPOLICY"] * 3
    assert policy_texts(kernel) == with_reqid(6)
    assert len(entries(journal)) == 3
    database.delete(2)
    assert policy_texts(kernel) == with_reqid(5)
    database.delete(1)
    assert (kernel.policies, entries(journal)) == ({}, [])


@pytest.mark.parametrize("action", [PolicyAction.PROTECT, PolicyAction.TRAP])
def test_a_rekeying_changes_only_the_owner(database: SecurityPolicies, kernel: FakeKernel, action: PolicyAction):
    database.install(protect(1, action=action))
    database.install(protect(2, action=action))
    database.delete(1)
    assert kernel.changes == ["NEWPOLICY"] * 3
    assert database.owner_of(policy_keys(protect())[0]) == 2


def test_moving_to_another_peer_keeps_the_journal_entry(database: SecurityPolicies, journal: Journal):
    database.install(protect(remote="192.0.2.2"))
    before = entries(journal)
    database.install(protect(remote="192.0.2.9"))
    assert entries(journal) == before


@pytest.mark.parametrize("step", range(3))
@pytest.mark.parametrize("before_or_after", ["refused", "unanswered", "done but unanswered"])
def test_a_failing_installation_leaves_nothing(
    database: SecurityPolicies, kernel: FakeKernel, journal: Journal, step: int, before_or_after: str
):
    if before_or_after == "refused":
        kernel.before = fails_at(step)
    elif before_or_after == "unanswered":
        kernel.before = silent_at(step)
    else:
        kernel.after = silent_at(step)
    with pytest.raises(DatapathError, match="cannot install the policy"):
        database.install(protect())
    assert (kernel.policies, entries(journal)) == ({}, [])
    assert database.owner_of(policy_keys(protect())[0]) is None


@pytest.mark.parametrize("step", range(6))
def test_a_failing_replacement_leaves_the_old_policies(
    database: SecurityPolicies, kernel: FakeKernel, journal: Journal, step: int
):
    database.install(protect(1, reqid=5))
    before = entries(journal)
    kernel.before = fails_at(3 + step)
    new = protect(1, reqid=6, remote_ts=(ts("10.2.0.0/16"), ts("10.3.0.0/16")))
    with pytest.raises(DatapathError):
        database.install(new)
    assert policy_texts(kernel) == with_reqid(5)
    assert sorted(entries(journal)) == sorted(before)


def test_a_foreign_policy_in_the_way(database: SecurityPolicies, kernel: FakeKernel):
    foreign = protect(reqid=77)
    key = next(key for key in policy_keys(foreign) if key.direction is XfrmDir.OUT)
    kernel.policies[key] = write_policy(key, foreign)
    with pytest.raises(DatapathError, match="another program has a policy for these selectors"):
        database.install(protect())
    assert policy_texts(kernel) == [f"{OUT} reqid 77"]


def test_policies_that_somebody_else_removed(database: SecurityPolicies, kernel: FakeKernel, caplog):
    database.install(protect())
    kernel.policies.clear()
    database.delete(1)
    assert caplog.text == ""


def test_what_cannot_be_removed_is_logged(database: SecurityPolicies, kernel: FakeKernel, caplog):
    database.install(protect())
    kernel.before = fails_at(4, errno.EPERM)
    database.delete(1)
    assert list(kernel.policies) == [policy_keys(protect())[1]]
    assert "policies may be left behind" in caplog.text


def test_delete_all(database: SecurityPolicies, kernel: FakeKernel):
    for owner in (1, 2, 3):
        database.install(protect(owner))
    database.install(protect(4, local_ts=(ts("fd00:1::/64"),), remote_ts=(ts("fd00:2::/64"),)))
    database.delete_all()
    assert kernel.policies == {}


def test_the_first_ipv6_policy_brings_a_hole_for_neighbour_discovery(database: SecurityPolicies, kernel: FakeKernel):
    database.install(protect(1))
    assert not any("proto 58" in text for text in policy_texts(kernel))
    hosts = protect(2, local_ts=(ts("2001:db8::1/128"),), remote_ts=(ts("2001:db8::2/128"),))
    database.install(hosts)
    hole = [text for text in policy_texts(kernel) if "src ::/0 dst ::/0 proto 58" in text]
    assert len(hole) == 6  # types 133, 134-135 and 136, in and out
    database.delete(2)
    assert [text for text in policy_texts(kernel) if "proto 58" in text] == hole


def test_somebody_elses_hole_for_neighbour_discovery_will_do(database: SecurityPolicies, kernel: FakeKernel):
    hosts = protect(2, local_ts=(ts("2001:db8::1/128"),), remote_ts=(ts("2001:db8::2/128"),))
    kernel.before = fails_at(0, errno.EEXIST)
    database.install(hosts)
    assert len(kernel.policies) == 3


def test_the_owner_of_a_policy(database: SecurityPolicies):
    database.install(protect(7))
    assert {database.owner_of(key) for key in policy_keys(protect())} == {7}
    assert database.owner_of(policy_keys(protect(network="10.9.0.0/16"))[0]) is None


def test_last_use_is_that_of_the_busiest_policy_of_a_direction(database: SecurityPolicies, kernel: FakeKernel):
    database.install(protect(reqid=5))
    for seconds, key in enumerate(policy_keys(protect()), start=1700000000):
        body = bytearray(kernel.policies[key])
        struct.pack_into("=Q", body, 56 + 64 + 24, seconds)
        kernel.policies[key] = bytes(body)
    assert database.last_use(5, Direction.IN) == 1700000001
    assert database.last_use(5, Direction.OUT) == 1700000002
    assert database.last_use(6, Direction.OUT) == 0
    kernel.policies.clear()
    assert database.last_use(5, Direction.OUT) == 0


def test_a_kernel_error_is_not_a_missing_policy(database: SecurityPolicies, monkeypatch):
    database.install(protect(reqid=5))

    def refuse(*args: object) -> None:
        raise NetlinkError(errno.EPERM)

    monkeypatch.setattr(FakeSocket, "get", refuse)
    with pytest.raises(NetlinkError, match="EPERM"):
        database.last_use(5, Direction.OUT)


def test_a_watcher_hears_of_every_change(kernel: FakeKernel, journal: Journal):
    heard = []
    database = SecurityPolicies(FakeSocket(kernel), journal, lambda key, after: heard.append((str(key), after)))
    database.install(protect())
    database.delete(1)
    assert heard == [(name, protect()) for name in (IN, FWD, OUT)] + [(name, None) for name in (IN, FWD, OUT)]


def test_stale_policies_are_removed_if_they_are_still_the_same(
    database: SecurityPolicies, kernel: FakeKernel, journal: Journal
):
    database.install(protect(reqid=5))
    stale = entries(journal)
    successor = SecurityPolicies(FakeSocket(kernel), Journal(None))
    key = policy_keys(protect())[0]
    kernel.policies[key] = write_policy(key, protect(reqid=77))
    for entry in (*stale, "policy 00", "policy", stale[0].replace("policy ", "policy zz")):
        successor.delete_stale(entry)
    assert [read_policy(body).reqid for body in kernel.policies.values()] == [77]


def test_a_stale_policy_that_cannot_be_cleaned_up_is_logged(database: SecurityPolicies, kernel: FakeKernel, caplog):
    kernel.after = silent_at(0)
    kernel.before = fails_at(1)
    with pytest.raises(DatapathError):
        database.install(protect())
    assert "a policy may be left behind" in caplog.text


def test_shunts_are_policies_without_reqid(database: SecurityPolicies, kernel: FakeKernel):
    database.install(protect(1, reqid=5, action=PolicyAction.TRAP))
    database.install(protect(2, network="10.2.0.0/24", reqid=5, action=PolicyAction.PASS))
    assert [text for text in policy_texts(kernel) if "10.2.0.0/24" in text and "reqid 0" not in text] == []
