import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, UDP, fragment
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment, fragment6

from ikeengine.datapath.userspace import reassembly as module
from ikeengine.datapath.userspace.packet import MalformedPacket
from ikeengine.datapath.userspace.reassembly import LONGEST_WAIT, MOST_DATAGRAMS, Reassembly, is_fragment
from tests.engine.datapath.userspace.samples import LEFT6_HOST, LEFT_HOST, RIGHT6_HOST, RIGHT_HOST, udp_packet

sizes = st.sampled_from([8, 64, 1376])


def v4(length: int, size: int, number: int = 7) -> tuple[bytes, list[bytes]]:
    """A packet and its fragments, as scapy makes them."""
    whole = (
        IP(src=LEFT_HOST, dst=RIGHT_HOST, id=number) / UDP(sport=1, dport=2) / bytes(n & 0xFF for n in range(length))
    )
    return bytes(whole), [bytes(piece) for piece in fragment(IP(bytes(whole)), size)]


def v6(length: int, size: int, number: int = 7) -> tuple[bytes, list[bytes]]:
    data = UDP(sport=1, dport=2) / bytes(n & 0xFF for n in range(length))
    whole = IPv6(src=LEFT6_HOST, dst=RIGHT6_HOST) / data
    marked = IPv6(src=LEFT6_HOST, dst=RIGHT6_HOST) / IPv6ExtHdrFragment(id=number) / data
    return bytes(whole), [bytes(piece) for piece in fragment6(marked, 48 + size)]


def added(reassembly: Reassembly, pieces: list[bytes]) -> list[bytes]:
    return [whole for piece in pieces if (whole := reassembly.add(piece)) is not None]


@given(st.sampled_from([v4, v6]), st.integers(1, 3000), st.sampled_from([64, 1376]), st.randoms())
def test_fragments_in_any_order(make, length, size, random):
    whole, pieces = make(length, size)
    if len(pieces) == 1:
        return
    random.shuffle(pieces)
    assert added(Reassembly(), pieces) == [whole]


@pytest.mark.parametrize("make", [v4, v6])
def test_datagrams_do_not_mix(make):
    first, second = make(3000, 1376, 1), make(3000, 1376, 2)
    interleaved = [piece for pair in zip(first[1], second[1], strict=True) for piece in pair]
    assert added(Reassembly(), interleaved) == [first[0], second[0]]


@pytest.mark.parametrize("make", [v4, v6])
def test_repeated_fragments_do_not_matter(make):
    whole, pieces = make(3000, 1376)
    assert added(Reassembly(), [pieces[0], *pieces]) == [whole]


@pytest.mark.parametrize("make", [v4, v6])
def test_an_identification_may_be_used_again(make):
    whole, pieces = make(3000, 1376)
    assert added(Reassembly(), pieces * 2) == [whole, whole]


def test_overlaps_are_refused():
    _, pieces = v4(100, 64)
    moved = pieces[1][:6] + (pieces[1][6] << 8 | pieces[1][7] - 1).to_bytes(2, "big") + pieces[1][8:] + bytes(8)
    reassembly = Reassembly()
    assert reassembly.add(pieces[0]) is None
    with pytest.raises(MalformedPacket):
        reassembly.add(moved)
    assert added(reassembly, pieces) == [v4(100, 64)[0]], "the broken one is forgotten"


@pytest.mark.parametrize(
    "packet",
    [
        udp_packet(data=b"odd")[:6] + b"\x20\x00" + udp_packet(data=b"odd")[8:],
        udp_packet(data=bytes(60000))[:6] + b"\x1f\xff" + udp_packet(data=bytes(60000))[8:],
        udp_packet(LEFT6_HOST, RIGHT6_HOST, data=b"")[:6] + b"\x2c" + udp_packet(LEFT6_HOST, RIGHT6_HOST)[7:44],
    ],
)
def test_fragments_that_cannot_be(packet):
    with pytest.raises(MalformedPacket):
        Reassembly().add(packet)


def test_a_header_that_makes_the_whole_too_long():
    options = bytes([0x4F]) + udp_packet()[1:6]
    body = bytes(65000)
    first = options + b"\x20\x00" + udp_packet()[8:20] + bytes(40) + body
    last = options + (65000 // 8).to_bytes(2, "big") + udp_packet()[8:20] + bytes(40) + bytes(530)
    reassembly = Reassembly()
    assert reassembly.add(first) is None
    with pytest.raises(MalformedPacket):
        reassembly.add(last)


def test_too_many_fragments(monkeypatch):
    monkeypatch.setattr(module, "MOST_PIECES", 3)
    _, pieces = v4(1000, 64)
    with pytest.raises(MalformedPacket):
        added(Reassembly(), pieces)


def test_a_missing_fragment_is_not_waited_for_forever():
    now = 0.0
    reassembly = Reassembly(lambda: now)
    whole, pieces = v4(3000, 1376)
    reassembly.add(pieces[0])
    now = LONGEST_WAIT + 1
    assert added(reassembly, pieces[1:]) == []
    assert added(reassembly, pieces[:1]) == [whole]


def test_the_memory_is_bounded():
    reassembly = Reassembly()
    for number in range(MOST_DATAGRAMS + 10):
        reassembly.add(v4(100, 64, number)[1][0])
        assert len(reassembly._datagrams) <= MOST_DATAGRAMS
    assert added(reassembly, v4(100, 64, MOST_DATAGRAMS + 9)[1][1:]) != []
    assert added(reassembly, v4(100, 64, 0)[1][1:]) == []


def test_what_is_a_fragment():
    assert not is_fragment(udp_packet(df=True))
    assert not is_fragment(udp_packet(LEFT6_HOST, RIGHT6_HOST))
    for make in (v4, v6):
        assert all(is_fragment(piece) for piece in make(3000, 1376)[1])


@given(st.sampled_from([b"\x45", b"\x4f", b"\x60"]), st.binary(min_size=59, max_size=120))
def test_garbage(first, rest):
    try:
        Reassembly().add(first + rest)
    except MalformedPacket:
        return
