"""Traffic selectors as text."""

from __future__ import annotations

import pytest

from ikeengine.errors import LocalMisuse
from ikeengine.model.selector import OPAQUE_PORTS, DynamicSelector, TrafficSelector
from ikeengine.negotiate.selectors import format_selector, parse_selector, prefix_length


def v4(first: str, last: str, protocol: int = 0, first_port: int = 0, last_port: int = 65535) -> TrafficSelector:
    def packed(text: str) -> bytes:
        return bytes(map(int, text.split(".")))

    return TrafficSelector(packed(first), packed(last), protocol, first_port, last_port)


@pytest.mark.parametrize(
    ("text", "selector", "printed"),
    [
        ("10.1.0.0/16", v4("10.1.0.0", "10.1.255.255"), "10.1.0.0/16"),
        ("10.1.2.3/16", v4("10.1.0.0", "10.1.255.255"), "10.1.0.0/16"),
        ("10.1.0.1", v4("10.1.0.1", "10.1.0.1"), "10.1.0.1/32"),
        ("0.0.0.0/0", v4("0.0.0.0", "255.255.255.255"), "0.0.0.0/0"),
        ("10.1.0.5-10.1.0.9", v4("10.1.0.5", "10.1.0.9"), "10.1.0.5..10.1.0.9"),
        ("10.1.0.5..10.1.0.9", v4("10.1.0.5", "10.1.0.9"), "10.1.0.5..10.1.0.9"),
        ("10.1.0.0 - 10.1.0.255", v4("10.1.0.0", "10.1.0.255"), "10.1.0.0/24"),
        ("10.1.0.1/32[tcp/80]", v4("10.1.0.1", "10.1.0.1", 6, 80, 80), "10.1.0.1/32[tcp/80]"),
        ("10.1.0.1[tcp/http]", v4("10.1.0.1", "10.1.0.1", 6, 80, 80), "10.1.0.1/32[tcp/80]"),
        ("10.1.0.1[TCP/HTTP]", v4("10.1.0.1", "10.1.0.1", 6, 80, 80), "10.1.0.1/32[tcp/80]"),
        ("10.1.0.1[6/80]", v4("10.1.0.1", "10.1.0.1", 6, 80, 80), "10.1.0.1/32[tcp/80]"),
        ("10.1.0.1[tcp/1000-2000]", v4("10.1.0.1", "10.1.0.1", 6, 1000, 2000), "10.1.0.1/32[tcp/1000-2000]"),
        ("10.1.0.1[tcp/opaque]", v4("10.1.0.1", "10.1.0.1", 6, *OPAQUE_PORTS), "10.1.0.1/32[tcp/OPAQUE]"),
        ("10.1.0.1[tcp/any]", v4("10.1.0.1", "10.1.0.1", 6), "10.1.0.1/32[tcp]"),
        ("0.0.0.0/0[udp]", v4("0.0.0.0", "255.255.255.255", 17), "0.0.0.0/0[udp]"),
        ("10.1.0.1[any]", v4("10.1.0.1", "10.1.0.1"), "10.1.0.1/32"),
        ("10.1.0.1[]", v4("10.1.0.1", "10.1.0.1"), "10.1.0.1/32"),
        ("10.1.0.1[/80]", v4("10.1.0.1", "10.1.0.1", 0, 80, 80), "10.1.0.1/32[0/80]"),
        ("10.1.0.1[99]", v4("10.1.0.1", "10.1.0.1", 99), "10.1.0.1/32[99]"),
        ("10.1.0.0/16[icmp]", v4("10.1.0.0", "10.1.255.255", 1), "10.1.0.0/16[icmp]"),
        ("10.1.0.0/16[icmp/8]", v4("10.1.0.0", "10.1.255.255", 1, 0x800, 0x800), "10.1.0.0/16[icmp/8]"),
        ("10.1.0.0/16[icmp/8(1)]", v4("10.1.0.0", "10.1.255.255", 1, 0x801, 0x801), "10.1.0.0/16[icmp/8(1)]"),
        ("10.1.0.0/16[icmp/2049]", v4("10.1.0.0", "10.1.255.255", 1, 0x801, 0x801), "10.1.0.0/16[icmp/8(1)]"),
        (
            "10.1.0.0/16[ipv6-icmp/128-129]",
            v4("10.1.0.0", "10.1.255.255", 58, 0x8000, 0x8100),
            "10.1.0.0/16[ipv6-icmp/128-129]",
        ),
        (
            "10.1.0.0/16[icmp/3(0)-3(255)]",
            v4("10.1.0.0", "10.1.255.255", 1, 0x300, 0x3FF),
            "10.1.0.0/16[icmp/3-3(255)]",
        ),
        ("::/0", TrafficSelector(bytes(16), b"\xff" * 16), "::/0"),
        (
            "2001:db8::/64",
            TrafficSelector(bytes.fromhex("20010db8") + bytes(12), bytes.fromhex("20010db800000000") + b"\xff" * 8),
            "2001:db8::/64",
        ),
    ],
)
def test_text_of_selectors(text: str, selector: TrafficSelector, printed: str) -> None:
    assert parse_selector(text) == selector
    assert format_selector(selector) == printed
    assert parse_selector(printed) == selector


def test_dynamic() -> None:
    assert parse_selector("dynamic") == DynamicSelector()
    assert parse_selector("dynamic[tcp/22]") == DynamicSelector(6, 22, 22)
    assert format_selector(DynamicSelector()) == "dynamic"
    assert format_selector(DynamicSelector(6, 22, 22)) == "dynamic[tcp/22]"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "moon",
        "10.1.0.0/33",
        "10.1.0",
        "10.1.0.9-10.1.0.5",
        "10.1.0.1-2001:db8::1",
        "10.1.0.1-",
        "-10.1.0.1",
        "fe80::1%eth0",
        "10.1.0.0/16[",
        "10.1.0.0/16]",
        "10.1.0.0/16[tcp",
        "10.1.0.0/16[tcp]x",
        "[tcp]",
        "10.1.0.0/16[foo]",
        "10.1.0.0/16[256]",
        "10.1.0.0/16[-1]",
        "10.1.0.0/16[tcp/65536]",
        "10.1.0.0/16[tcp/80-70]",
        "10.1.0.0/16[tcp/foo]",
        "10.1.0.0/16[tcp/1-2-3]",
        "10.1.0.0/16[tcp/80/90]",
        "10.1.0.0/16[icmp/256(0)]",
        "10.1.0.0/16[icmp/8(256)]",
        "10.1.0.0/16[icmp/65536]",
        "10.1.0.0/16[icmp/8(]",
        "10.1.0.0/16[\u0666]",
    ],
)
def test_what_is_no_selector(text: str) -> None:
    with pytest.raises(LocalMisuse) as caught:
        parse_selector(text)
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("selector", "printed"),
    [
        (v4("10.0.0.9", "10.0.0.1"), "10.0.0.9..10.0.0.1"),
        (v4("10.0.0.1", "10.0.0.1", 6, 90, 80), "10.0.0.1/32[tcp/90-80]"),
        (TrafficSelector(b"", b""), "(invalid)"),
        (TrafficSelector(b"1234", b"1" * 16), "(invalid)"),
        (TrafficSelector(b"12345", b"12345"), "(invalid)"),
    ],
)
def test_printing_never_fails(selector: TrafficSelector, printed: str) -> None:
    assert format_selector(selector) == printed


@pytest.mark.parametrize(
    ("first", "last", "length"),
    [
        ("10.0.0.0", "10.255.255.255", 8),
        ("10.0.0.1", "10.0.0.1", 32),
        ("0.0.0.0", "255.255.255.255", 0),
        ("10.0.0.0", "10.0.0.2", None),
        ("10.0.0.1", "10.0.0.2", None),
        ("10.0.0.255", "10.0.0.0", None),
    ],
)
def test_prefix_length(first: str, last: str, length: int | None) -> None:
    assert prefix_length(v4(first, last)) == length
