from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikeengine.crypto.rng import SeededRng
from ikeengine.datapath.userspace import esp
from ikeengine.datapath.userspace.esp import EspReceiver, EspSender, Replayed, SequenceExhausted
from ikeengine.datapath.userspace.packet import MalformedPacket
from ikeengine.errors import DatapathError, IntegrityFailed, PeerMisbehaved
from ikeengine.model.sa import Direction
from ikeengine.model.secret import Secret
from ikeengine.registry import EncrId, IntegId
from tests.engine.datapath.userspace.samples import CBC, GCM, SPI, SUITES, encr, integ, make_sa, suite_name

CTR = encr(EncrId.AES_CTR, 128), integ(IntegId.HMAC_SHA1_96)
NULL = encr(EncrId.NULL), integ(IntegId.HMAC_SHA1_96)
KINDS = [GCM, CBC, CTR, NULL]


def pair(suite=GCM, **changes) -> tuple[EspSender, EspReceiver]:
    sender = EspSender(make_sa(Direction.OUT, suite, **changes), SeededRng(1))
    return sender, EspReceiver(make_sa(Direction.IN, suite, **changes))


@pytest.mark.parametrize("suite", SUITES, ids=suite_name)
@pytest.mark.parametrize("esn", [False, True], ids=["", "esn"])
def test_round_trip(suite, esn):
    sender, receiver = pair(suite, esn=esn)
    for length in (0, 1, 2, 13, 14, 15, 16, 64, 1399, 1400):
        payload = bytes(n & 0xFF for n in range(length))
        sealed = sender.seal(payload, 4)
        assert sealed[:4] == SPI.to_bytes(4, "big")
        assert len(sealed) % 4 == 0
        assert receiver.open(sealed) == (payload, 4)


@pytest.mark.parametrize("suite", KINDS, ids=suite_name)
def test_sequence_numbers_count_from_one(suite):
    sender, _ = pair(suite)
    sealed = [sender.seal(b"x", 4) for _ in range(3)]
    assert [packet[4:8] for packet in sealed] == [b"\0\0\0\1", b"\0\0\0\2", b"\0\0\0\3"]
    assert sender.sequence == 3


@pytest.mark.parametrize("suite", KINDS, ids=suite_name)
@given(data=st.data())
def test_any_changed_bit_is_noticed(suite, data):
    sender, receiver = pair(suite)
    sealed = bytearray(sender.seal(b"some payload", 4))
    bit = data.draw(st.integers(32, len(sealed) * 8 - 1))
    sealed[bit // 8] ^= 1 << bit % 8
    if sealed[4:8] == bytes(4):
        with pytest.raises(Replayed):
            receiver.open(bytes(sealed))
        return
    with pytest.raises(IntegrityFailed):
        receiver.open(bytes(sealed))
    assert receiver.window.top == 0, "a forged packet must not move the window"


@pytest.mark.parametrize("suite", KINDS, ids=suite_name)
@given(garbage=st.binary(max_size=100))
def test_garbage_is_refused(suite, garbage):
    _, receiver = pair(suite)
    with pytest.raises(PeerMisbehaved):
        receiver.open(SPI.to_bytes(4, "big") + garbage)


@pytest.mark.parametrize("suite", KINDS, ids=suite_name)
def test_cut_off_packets_are_refused(suite):
    sender, receiver = pair(suite)
    sealed = sender.seal(b"some payload", 4)
    for length in range(len(sealed)):
        with pytest.raises(PeerMisbehaved):
            receiver.open(sealed[:length])


def test_replays_are_refused():
    sender, receiver = pair()
    packets = [sender.seal(b"x", 4) for _ in range(100)]
    receiver.open(packets[99])
    receiver.open(packets[36])
    for stale in (99, 36, 35):
        with pytest.raises(Replayed):
            receiver.open(packets[stale])
    assert receiver.open(packets[37])


def test_without_replay_protection_packets_may_come_twice():
    sender, receiver = pair(replay_window=0)
    sealed = sender.seal(b"x", 4)
    assert receiver.open(sealed) == receiver.open(sealed)


@pytest.mark.parametrize("suite", KINDS, ids=suite_name)
def test_extended_sequence_numbers_cross_the_32_bit_border(suite):
    sender, receiver = pair(suite, esn=True)
    sender.sequence = 0xFFFFFFFC
    receiver.window.accept(sender.sequence)
    for number in range(8):
        assert receiver.open(sender.seal(bytes([number]), 4)) == (bytes([number]), 4)
    assert receiver.window.top == 0x100000004


@pytest.mark.parametrize("suite", KINDS, ids=suite_name)
def test_the_high_half_is_authenticated(suite):
    sender, receiver = pair(suite, esn=True)
    sender.sequence = 1 << 32
    with pytest.raises(IntegrityFailed):
        receiver.open(sender.seal(b"x", 4))


@pytest.mark.parametrize(("esn", "last"), [(False, (1 << 32) - 1), (True, (1 << 64) - 1)])
def test_an_sa_never_repeats_a_sequence_number(esn, last):
    sender, _ = pair(esn=esn)
    sender.sequence = last - 1
    sender.seal(b"the last one", 4)
    with pytest.raises(SequenceExhausted):
        sender.seal(b"one too many", 4)


def test_ivs_do_not_repeat():
    for suite in KINDS[:3]:
        sender, _ = pair(suite)
        ivs = {sender.seal(b"x", 4)[8:16] for _ in range(50)}
        assert len(ivs) == 50


def padded(padding: bytes, payload: bytes = b"payload") -> bytes:
    """An ESP packet with padding of our choice: NULL encryption and an ICV made with the right key."""
    sender, _ = pair(NULL)
    body = payload + padding + bytes([len(padding), 4])
    return SPI.to_bytes(4, "big") + b"\0\0\0\1" + sender._seal(SPI.to_bytes(4, "big") + b"\0\0\0\1", b"", body)


@pytest.mark.parametrize("length", [0, 3, 255])
def test_padding_up_to_255_octets(length):
    _, receiver = pair(NULL)
    assert receiver.open(padded(bytes(range(1, length + 1)))) == (b"payload", 4)


@pytest.mark.parametrize("padding", [b"\0\0\0", b"\2\2\3", b"\3\2\1"])
def test_wrong_padding_is_refused(padding):
    """RFC 4303 section 2.4: the receiver should inspect it."""
    _, receiver = pair(NULL)
    with pytest.raises(MalformedPacket):
        receiver.open(padded(padding))


def test_padding_longer_than_the_packet():
    sender, receiver = pair(NULL)
    head = SPI.to_bytes(4, "big") + b"\0\0\0\1"
    with pytest.raises(MalformedPacket):
        receiver.open(head + sender._seal(head, b"", b"\1\2\3\4\x09\4"))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"encr": None}, "no AH"),
        ({"encr": encr(999)}, "999"),
        ({"encr_key": Secret(b"short")}, "key material"),
        ({"encr": encr(EncrId.AES_CBC, 128), "encr_key": Secret(bytes(16))}, "integrity"),
    ],
)
def test_impossible_suites(changes, reason):
    for cls in (EspReceiver, lambda sa: EspSender(sa, SeededRng(1))):
        with pytest.raises(DatapathError, match=reason):
            cls(replace(make_sa(), **changes))


def test_keys_do_not_show():
    sender, receiver = pair()
    assert b"\1\2\3".hex() not in repr((sender, receiver, esp))
