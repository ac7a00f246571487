import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikeengine.datapath.policies import SelectorPair, selector_pairs
from ikeengine.datapath.userspace.packet import NO_PORT, Flow
from ikeengine.datapath.userspace.spd import PolicyDatabase, SelectorMatch, priority
from ikeengine.model.sa import PolicyAction
from ikeengine.model.selector import OPAQUE_PORTS
from tests.engine.datapath.userspace.samples import (
    LEFT6_NET,
    LEFT_HOST,
    LEFT_NET,
    RIGHT6_NET,
    RIGHT_HOST,
    RIGHT_NET,
    make_policies,
    packed,
    selector,
)

ANY4 = "0.0.0.0/0"
TCP, UDP, ICMP, GRE = 6, 17, 1, 47


def flow(source=LEFT_HOST, destination=RIGHT_HOST, protocol=UDP, source_port=4000, destination_port=53) -> Flow:
    return Flow(packed(source), packed(destination), protocol, source_port, destination_port)


def match(local, remote, seen: Flow) -> bool:
    return SelectorMatch(SelectorPair(local, remote)).matches(seen)


@pytest.mark.parametrize(
    ("local", "remote", "result"),
    [
        (selector(LEFT_NET), selector(RIGHT_NET), True),
        (selector(RIGHT_NET), selector(LEFT_NET), False),
        (selector(LEFT_NET), selector(RIGHT_HOST), True),
        (selector(LEFT_NET), selector("10.2.0.2"), False),
        (selector("10.1.0.2"), selector(RIGHT_NET), False),
        (selector(ANY4), selector(ANY4), True),
        (selector(LEFT6_NET), selector(RIGHT6_NET), False),
        (selector("::/0"), selector("::/0"), False),
        (selector(ANY4, UDP), selector(ANY4), True),
        (selector(ANY4, UDP), selector(ANY4, UDP), True),
        (selector(ANY4, TCP), selector(ANY4), False),
        (selector(ANY4), selector(ANY4, TCP), False),
        (selector(ANY4, UDP), selector(ANY4, TCP), False),
        (selector(ANY4), selector(ANY4, UDP, 53, 53), True),
        (selector(ANY4), selector(ANY4, UDP, 54, 99), False),
        (selector(ANY4, UDP, 3999, 4000), selector(ANY4, UDP, 53, 54), True),
        (selector(ANY4, UDP, 4001, 65535), selector(ANY4), False),
    ],
)
def test_matching(local, remote, result):
    assert match(local, remote, flow()) == result


@pytest.mark.parametrize(
    ("first", "last", "result"), [(0, 65535, True), (0, 65534, False), (1, 65535, False), (*OPAQUE_PORTS, True)]
)
def test_a_port_that_is_not_shown(first, last, result):
    """RFC 4301 section 4.4.1.1: only ANY and OPAQUE match later fragments and protocols without ports."""
    unknown = flow(source_port=NO_PORT, destination_port=NO_PORT)
    assert match(selector(ANY4), selector(ANY4, UDP, first, last), unknown) == result
    assert match(selector(ANY4, UDP, first, last), selector(ANY4), unknown) == result


def test_opaque_matches_no_port_that_is_shown():
    for port in (0, 53, 65535):
        assert not match(selector(ANY4), selector(ANY4, UDP, *OPAQUE_PORTS), flow(destination_port=port))


@pytest.mark.parametrize(
    ("first", "last", "result"), [(0x0800, 0x08FF, True), (0, 0xFF, False), (0x0801, 0x0801, False)]
)
def test_icmp_type_and_code(first, last, result):
    echo = flow(protocol=ICMP, source_port=0x0800, destination_port=0x0800)
    limited = selector(ANY4, ICMP, first, last)
    assert match(selector(ANY4), limited, echo) == result
    assert match(limited, selector(ANY4), echo) == result
    assert match(limited, limited, echo) == result


addresses = st.integers(0, 7).map(lambda n: f"10.0.0.{n}")
ports = st.sampled_from([NO_PORT, 0, 1, 80, 65535])


@given(addresses, addresses, st.sampled_from([UDP, TCP, GRE]), ports, ports, st.integers(0, 7), st.integers(0, 7))
def test_matching_is_plain_range_arithmetic(source, destination, protocol, sport, dport, first, last):
    seen = flow(source, destination, protocol, sport, dport)
    local = selector(ANY4)
    remote = selector("10.0.0.0")
    remote = type(remote)(packed(f"10.0.0.{first}"), packed(f"10.0.0.{last}"), UDP, 1, 80)
    inside = packed(f"10.0.0.{first}") <= seen.destination <= packed(f"10.0.0.{last}")
    assert match(local, remote, seen) == (inside and protocol == UDP and 1 <= dport <= 80)


def database(*sets) -> PolicyDatabase:
    policies = PolicyDatabase()
    for policy_set in sets:
        for pair in selector_pairs(policy_set):
            policies.set(pair, policy_set)
    return policies


def looked_up(policies: PolicyDatabase, seen: Flow) -> int | None:
    found = policies.lookup(seen)
    return found.owner if found else None


def test_the_more_specific_policy_comes_first():
    net = make_policies(1)
    host = make_policies(2, remote_ts=(selector(RIGHT_HOST),))
    port = make_policies(3, remote_ts=(selector(RIGHT_HOST, UDP, 53, 53),))
    for order in ((net, host, port), (port, host, net)):
        policies = database(*order)
        assert looked_up(policies, flow()) == 3
        assert looked_up(policies, flow(destination_port=54)) == 2
        assert looked_up(policies, flow(destination="10.2.0.9")) == 1
        assert looked_up(policies, flow(destination="10.3.0.9")) is None


@pytest.mark.parametrize("action", list(PolicyAction))
def test_actions_are_returned(action):
    assert database(make_policies(action=action)).lookup(flow()).action is action


def test_pass_comes_first_and_drop_last():
    everything = (selector(ANY4),)
    bypass = make_policies(1, PolicyAction.PASS, local_ts=everything, remote_ts=everything)
    protect = make_policies(2)
    trap = make_policies(3, PolicyAction.TRAP)
    drop = make_policies(4, PolicyAction.DROP, remote_ts=(selector(RIGHT_HOST),))
    policies = PolicyDatabase()
    for policy_set in (drop, trap, protect, bypass):
        pair = selector_pairs(policy_set)[0]
        if policy_set is not trap:
            policies.set(pair, policy_set)
    assert looked_up(policies, flow()) == 1
    policies.set(selector_pairs(bypass)[0], None)
    assert looked_up(policies, flow()) == 2
    policies.set(selector_pairs(protect)[0], trap)
    assert looked_up(policies, flow()) == 3
    policies.set(selector_pairs(protect)[0], None)
    assert looked_up(policies, flow()) == 4


def test_a_trap_comes_just_behind_what_it_traps_for():
    pair = SelectorPair(selector(LEFT_NET), selector(RIGHT_NET))
    assert priority(pair, PolicyAction.TRAP) == priority(pair, PolicyAction.PROTECT) + 1


def test_the_numbers_are_those_of_strongswan():
    hosts = SelectorPair(selector(LEFT_HOST), selector(RIGHT_HOST))
    assert priority(hosts, PolicyAction.PROTECT) == 400_000 - 64 * 512 - 1
    narrow = SelectorPair(selector(LEFT_HOST, UDP, 1, 1), selector(RIGHT_HOST, UDP, 1, 1))
    assert priority(narrow, PolicyAction.PASS) == 200_000 - 64 * 512 - 256 - 32 * 4 - 1


def test_opaque_counts_as_specific():
    opaque = SelectorPair(selector(LEFT_HOST), selector(RIGHT_HOST, UDP, *OPAQUE_PORTS))
    some = SelectorPair(selector(LEFT_HOST), selector(RIGHT_HOST, UDP, 1, 2))
    assert priority(opaque, PolicyAction.PROTECT) < priority(some, PolicyAction.PROTECT)


def test_an_explicit_priority_wins():
    host = make_policies(1, remote_ts=(selector(RIGHT_HOST),))
    urgent = make_policies(2, priority=1)
    assert looked_up(database(host, urgent), flow()) == 2


def test_replacing_and_removing():
    pair = selector_pairs(make_policies())[0]
    policies = database(make_policies(1))
    policies.set(pair, make_policies(2))
    assert looked_up(policies, flow()) == 2
    policies.set(pair, None)
    assert looked_up(policies, flow()) is None
    policies.set(pair, None)


def test_families_do_not_mix():
    policies = database(make_policies(1, local_ts=(selector("::/0"),), remote_ts=(selector("::/0"),)))
    assert looked_up(policies, flow()) is None
    assert looked_up(policies, flow("2001:db8::1", "2001:db8::2")) == 1
