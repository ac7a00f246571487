from __future__ import annotations

from itertools import permutations

import pytest

from ikeengine.errors import InvalidSyntax, LocalMisuse
from ikeengine.ikev1.messages.fragments import OVERHEAD, FragmentSet, cut, is_fragment
from ikeengine.ikev1.wire.message import FLAG_ENCRYPTION, ParsedMessage, parse, write_message
from ikeengine.ikev1.wire.payloads import Fragment, Ke, Payload, VendorId
from ikeengine.registry import ExchangeType
from ikeengine.wire.header import read_header
from tests.engine.support.wire_v1 import COOKIE_I, COOKIE_R, message, payload

MAIN = ExchangeType.IDENTITY_PROTECTION
WHOLE = message(8, bytes(range(200)), exchange=32, flags=1, message_id=0xABCD)


def fragment(
    number: int,
    data: bytes,
    *,
    last: bool = False,
    ident: int = 1,
    cookie_i: bytes = COOKIE_I,
    cookie_r: bytes = COOKIE_R,
) -> ParsedMessage:
    return parse(write_message(cookie_i, cookie_r, 2, 0, 0, [Fragment(ident, number, last, data)]))


def thirds(ident: int = 1) -> list[ParsedMessage]:
    return [
        fragment(1, WHOLE[:100], ident=ident),
        fragment(2, WHOLE[100:150], ident=ident),
        fragment(3, WHOLE[150:], last=True, ident=ident),
    ]


def test_octets_of_fragments():
    messages = cut(WHOLE, 136, MAIN)
    assert [len(octets) for octets in messages] == [136, 136, 36 + 28]
    for number, octets in enumerate(messages, 1):
        head = read_header(octets)
        assert is_fragment(head)
        assert (head.spi_i, head.spi_r, head.exchange, head.flags, head.message_id) == (COOKIE_I, COOKIE_R, 2, 0, 0)
        piece = WHOLE[(number - 1) * 100 : number * 100]
        assert octets[28:36] == bytes((0, 0, 0, 8 + len(piece), 0, 1, number, number == 3))
        assert octets[36:] == piece
    assert read_header(cut(WHOLE, 136, ExchangeType.AGGRESSIVE)[0]).exchange is ExchangeType.AGGRESSIVE


@pytest.mark.parametrize("limit", [len(WHOLE), len(WHOLE) + 1, 65535])
def test_what_fits_is_not_cut(limit: int):
    assert cut(WHOLE, limit, MAIN) == [WHOLE]


@pytest.mark.parametrize("limit", [0, 1, OVERHEAD - 1, OVERHEAD])
def test_no_room_for_data(limit: int):
    with pytest.raises(LocalMisuse):
        cut(WHOLE, limit, MAIN)


def test_as_many_fragments_as_their_number_counts():
    long = message(8, bytes(255 * 10 - 28), flags=1)
    assert len(cut(long, OVERHEAD + 10, MAIN)) == 255
    with pytest.raises(LocalMisuse):
        cut(message(8, bytes(255 * 10 - 27), flags=1), OVERHEAD + 10, MAIN)


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
def test_any_order(order: tuple[int, ...]):
    fragments = FragmentSet()
    merged = [fragments.add(thirds()[at]) for at in order]
    assert merged == [None, None, WHOLE]
    assert (fragments.parts, fragments.held, fragments.last) == ({}, 0, 0)


def test_racoon_sets_the_encryption_flag():
    fragments = FragmentSet()
    octets = write_message(COOKIE_I, COOKIE_R, 2, FLAG_ENCRYPTION, 0, [Fragment(1, 1, True, WHOLE)])
    assert fragments.add(parse(octets)) == WHOLE


def test_one_message_after_the_other():
    """strongSwan uses the same ID for all of them."""
    fragments = FragmentSet()
    for _ in range(3):
        assert [fragments.add(part) for part in thirds()] == [None, None, WHOLE]


def test_duplicates_are_ignored_whatever_they_say():
    fragments = FragmentSet()
    first, second, third = thirds()
    fragments.add(first)
    for other in (first, fragment(1, b"forged"), fragment(1, b"forged", last=True)):
        assert fragments.add(other) is None
    assert fragments.held == 100
    fragments.add(second)
    assert fragments.add(third) == WHOLE


def test_w11_another_id_begins_another_message():
    """CVE-2013-6076 and CVE-2016-10396: nothing piles up."""
    fragments = FragmentSet()
    for ident in range(1, 2000):
        assert fragments.add(fragment(1, WHOLE[:100], ident=ident)) is None
        assert (len(fragments.parts), fragments.held) == (1, 100)
    assert [fragments.add(part) for part in thirds(7)] == [None, None, WHOLE]


def test_other_cookies_begin_another_message():
    fragments = FragmentSet()
    fragments.add(fragment(1, b"a", cookie_r=bytes(8)))
    assert [fragments.add(part) for part in thirds()] == [None, None, WHOLE]


def test_w11_two_last_fragments():
    fragments = FragmentSet()
    fragments.add(fragment(3, WHOLE[150:], last=True))
    for number in (2, 4, 255):
        with pytest.raises(InvalidSyntax, match="is not the last one"):
            fragments.add(fragment(number, b"x", last=True))
    for number in (4, 254):
        with pytest.raises(InvalidSyntax, match="behind the last one, 3"):
            fragments.add(fragment(number, b"x"))
    assert [fragments.add(part) for part in thirds()[:2]] == [None, WHOLE]


def test_w11_the_last_fragment_has_the_highest_number():
    fragments = FragmentSet()
    fragments.add(fragment(3, b"x"))
    with pytest.raises(InvalidSyntax, match="fragment 2 is not the last one"):
        fragments.add(fragment(2, b"x", last=True))
    assert (fragments.last, fragments.parts.keys()) == (0, {3})


def test_w11_255_fragments_and_never_a_last_one():
    """CVE-2016-10396: in reverse order, each twice."""
    fragments = FragmentSet()
    for number in range(254, 0, -1):
        assert fragments.add(fragment(number, b"x")) is None
        assert fragments.add(fragment(number, b"x")) is None
    with pytest.raises(InvalidSyntax, match="more than 255 fragments"):
        fragments.add(fragment(255, b"x"))
    assert fragments.held == 254


def test_w11_more_octets_than_any_message_has():
    """CVE-2016-1344: what is held has a limit, and it is given back."""
    fragments = FragmentSet()
    fragments.add(fragment(1, bytes(30000)))
    fragments.add(fragment(2, bytes(30000)))
    assert fragments.held == 60000
    with pytest.raises(InvalidSyntax, match="more than 65535 octets"):
        fragments.add(fragment(3, bytes(5536)))
    assert (fragments.parts, fragments.held) == ({}, 0)


@pytest.mark.parametrize("length", range(4, 9))
def test_w11_fragments_of_length_below_8(length: int):
    """CVE-2016-1287: a Payload Length that ends before the data, or inside the fields in front of it."""
    octets = message(132, b"\0\0" + length.to_bytes(2, "big") + bytes((0, 1, 1, 1)) + b"data")
    with pytest.raises(InvalidSyntax):
        FragmentSet().add(parse(octets))


@pytest.mark.parametrize(
    "payloads",
    [
        [],
        [VendorId(b"v")],
        [Fragment(1, 1, True, WHOLE), VendorId(b"v")],
        [VendorId(b"v"), Fragment(1, 1, True, WHOLE)],
        [Fragment(1, 1, False, WHOLE[:100]), Fragment(1, 2, True, WHOLE[100:])],
    ],
    ids=len,
)
def test_w11_a_fragment_travels_alone(payloads: list[Payload]):
    fragments = FragmentSet()
    with pytest.raises(InvalidSyntax):
        fragments.add(parse(write_message(COOKIE_I, COOKIE_R, 2, 0, 0, payloads)))
    assert not fragments.parts


def wrong_messages() -> dict[str, bytes]:
    inner = write_message(COOKIE_I, COOKIE_R, 2, 0, 0, [Fragment(1, 1, True, WHOLE)])
    return {
        "no header": b"x" * 27,
        "wrong length": WHOLE + b"x",
        "fragment": inner,
        "other initiator": COOKIE_R + WHOLE[8:],
        "other responder": WHOLE[:8] + bytes(8) + WHOLE[16:],
        "IKEv2": WHOLE[:17] + b"\x20" + WHOLE[18:],
    }


@pytest.mark.parametrize("name", wrong_messages())
def test_w11_what_comes_out_is_no_message(name: str):
    """It is forgotten, and the next one is taken."""
    fragments = FragmentSet()
    octets = wrong_messages()[name]
    fragments.add(fragment(1, octets[:20]))
    with pytest.raises(InvalidSyntax):
        fragments.add(fragment(2, octets[20:], last=True))
    assert (fragments.parts, fragments.held) == ({}, 0)
    assert [fragments.add(part) for part in thirds()] == [None, None, WHOLE]


def test_a_clear_message_in_fragments():
    whole = write_message(COOKIE_I, COOKIE_R, 2, 0, 0, [Ke(b"k" * 1024)])
    fragments = FragmentSet()
    merged = [fragments.add(parse(octets)) for octets in cut(whole, 300, MAIN)]
    assert merged == [None, None, None, whole]
    assert parse(whole).chain.payloads == (Ke(b"k" * 1024),)


def test_forgetting():
    fragments = FragmentSet()
    fragments.add(thirds()[0])
    fragments.clear()
    assert fragments.held == 0
    assert [fragments.add(part) for part in thirds()[1:]] == [None, None]


def test_a_fragment_without_payload_header():
    with pytest.raises(InvalidSyntax):
        parse(message(132, b""))
    with pytest.raises(InvalidSyntax):
        parse(message(132, payload(b"")))
