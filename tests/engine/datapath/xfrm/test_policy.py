"""`struct xfrm_userpolicy_info`, its template, priorities, and which entries a PolicySet needs."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest

from ikeengine.datapath.netlink import read_attributes
from ikeengine.datapath.xfrm.constants import Xfrma, XfrmDir
from ikeengine.datapath.xfrm.neighbours import NEIGHBOUR_DISCOVERY
from ikeengine.datapath.xfrm.policy import (
    MOST_SELECTORS,
    USERPOLICY_INFO,
    PolicyKey,
    policy_keys,
    priority,
    read_policy,
    read_policy_id,
    template_reqid,
    write_exemption,
    write_policy,
    write_policy_id,
)
from ikeengine.errors import DatapathError
from ikeengine.model.connection import Mode
from ikeengine.model.path import packed
from ikeengine.model.sa import PolicyAction
from ikeengine.registry import Protocol
from tests.engine.datapath.xfrm.samples import protect, ts


def template(body: bytes) -> bytes:
    return read_attributes(body[USERPOLICY_INFO.size :])[Xfrma.TMPL]


def key_of(policies, direction: XfrmDir) -> PolicyKey:
    return next(key for key in policy_keys(policies) if key.direction is direction)


def test_a_tunnel_needs_three_policies_and_lets_in_before_it_sends_out():
    assert [str(key) for key in policy_keys(protect())] == [
        "in src 10.2.0.0/16 dst 10.1.0.0/16",
        "fwd src 10.2.0.0/16 dst 10.1.0.0/16",
        "out src 10.1.0.0/16 dst 10.2.0.0/16",
    ]


def test_transport_mode_forwards_nothing():
    keys = policy_keys(protect(mode=Mode.TRANSPORT))
    assert [key.direction for key in keys] == [XfrmDir.IN, XfrmDir.OUT]


def test_every_pair_of_selectors_of_one_family_has_policies():
    locals_ = (ts("10.1.0.0/16"), ts("fd00:1::/64"))
    remotes = (ts("10.2.0.0/16"), ts("10.3.0.0/16"), ts("fd00:2::/64"))
    keys = policy_keys(protect(local_ts=locals_, remote_ts=remotes))
    outbound = [str(key) for key in keys if key.direction is XfrmDir.OUT]
    assert outbound == [
        "out src 10.1.0.0/16 dst 10.2.0.0/16",
        "out src 10.1.0.0/16 dst 10.3.0.0/16",
        "out src fd00:1::/64 dst fd00:2::/64",
    ]


def test_selectors_without_anything_in_common_are_refused():
    with pytest.raises(DatapathError, match="no packet can match"):
        policy_keys(protect(local_ts=(ts("fd00:1::/64"),)))


def test_too_many_selectors_are_refused():
    many = tuple(ts(f"10.{n // 256}.{n % 256}.0/24") for n in range(0, 512, 2))
    with pytest.raises(DatapathError, match=f"more than {MOST_SELECTORS}"):
        policy_keys(protect(local_ts=many, remote_ts=many[:40]))


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (PolicyAction.PROTECT, 383615),
        (PolicyAction.TRAP, 383616),
        (PolicyAction.PASS, 183615),
        (PolicyAction.DROP, 583615),
    ],
)
def test_priorities_are_strongswans(action: PolicyAction, expected: int):
    policies = protect(action=action)
    assert priority(policies, key_of(policies, XfrmDir.OUT).selector) == expected


def test_the_more_specific_comes_first():
    networks = ["0.0.0.0/0", "10.0.0.0/8", "10.2.0.0/16", "10.2.7.0/24", "10.2.7.1/32"]
    sets = [protect(network=network) for network in networks]
    sets.append(protect(remote_ts=(ts("10.2.7.1/32", 6),)))
    sets.append(protect(remote_ts=(ts("10.2.7.1/32", 6, 80, 80),)))
    priorities = [priority(s, key_of(s, XfrmDir.OUT).selector) for s in sets]
    assert priorities == sorted(priorities, reverse=True)
    assert len(set(priorities)) == len(priorities)


def test_a_given_priority_is_kept():
    policies = protect(priority=42)
    assert priority(policies, key_of(policies, XfrmDir.OUT).selector) == 42


def test_neighbour_discovery_comes_before_what_protects_hosts():
    hosts = protect(local_ts=(ts("2001:db8::1/128"),), remote_ts=(ts("2001:db8::2/128"),))
    protected = priority(hosts, key_of(hosts, XfrmDir.OUT).selector)
    for key in policy_keys(NEIGHBOUR_DISCOVERY):
        assert priority(NEIGHBOUR_DISCOVERY, key.selector) < protected
        assert key.direction is not XfrmDir.FWD


@pytest.mark.parametrize(
    ("direction", "source", "destination"),
    [(XfrmDir.OUT, "192.0.2.1", "192.0.2.2"), (XfrmDir.IN, "192.0.2.2", "192.0.2.1")],
)
def test_a_tunnel_template_names_the_gateways(direction: XfrmDir, source: str, destination: str):
    policies = protect(reqid=7)
    tmpl = template(write_policy(key_of(policies, direction), policies))
    assert len(tmpl) == 64
    assert (tmpl[:4], tmpl[28:32]) == (packed(destination), packed(source))
    assert tmpl[20] == 50
    assert struct.unpack("=H", tmpl[24:26]) == (2,)
    assert struct.unpack("=I", tmpl[44:48]) == (7,)
    assert tmpl[48] == 1
    assert tmpl[52:] == b"\xff" * 12


def test_a_transport_template_leaves_the_addresses_to_the_packet():
    policies = protect(mode=Mode.TRANSPORT, protocol=Protocol.AH)
    tmpl = template(write_policy(key_of(policies, XfrmDir.OUT), policies))
    assert (tmpl[:20], tmpl[28:44]) == (bytes(20), bytes(16))
    assert (tmpl[20], tmpl[48]) == (51, 0)


def test_an_ipv6_tunnel_for_ipv4_networks():
    policies = protect(local="2001:db8::1", remote="2001:db8::2")
    tmpl = template(write_policy(key_of(policies, XfrmDir.OUT), policies))
    assert struct.unpack("=H", tmpl[24:26]) == (10,)
    assert tmpl[:16] == packed("2001:db8::2")


def test_a_trap_may_leave_the_local_address_open():
    policies = protect(local="", action=PolicyAction.TRAP)
    tmpl = template(write_policy(key_of(policies, XfrmDir.OUT), policies))
    assert (tmpl[:4], tmpl[28:44]) == (packed("192.0.2.2"), bytes(16))


def test_a_tunnel_needs_a_peer():
    policies = protect()
    with pytest.raises(DatapathError, match="needs the address of the peer"):
        write_policy(key_of(policies, XfrmDir.OUT), replace(policies, remote=""))


def test_a_transport_mode_trap_for_any_peer_takes_its_family_from_the_selectors():
    policies = protect(local="", remote_ts=(ts("10.2.0.0/16"),), mode=Mode.TRANSPORT)
    tmpl = template(write_policy(key_of(policies, XfrmDir.OUT), replace(policies, remote="")))
    assert struct.unpack("=H", tmpl[24:26]) == (2,)


@pytest.mark.parametrize(("action", "kernel_action"), [(PolicyAction.PASS, 0), (PolicyAction.DROP, 1)])
def test_shunts_have_no_template(action: PolicyAction, kernel_action: int):
    policies = protect(action=action, local="", reqid=0)
    body = write_policy(key_of(policies, XfrmDir.OUT), policies)
    assert len(body) == USERPOLICY_INFO.size
    assert body[161] == kernel_action


def test_a_policy_is_read_back():
    policies = protect(reqid=9)
    for key in policy_keys(policies):
        policy = read_policy(write_policy(key, policies))
        assert policy.key == key
        assert (policy.priority, policy.reqid, policy.last_use) == (383615, 9, 0)
        assert read_policy_id(write_policy_id(key)) == key


def test_a_policy_without_template_has_no_reqid():
    assert template_reqid({}) == 0
    assert template_reqid({Xfrma.TMPL: b"short"}) == 0


@pytest.mark.parametrize("body", [b"", bytes(63), bytes(60) + b"\7\0\0\0"])
def test_what_is_no_policy_identifier(body: bytes):
    with pytest.raises(ValueError, match=r"not a|valid"):
        read_policy_id(body)


@pytest.mark.parametrize("direction", [XfrmDir.IN, XfrmDir.OUT])
def test_an_exemption_allows_everything_of_a_family(direction: XfrmDir):
    body = write_exemption(10, direction)
    assert (len(body), body[160], body[161]) == (168, direction, 0)
    assert struct.unpack("=H", body[40:42]) == (10,)
