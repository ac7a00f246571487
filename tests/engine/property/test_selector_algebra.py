"""Laws of the traffic selector algebra, checked packet by packet."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ikeengine.model.selector import ANY_PORTS, ANY_PROTOCOL, OPAQUE_PORTS, DynamicSelector, TrafficSelector
from ikeengine.negotiate.selectors import format_selector, is_subset, narrow, parse_selector

OPAQUE = -1
"""The port of a packet whose port nobody can see."""

# Small worlds, so that random selectors meet.
PREFIXES = st.sampled_from([bytes([10, 0, 0]), bytes(15)])
HOSTS = st.integers(0, 15)
PROTOCOLS = st.sampled_from([ANY_PROTOCOL, 6, 17])
PORTS = st.one_of(
    st.just(ANY_PORTS),
    st.just(OPAQUE_PORTS),
    st.tuples(st.integers(0, 5), st.integers(0, 5)).map(lambda pair: (min(pair), max(pair))),
    st.integers(0, 5).map(lambda port: (port, 65535)),
)


@st.composite
def selectors(draw: st.DrawFn) -> TrafficSelector:
    prefix = draw(PREFIXES)
    first, last = sorted((draw(HOSTS), draw(HOSTS)))
    return TrafficSelector(prefix + bytes([first]), prefix + bytes([last]), draw(PROTOCOLS), *draw(PORTS))


LISTS = st.lists(selectors(), max_size=5)
PACKETS = st.tuples(
    st.builds(lambda prefix, host: prefix + bytes([host]), PREFIXES, HOSTS),
    st.sampled_from([6, 17, 99]),
    st.sampled_from([OPAQUE, 0, 1, 2, 5, 80, 65535]),
)
Packet = tuple[bytes, int, int]


def selects(selector: TrafficSelector, packet: Packet) -> bool:
    """What a selector means, as plainly as it can be said."""
    address, protocol, port = packet
    ports = selector.first_port, selector.last_port
    if len(address) != len(selector.first) or not selector.first <= address <= selector.last:
        return False
    if selector.protocol not in (ANY_PROTOCOL, protocol):
        return False
    if ports == ANY_PORTS:
        return True
    return port == OPAQUE if ports == OPAQUE_PORTS else ports[0] <= port <= ports[1]


def any_selects(found: list[TrafficSelector] | tuple[TrafficSelector, ...], packet: Packet) -> bool:
    return any(selects(selector, packet) for selector in found)


@given(LISTS, LISTS, PACKETS)
def test_narrowing_selects_what_both_select(
    offered: list[TrafficSelector], allowed: list[TrafficSelector], packet: Packet
) -> None:
    narrowed = narrow(offered, allowed)
    assert any_selects(narrowed, packet) == (any_selects(offered, packet) and any_selects(allowed, packet))


@given(LISTS, LISTS)
def test_narrowing_is_within_both_and_without_repetition(
    offered: list[TrafficSelector], allowed: list[TrafficSelector]
) -> None:
    narrowed = narrow(offered, allowed)
    assert is_subset(narrowed, offered)
    assert is_subset(narrowed, allowed)
    for one in narrowed:
        assert not any(is_subset([one], [other]) for other in narrowed if other is not one)
        assert any(is_subset([one], [offer]) for offer in offered), "each is within one selector of the offer"


@given(LISTS, LISTS)
def test_narrowing_commutes(offered: list[TrafficSelector], allowed: list[TrafficSelector]) -> None:
    """Whoever begins, the same packets are selected, though perhaps in other pieces."""
    one, other = narrow(offered, allowed), narrow(allowed, offered)
    assert is_subset(one, other)
    assert is_subset(other, one)


@given(LISTS, LISTS)
def test_narrowing_twice_changes_nothing(offered: list[TrafficSelector], allowed: list[TrafficSelector]) -> None:
    once = narrow(offered, allowed)
    for twice in (narrow(once, allowed), narrow(once, once), narrow(offered, once)):
        assert is_subset(twice, once)
        assert is_subset(once, twice)


@given(LISTS, LISTS)
def test_the_first_choice_survives_if_it_is_allowed(
    offered: list[TrafficSelector], allowed: list[TrafficSelector]
) -> None:
    if offered and is_subset(offered[:1], allowed):
        assert is_subset(offered[:1], narrow(offered, allowed))


@given(LISTS, LISTS, PACKETS)
def test_subsets_mean_what_they_say(inner: list[TrafficSelector], outer: list[TrafficSelector], packet: Packet) -> None:
    if is_subset(inner, outer) and any_selects(inner, packet):
        assert any_selects(outer, packet)


@given(LISTS)
def test_pieces_cover_their_whole(whole: list[TrafficSelector]) -> None:
    for selector in whole:
        middle = bytes(selector.first[:-1]) + bytes([(selector.first[-1] + selector.last[-1]) // 2])
        if middle < selector.last:
            after = middle[:-1] + bytes([middle[-1] + 1])
            rest = selector.protocol, selector.first_port, selector.last_port
            halves = [TrafficSelector(selector.first, middle, *rest), TrafficSelector(after, selector.last, *rest)]
            assert is_subset([selector], halves)
            assert not is_subset([selector], halves[:1])


@given(selectors())
def test_printed_selectors_are_read_back(selector: TrafficSelector) -> None:
    assert parse_selector(format_selector(selector)) == selector


@given(PROTOCOLS, PORTS)
def test_printed_dynamic_selectors_are_read_back(protocol: int, ports: tuple[int, int]) -> None:
    selector = DynamicSelector(protocol, *ports)
    assert parse_selector(format_selector(selector)) == selector


@given(st.sampled_from([1, 58]), st.integers(0, 65535), st.integers(0, 65535))
def test_printed_icmp_selectors_are_read_back(protocol: int, one: int, other: int) -> None:
    selector = TrafficSelector(b"1234", b"1234", protocol, min(one, other), max(one, other))
    assert parse_selector(format_selector(selector)) == selector


@given(
    st.binary(max_size=20), st.binary(max_size=20), st.integers(0, 255), st.integers(0, 65535), st.integers(0, 65535)
)
def test_anything_can_be_printed(first: bytes, last: bytes, protocol: int, low: int, high: int) -> None:
    assert format_selector(TrafficSelector(first, last, protocol, low, high)).isprintable()
