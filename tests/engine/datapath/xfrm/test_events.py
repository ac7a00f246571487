"""ACQUIRE, EXPIRE and MAPPING messages, as the kernel lays them out."""

from __future__ import annotations

import struct

import pytest

from ikeengine.datapath.netlink import attribute
from ikeengine.datapath.xfrm.constants import Xfrma, XfrmDir
from ikeengine.datapath.xfrm.events import (
    KernelAcquire,
    KernelExpire,
    KernelMapping,
    read_acquire,
    read_expire,
    read_mapping,
)
from ikeengine.datapath.xfrm.policy import USERPOLICY_INFO, policy_keys, write_policy
from ikeengine.datapath.xfrm.selector import KernelSelector, PortMask, write_selector
from ikeengine.datapath.xfrm.state import USERSA_INFO, write_state, write_state_id
from ikeengine.model.path import packed
from ikeengine.model.sa import SaId
from ikeengine.registry import Protocol
from tests.engine.datapath.xfrm.samples import protect, sa, ts

PACKET = KernelSelector(
    packed("10.1.0.1"), 32, packed("10.2.0.1"), 32, 6, PortMask(40000, 0xFFFF), PortMask(80, 0xFFFF)
)


def acquire_message(policies) -> bytes:
    key = next(key for key in policy_keys(policies) if key.direction is XfrmDir.OUT)
    policy = write_policy(key, policies)
    head = packed("192.0.2.2").ljust(16, b"\0") + bytes(4) + b"\x32\0\0\0" + packed("192.0.2.1").ljust(16, b"\0")
    info, template = policy[: USERPOLICY_INFO.size], policy[USERPOLICY_INFO.size :]
    return head + write_selector(PACKET) + info + struct.pack("=IIII", 2**32 - 1, 2**32 - 1, 2**32 - 1, 17) + template


def expire_message(state, *, hard: bool) -> bytes:
    return write_state(state)[: USERSA_INFO.size] + bytes([hard]) + bytes(7)


def test_an_acquire_names_policy_reqid_and_packet():
    policies = protect(reqid=9)
    assert read_acquire(acquire_message(policies)) == KernelAcquire(
        next(key for key in policy_keys(policies) if key.direction is XfrmDir.OUT),
        9,
        ts("10.1.0.1/32", 6, 40000, 40000),
        ts("10.2.0.1/32", 6, 80, 80),
    )


@pytest.mark.parametrize("hard", [False, True])
def test_an_expire_says_whether_the_state_is_gone(hard: bool):
    message = expire_message(sa(0x1234), hard=hard) + attribute(Xfrma.LASTUSED, bytes(8))
    assert read_expire(message) == KernelExpire(SaId(Protocol.ESP, "192.0.2.2", 0x1234), hard)


@pytest.mark.parametrize(("old", "new"), [("192.0.2.1", "192.0.2.9"), ("2001:db8::1", "2001:db8::9")])
def test_a_mapping_names_the_new_source(old: str, new: str):
    destination = "2001:db8::2" if ":" in old else "192.0.2.2"
    name = SaId(Protocol.ESP, destination, 0x1234)
    addresses = packed(old).ljust(16, b"\0") + packed(new).ljust(16, b"\0")
    message = write_state_id(name) + struct.pack("=I", 1) + addresses + struct.pack(">HH", 4500, 61000)
    assert read_mapping(message) == KernelMapping(name, new, 61000)
