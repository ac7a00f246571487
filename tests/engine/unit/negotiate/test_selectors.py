"""The algebra of traffic selectors."""

from __future__ import annotations

import pytest

from ikeengine.errors import LocalMisuse
from ikeengine.model.selector import DynamicSelector, TrafficSelector
from ikeengine.negotiate import selectors
from ikeengine.negotiate.selectors import format_selector, is_host, is_subset, narrow, resolve


def ts(*texts: str) -> tuple[TrafficSelector, ...]:
    return resolve(map(selectors.parse_selector, texts), "192.0.2.1")


def shown(found: tuple[TrafficSelector, ...]) -> list[str]:
    return [format_selector(selector) for selector in found]


@pytest.mark.parametrize(
    ("offered", "allowed", "expected"),
    [
        (["10.1.0.0/16"], ["10.1.0.0/16"], ["10.1.0.0/16"]),
        (["0.0.0.0/0"], ["10.1.0.0/16"], ["10.1.0.0/16"]),
        (["10.1.0.0/16"], ["0.0.0.0/0"], ["10.1.0.0/16"]),
        (["10.1.0.0/16"], ["10.2.0.0/16"], []),
        (["10.1.0.0/16"], ["2001:db8::/32"], []),
        (["10.1.0.0-10.1.0.9"], ["10.1.0.5-10.1.0.20"], ["10.1.0.5..10.1.0.9"]),
        (["10.1.0.0/16[tcp]"], ["10.1.0.0/16[udp]"], []),
        (["10.1.0.0/16[tcp]"], ["10.1.0.0/16"], ["10.1.0.0/16[tcp]"]),
        (["10.1.0.0/16"], ["10.1.2.0/24[tcp/80]"], ["10.1.2.0/24[tcp/80]"]),
        (["10.1.0.0/16[tcp/1-100]"], ["10.1.0.0/16[tcp/80-200]"], ["10.1.0.0/16[tcp/80-100]"]),
        (["10.1.0.0/16[tcp/1-79]"], ["10.1.0.0/16[tcp/80]"], []),
        (["10.1.0.0/16[icmp/8]"], ["10.1.0.0/16[icmp]"], ["10.1.0.0/16[icmp/8]"]),
        (["10.1.0.0/16[tcp/opaque]"], ["10.1.0.0/16[tcp]"], ["10.1.0.0/16[tcp/OPAQUE]"]),
        (["10.1.0.0/16[tcp]"], ["10.1.0.0/16[tcp/opaque]"], ["10.1.0.0/16[tcp/OPAQUE]"]),
        (["10.1.0.0/16[tcp/opaque]"], ["10.1.0.0/16[tcp/opaque]"], ["10.1.0.0/16[tcp/OPAQUE]"]),
        (["10.1.0.0/16[tcp/opaque]"], ["10.1.0.0/16[tcp/1-65535]"], []),
        ([], ["10.1.0.0/16"], []),
        (["10.1.0.0/16"], [], []),
        # the packet that asked for the SA is in the first selector, RFC 7296 section 2.9
        (["10.1.0.43[udp/53]", "10.1.0.0/16"], ["10.0.0.0/8"], ["10.1.0.0/16"]),
        (["10.1.0.43[udp/53]", "10.1.0.0/16"], ["10.1.0.0/24"], ["10.1.0.0/24"]),
        (["10.1.0.43[udp/53]", "10.1.0.0/16"], ["10.1.0.43"], ["10.1.0.43/32"]),
        (["10.2.0.1", "10.1.0.0/16"], ["10.1.0.0/24", "10.2.0.0/24[tcp]"], ["10.2.0.1/32[tcp]", "10.1.0.0/24"]),
        # the order of the offer, and of the configuration within it
        (["0.0.0.0/0"], ["10.2.0.0/16", "10.1.0.0/24"], ["10.2.0.0/16", "10.1.0.0/24"]),
        (["10.1.0.0/24", "10.2.0.0/16"], ["0.0.0.0/0"], ["10.1.0.0/24", "10.2.0.0/16"]),
        # the same twice, and one within another
        (["10.1.0.0/16", "10.1.0.0/16"], ["10.1.0.0/16"], ["10.1.0.0/16"]),
        (["0.0.0.0/0", "10.0.0.0/8"], ["10.1.0.0/16"], ["10.1.0.0/16"]),
        (["0.0.0.0/0"], ["10.1.0.0/16", "10.1.2.0/24"], ["10.1.0.0/16"]),
        # neighbours cut from one offer are joined to a prefix, and to nothing else
        (["10.1.0.0/24"], ["10.1.0.0/25", "10.1.0.128/25"], ["10.1.0.0/24"]),
        (["10.1.0.0/24"], ["10.1.0.128/26", "10.1.0.192/26", "10.1.0.0/25"], ["10.1.0.0/24"]),
        (["10.1.0.0/24"], ["10.1.0.0/25", "10.1.0.128/26"], ["10.1.0.0/25", "10.1.0.128/26"]),
        (["10.1.0.0/24"], ["10.1.0.0/25[tcp]", "10.1.0.128/25"], ["10.1.0.0/25[tcp]", "10.1.0.128/25"]),
        (["10.1.0.0/25", "10.1.0.128/25"], ["10.1.0.0/24"], ["10.1.0.0/25", "10.1.0.128/25"]),
        # a mix of families
        (["0.0.0.0/0", "::/0"], ["10.1.0.0/16", "2001:db8::/32"], ["10.1.0.0/16", "2001:db8::/32"]),
    ],
)
def test_narrowing(offered: list[str], allowed: list[str], expected: list[str]) -> None:
    assert shown(narrow(ts(*offered), ts(*allowed))) == expected


def test_what_is_within_is_not_made_anew() -> None:
    (offer,), (policy,) = ts("10.1.0.0/16"), ts("10.1.2.0/24")
    assert narrow((offer,), (policy,))[0] is policy
    assert narrow((policy,), (offer,))[0] is policy


def test_malformed_selectors_of_a_peer_select_nothing() -> None:
    policy = ts("0.0.0.0/0")
    first, last = bytes([10, 0, 0, 9]), bytes([10, 0, 0, 1])
    for bad in (
        TrafficSelector(first, last),
        TrafficSelector(last, first, 6, 100, 50),
        TrafficSelector(last, first, 6, 65535, 1),
    ):
        assert narrow((bad,), policy) == ()


def test_a_hostile_number_of_selectors_is_bounded() -> None:
    offered = tuple(TrafficSelector(bytes([10, 0, n, 1]), bytes([10, 0, n, 9])) for n in range(255))
    allowed = tuple(TrafficSelector(bytes([10, 0, 0, n]), bytes([10, 0, 255, n])) for n in range(10))
    assert 0 < len(narrow(offered, allowed)) <= selectors.MAX_SELECTORS


@pytest.mark.parametrize(
    ("inner", "outer", "expected"),
    [
        (["10.1.0.0/16"], ["10.0.0.0/8"], True),
        (["10.0.0.0/8"], ["10.1.0.0/16"], False),
        ([], ["10.1.0.0/16"], True),
        ([], [], True),
        (["10.1.0.0/16"], [], False),
        (["10.1.0.0/24"], ["10.1.0.0/25", "10.1.0.128/25"], True),
        (["10.1.0.0/24"], ["10.1.0.0/25", "10.1.0.129-10.1.0.255"], False),
        (["10.1.0.0/24"], ["10.1.0.0/24[tcp]", "10.1.0.0/24[udp]"], False),
        (["10.1.0.0/24[tcp]"], ["10.1.0.0/24[tcp/0-99]", "10.1.0.0/24[tcp/100-65535]"], False),
        (
            ["10.1.0.0/24[tcp]"],
            ["10.1.0.0/24[tcp/0-99]", "10.1.0.0/24[tcp/100-65535]", "10.1.0.0/24[tcp/opaque]"],
            True,
        ),
        (["10.1.0.0/24[tcp/10-20]"], ["10.1.0.0/25[tcp/0-15]", "10.1.0.0/24[tcp/16-99]", "10.1.0.128/25"], True),
        (["10.1.0.0/24", "2001:db8::/64"], ["10.0.0.0/8"], False),
        (["10.1.0.0/24", "2001:db8::/64"], ["10.0.0.0/8", "::/0"], True),
        (["0.0.0.1"], ["::1"], False),
    ],
)
def test_subsets(inner: list[str], outer: list[str], expected: bool) -> None:
    assert is_subset(ts(*inner), ts(*outer)) is expected


def test_a_hostile_subset_question_ends() -> None:
    inner = ts("0.0.0.0/0")
    outer = [TrafficSelector(bytes([n, n, n, 0]), bytes([n, n, n, 9]), n, n, 2 * n) for n in range(1, 255)]
    assert not is_subset(inner, outer)


def test_hosts() -> None:
    (host,), (net,) = ts("192.0.2.7[tcp/80]"), ts("192.0.2.0/24")
    assert is_host(host)
    assert is_host(host, "192.0.2.7")
    assert not is_host(host, "192.0.2.8")
    assert not is_host(host, "2001:db8::1")
    assert not is_host(net)


def test_dynamic_selectors_become_the_address() -> None:
    templates = (DynamicSelector(6, 22, 22), *ts("10.1.0.0/16"))
    assert shown(resolve(templates, "192.0.2.1")) == ["192.0.2.1/32[tcp/22]", "10.1.0.0/16"]
    assert shown(resolve(templates, "2001:db8::1")) == ["2001:db8::1/128[tcp/22]", "10.1.0.0/16"]
    assert shown(resolve((DynamicSelector(),), "0.0.0.0")) == ["0.0.0.0/0"]
    assert shown(resolve((DynamicSelector(),), "::")) == ["::/0"]
    assert resolve(ts("10.1.0.0/16"), "") == ts("10.1.0.0/16")
    for address in ("", "%any", "moon"):
        with pytest.raises(LocalMisuse):
            resolve(templates, address)
