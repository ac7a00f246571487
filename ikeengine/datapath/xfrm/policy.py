"""The kernel's form of a policy, `struct xfrm_userpolicy_info` with its template, and the entries a PolicySet needs."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from struct import Struct
from typing import NamedTuple

from ikeengine.datapath.netlink import attribute, read_attributes
from ikeengine.datapath.policies import Selectors, all_pairs, base_priority
from ikeengine.datapath.xfrm.constants import (
    ANY_ALGORITHM,
    POLICY_ALLOW,
    POLICY_BLOCK,
    XFRM_INF,
    Xfrma,
    XfrmDir,
    XfrmMode,
)
from ikeengine.datapath.xfrm.selector import (
    KernelSelector,
    any_selector,
    kernel_selectors,
    read_selector,
    write_selector,
)
from ikeengine.datapath.xfrm.state import (
    IP_PROTOCOL,
    MODE,
    address_family,
    address_octets,
    read_tags,
    write_tags,
)
from ikeengine.errors import DatapathError
from ikeengine.model.connection import Mode
from ikeengine.model.marks import NO_MARK, NO_TAGS, Mark, Tags
from ikeengine.model.sa import PolicyAction, PolicySet
from ikeengine.registry import Protocol

USERPOLICY_INFO = Struct("@56s8Q4QIIBBBB0Q")
"""sel, lft, curlft, priority, index, dir, action, flags, share."""

_USERPOLICY_ID = Struct("@56sIB0I")
"""sel, index, dir."""

_USER_TMPL = Struct("@16sIB3xHxx16sIBBBxIII")
"""daddr, spi, proto, family, saddr, reqid, mode, share, optional, aalgos, ealgos, calgos."""

_NO_LIMITS = (XFRM_INF, XFRM_INF, XFRM_INF, XFRM_INF, 0, 0, 0, 0)

MOST_SELECTORS = 4096
"""The most outbound kernel policies that one PolicySet may need; peers have a say in this."""

_PER_PREFIX_BIT = 512
_FOR_PROTOCOL = 256
_PER_PORT_BIT = 4


class PolicyKey(NamedTuple):
    """What names a policy in the kernel."""

    direction: XfrmDir
    selector: KernelSelector
    mark: Mark = NO_MARK
    if_id: int = 0

    def __str__(self) -> str:
        tags = (f" mark {self.mark}" if self.mark else "") + (f" if_id {self.if_id}" if self.if_id else "")
        return f"{self.direction.name.lower()} {self.selector}{tags}"


class KernelPolicy(NamedTuple):
    """A policy as the kernel reports it. `last_use` is in Unix seconds, 0 for never; `reqid` 0 without template."""

    key: PolicyKey
    priority: int
    reqid: int
    last_use: int


def policy_keys(policies: PolicySet) -> tuple[PolicyKey, ...]:
    """The kernel policies of a set; first those that let protected packets in, last the ones that send them out.

    Raises DatapathError if there is none, or if there are too many.
    """
    keys = _policy_keys(policies.local_ts, policies.remote_ts, policies.mode is not Mode.TRANSPORT)
    return keys if policies.tags == NO_TAGS else tuple(_tagged(key, policies.tags) for key in keys)


def _tagged(key: PolicyKey, tags: Tags) -> PolicyKey:
    if key.direction is XfrmDir.OUT:
        return key._replace(mark=tags.mark_out, if_id=tags.if_id_out)
    return key._replace(mark=tags.mark_in, if_id=tags.if_id_in)


@lru_cache(maxsize=1024)
def _policy_keys(local_ts: Selectors, remote_ts: Selectors, forwards: bool) -> tuple[PolicyKey, ...]:
    inbound: list[KernelSelector] = []
    outbound: list[KernelSelector] = []
    for pair in all_pairs(local_ts, remote_ts):
        outbound.extend(kernel_selectors(pair.local, pair.remote))
        inbound.extend(kernel_selectors(pair.remote, pair.local))
        if len(outbound) > MOST_SELECTORS:
            raise DatapathError(f"the traffic selectors need more than {MOST_SELECTORS} kernel policies")
    if not outbound:
        raise DatapathError("no packet can match the traffic selectors")
    keys = [PolicyKey(XfrmDir.IN, selector) for selector in inbound]
    keys += [PolicyKey(XfrmDir.FWD, selector) for selector in inbound if forwards]
    keys += [PolicyKey(XfrmDir.OUT, selector) for selector in outbound]
    return tuple(keys)


def priority(policies: PolicySet, selector: KernelSelector) -> int:
    """The smaller the number, the earlier the kernel looks at a policy. These are the numbers that strongSwan uses.

    Within an action longer prefixes count before a protocol, and a protocol before ports.
    """
    if policies.priority:
        return policies.priority
    port_bits = selector.source_port.mask.bit_count() + selector.destination_port.mask.bit_count()
    return (
        base_priority(policies.action)
        - (selector.source_prefix + selector.destination_prefix) * _PER_PREFIX_BIT
        - bool(selector.protocol) * _FOR_PROTOCOL
        - port_bits * _PER_PORT_BIT
    )


def write_policy(key: PolicyKey, policies: PolicySet) -> bytes:
    """The body of NEWPOLICY and UPDPOLICY. Raises DatapathError if the peer's address is missing."""
    info = USERPOLICY_INFO.pack(
        write_selector(key.selector),
        *_NO_LIMITS,
        *(0,) * 4,
        priority(policies, key.selector),
        0,
        key.direction,
        POLICY_BLOCK if policies.action is PolicyAction.DROP else POLICY_ALLOW,
        0,
        0,
    )
    info += write_tags(key.mark, key.if_id)
    if policies.action in (PolicyAction.PASS, PolicyAction.DROP):
        return info
    return info + attribute(Xfrma.TMPL, _templates(key, policies))


def write_policy_id(key: PolicyKey) -> bytes:
    """The body of GETPOLICY and DELPOLICY."""
    return _USERPOLICY_ID.pack(write_selector(key.selector), 0, key.direction) + write_tags(key.mark, key.if_id)


def read_policy_id(body: bytes) -> PolicyKey:
    """What `write_policy_id` has written. Raises ValueError if it is something else."""
    if len(body) < _USERPOLICY_ID.size:
        raise ValueError("not a policy identifier")
    tags = read_tags(read_attributes(body[_USERPOLICY_ID.size :]))
    return PolicyKey(XfrmDir(_USERPOLICY_ID.unpack_from(body)[2]), read_selector(body), *tags)


def write_exemption(family: int, direction: XfrmDir) -> bytes:
    """A policy for one socket that lets everything pass unprotected (IP_XFRM_POLICY)."""
    return USERPOLICY_INFO.pack(any_selector(family), *_NO_LIMITS, *(0,) * 6, direction, POLICY_ALLOW, 0, 0)


def read_policy(body: bytes) -> KernelPolicy:
    """A NEWPOLICY message."""
    fields = USERPOLICY_INFO.unpack_from(body)
    attributes = read_attributes(body[USERPOLICY_INFO.size :])
    mark, if_id = read_tags(attributes)
    key = read_policy_key(body)._replace(mark=mark, if_id=if_id)
    return KernelPolicy(key, fields[13], template_reqid(attributes), fields[12])


def read_policy_key(body: bytes, offset: int = 0) -> PolicyKey:
    """The name of the `struct xfrm_userpolicy_info` at an offset."""
    return PolicyKey(XfrmDir(USERPOLICY_INFO.unpack_from(body, offset)[15]), read_selector(body, offset))


def template_reqid(attributes: dict[int, bytes]) -> int:
    """The reqid of the first template, 0 without one."""
    template = attributes.get(Xfrma.TMPL, b"")
    return int(_USER_TMPL.unpack_from(template)[5]) if len(template) >= _USER_TMPL.size else 0


def _templates(key: PolicyKey, policies: PolicySet) -> bytes:
    """A template for each state of an SA (`bundles`), the innermost first."""
    templates = []
    if policies.ipcomp:
        # What comes in may be uncompressed (RFC 3173 section 2.1).
        optional = key.direction is not XfrmDir.OUT
        templates.append(_template(key, replace(policies, protocol=Protocol.IPCOMP), optional=optional))
        policies = replace(policies, mode=Mode.TRANSPORT)
    templates.append(_template(key, policies))
    if policies.ah:
        templates.append(_template(key, replace(policies, protocol=Protocol.AH, mode=Mode.TRANSPORT)))
    return b"".join(templates)


def _template(key: PolicyKey, policies: PolicySet, *, optional: bool = False) -> bytes:
    """Which SAs do for this policy: those of the reqid and, in tunnel mode, between the two gateways."""
    outer = policies.remote or policies.local
    family = address_family(outer) if outer else key.selector.family
    source, destination = policies.local, policies.remote
    if key.direction is not XfrmDir.OUT:
        source, destination = destination, source
    tunnel = policies.mode is Mode.TUNNEL
    if tunnel and not policies.remote:
        raise DatapathError("a tunnel mode policy needs the address of the peer")
    return _USER_TMPL.pack(
        address_octets(destination) if tunnel and destination else bytes(16),
        0,
        IP_PROTOCOL[policies.protocol],
        family,
        address_octets(source) if tunnel and source else bytes(16),
        policies.reqid,
        MODE.get(policies.mode, XfrmMode.TUNNEL),
        0,
        optional,
        ANY_ALGORITHM,
        ANY_ALGORITHM,
        ANY_ALGORITHM,
    )
