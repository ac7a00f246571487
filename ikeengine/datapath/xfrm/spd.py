"""The security policy database: our policies in the kernel, and nobody else's."""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable
from dataclasses import replace

from ikeengine.datapath.netlink import NetlinkError, NetlinkSocket, NoAnswer
from ikeengine.datapath.policies import PolicyStacks
from ikeengine.datapath.xfrm.constants import XfrmDir, XfrmMsg
from ikeengine.datapath.xfrm.journal import Journal
from ikeengine.datapath.xfrm.neighbours import NEIGHBOUR_DISCOVERY
from ikeengine.datapath.xfrm.policy import (
    KernelPolicy,
    PolicyKey,
    policy_keys,
    priority,
    read_policy,
    read_policy_id,
    write_policy,
    write_policy_id,
)
from ikeengine.errors import DatapathError
from ikeengine.model.sa import Direction, PolicyAction, PolicySet

log = logging.getLogger(__name__)

_REASONS = {
    errno.EEXIST: "another program has a policy for these selectors",
    errno.EPERM: "the engine has no CAP_NET_ADMIN",
}

Watcher = Callable[[PolicyKey, PolicySet | None], None]
"""Is told of each policy that came into force, or that there is none any more."""


class SecurityPolicies:
    """Keeps the kernel's policies at what the owner stacks say."""

    def __init__(self, kernel: NetlinkSocket, journal: Journal, watcher: Watcher | None = None) -> None:
        self._kernel = kernel
        self._journal = journal
        self._watcher = watcher
        self._stacks: PolicyStacks[PolicyKey] = PolicyStacks(policy_keys, self._write, _priority)
        self._neighbours_exempt = False

    def install(self, policies: PolicySet) -> None:
        """Install or replace an owner's policies. Raises DatapathError; then the old ones are in force."""
        if not self._neighbours_exempt and any(ts.is_ipv6 for ts in policies.local_ts):
            self._exempt_neighbour_discovery()
        self._stacks.install(policies)

    def delete(self, owner: int) -> None:
        """Remove an owner's policies. What cannot be removed is logged."""
        try:
            self._stacks.delete(owner)
        except DatapathError as error:
            log.error("policies may be left behind: %s", error)

    def delete_all(self) -> None:
        """Remove all our policies, the youngest first, so that none comes back into force for long."""
        for owner in reversed(self._stacks.owners()):
            self.delete(owner)

    def delete_stale(self, entry: str) -> None:
        """Remove what a predecessor has noted in the journal, unless it is somebody else's by now."""
        stale = _parse_entry(entry)
        if stale is None:
            return
        key, stale_priority, reqid = stale
        policy = self._policy(key)
        if policy is not None and (policy.priority, policy.reqid) == (stale_priority, reqid):
            log.info("removing policy %s of an earlier run", key)
            self._kernel.request(XfrmMsg.DELPOLICY, write_policy_id(key))

    def owner_of(self, key: PolicyKey) -> int | None:
        """The owner whose policy is in force."""
        policies = self._stacks.in_force(key)
        return policies.owner if policies else None

    def last_use(self, reqid: int, direction: Direction) -> int:
        """When a packet last met a policy of a reqid, in Unix seconds, 0 for never. Raises NetlinkError."""
        latest = 0
        for owner in self._stacks.owners_of_reqid(reqid):
            for key in self._stacks.keys_of_owner(owner):
                if (key.direction is XfrmDir.OUT) == (direction is Direction.OUT):
                    policy = self._policy(key)
                    latest = max(latest, policy.last_use if policy else 0)
        return latest

    def _exempt_neighbour_discovery(self) -> None:
        """Once, with the first IPv6 policy. If another program has such policies, they do as well."""
        try:
            self._stacks.install(NEIGHBOUR_DISCOVERY)
        except DatapathError as error:
            log.info("no hole for IPv6 neighbour discovery: %s", error)
        self._neighbours_exempt = True

    def _write(self, key: PolicyKey, before: PolicySet | None, after: PolicySet | None) -> None:
        if before and after and replace(before, owner=after.owner) == after:
            return  # a trap has only changed its owner, and the kernel knows of none
        old_entry = _entry(key, before) if before else ""
        new_entry = _entry(key, after) if after else ""
        if after is not None:
            self._put(key, after, new_entry, replaces=old_entry)
        else:
            self._remove(key)
        if old_entry and old_entry != new_entry:
            self._journal.remove(old_entry)
        if self._watcher is not None:
            self._watcher(key, after)

    def _put(self, key: PolicyKey, policies: PolicySet, entry: str, *, replaces: str) -> None:
        body = write_policy(key, policies)
        kind = XfrmMsg.UPDPOLICY if replaces else XfrmMsg.NEWPOLICY
        if entry != replaces:
            self._journal.add(entry)
        try:
            self._kernel.request(kind, body)
        except NetlinkError as error:
            if isinstance(error, NoAnswer) and not replaces:
                self._clean_up(entry)
            if entry != replaces:
                self._journal.remove(entry)
            raise DatapathError(f"cannot install the policy {key}: {_reason(error)}") from error

    def _remove(self, key: PolicyKey) -> None:
        try:
            self._kernel.request(XfrmMsg.DELPOLICY, write_policy_id(key))
        except NetlinkError as error:
            if error.code != errno.ENOENT:
                raise DatapathError(f"cannot remove the policy {key}: {_reason(error)}") from error

    def _clean_up(self, entry: str) -> None:
        """After a lost answer: remove the policy if it is there and looks like ours."""
        try:
            self.delete_stale(entry)
        except NetlinkError as error:
            log.error("a policy may be left behind: %s", error)

    def _policy(self, key: PolicyKey) -> KernelPolicy | None:
        try:
            return read_policy(self._kernel.get(XfrmMsg.GETPOLICY, write_policy_id(key)).body)
        except NetlinkError as error:
            if error.code == errno.ENOENT:
                return None
            raise


def _priority(policies: PolicySet, key: PolicyKey) -> int:
    return priority(policies, key.selector)


def _reason(error: NetlinkError) -> str:
    sentence = _REASONS.get(error.code)
    return f"{sentence} ({error})" if sentence else str(error)


def _entry(key: PolicyKey, policies: PolicySet) -> str:
    reqid = policies.reqid if policies.action in (PolicyAction.PROTECT, PolicyAction.TRAP) else 0
    return f"policy {write_policy_id(key).hex()} {priority(policies, key.selector)} {reqid} ({key})"


def _parse_entry(entry: str) -> tuple[PolicyKey, int, int] | None:
    """Key, priority and reqid of a journal entry; None if it is torn."""
    try:
        _unused, name, text_priority, reqid, _unused = entry.split(" ", 4)
        return read_policy_id(bytes.fromhex(name)), int(text_priority), int(reqid)
    except ValueError:
        return None
