"""What the kernel tells without being asked: packets that need an SA, SAs at their limits, NAT mappings that moved."""

from __future__ import annotations

import socket
from struct import Struct
from typing import NamedTuple

from ikeengine.datapath.netlink import read_attributes
from ikeengine.datapath.xfrm.policy import PolicyKey, read_policy_key, template_reqid
from ikeengine.datapath.xfrm.selector import read_selector, traffic_selectors
from ikeengine.datapath.xfrm.state import USERSA_INFO, address_text, read_id, read_state_id, read_tags
from ikeengine.model.sa import SaId
from ikeengine.model.selector import TrafficSelector

_ACQUIRE = Struct("@24s16s56s168sIIII0Q")
"""`struct xfrm_user_acquire`: id, saddr, sel, policy, aalgos, ealgos, calgos, seq."""

_SELECTOR_OFFSET = 40
_POLICY_OFFSET = 96

_MAPPING = Struct("@24sI16s16sHH")
"""`struct xfrm_user_mapping`: id, reqid, old_saddr, new_saddr, old_sport, new_sport."""


class KernelAcquire(NamedTuple):
    """A packet met a policy for which there is no SA. `source` and `destination` are the packet's own."""

    policy: PolicyKey
    reqid: int
    source: TrafficSelector
    destination: TrafficSelector


class KernelExpire(NamedTuple):
    """A state reached its soft or hard limit. After a hard one it is gone."""

    id: SaId
    hard: bool


class KernelMapping(NamedTuple):
    """An authentic UDP-encapsulated packet came from another address or port than before."""

    id: SaId
    address: str
    port: int


def read_acquire(body: bytes) -> KernelAcquire:
    """An ACQUIRE message."""
    source, destination = traffic_selectors(read_selector(body, _SELECTOR_OFFSET))
    attributes = read_attributes(body[_ACQUIRE.size :])
    mark, if_id = read_tags(attributes)
    policy = read_policy_key(body, _POLICY_OFFSET)._replace(mark=mark, if_id=if_id)
    return KernelAcquire(policy, template_reqid(attributes), source, destination)


def read_expire(body: bytes) -> KernelExpire:
    """An EXPIRE message: the state, then one octet."""
    return KernelExpire(read_state_id(body), bool(body[USERSA_INFO.size]))


def read_mapping(body: bytes) -> KernelMapping:
    """A MAPPING message."""
    sa, family = read_id(body)
    new_source, _unused, new_port = _MAPPING.unpack_from(body)[3:]
    return KernelMapping(sa, address_text(new_source, family), socket.ntohs(new_port))
