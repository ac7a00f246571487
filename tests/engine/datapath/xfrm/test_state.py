"""`struct xfrm_usersa_info` and its attributes, written and read back."""

from __future__ import annotations

import struct

import pytest

from ikeengine.datapath.netlink import attribute, read_attributes
from ikeengine.datapath.xfrm.constants import StateFlag, Xfrma
from ikeengine.datapath.xfrm.state import (
    USERSA_ID,
    USERSA_INFO,
    Progress,
    address_text,
    read_deleted_state,
    read_id,
    read_state,
    read_state_id,
    write_state,
    write_state_id,
)
from ikeengine.errors import DatapathError
from ikeengine.model.connection import Mode
from ikeengine.model.sa import Direction, Limits, SaId, UdpEncap
from ikeengine.model.secret import Secret
from ikeengine.registry import Protocol
from tests.engine.datapath.xfrm.samples import SHA256, cbc, sa

INF = 2**64 - 1


def info(body: bytes) -> dict[str, int]:
    fields = USERSA_INFO.unpack_from(body)
    return {"reqid": fields[21], "family": fields[22], "mode": fields[23], "window": fields[24], "flags": fields[25]}


def attributes(body: bytes) -> dict[int, bytes]:
    return read_attributes(body[USERSA_INFO.size :])


def test_the_layout_is_the_kernels():
    """Sizes and offsets as a C compiler gives them for linux/xfrm.h."""
    assert (USERSA_INFO.size, USERSA_ID.size) == (224, 24)
    body = write_state(sa(0xC0FFEE01, reqid=0x11223344, source="192.0.2.1", destination="192.0.2.2"))
    assert body[56:60] == bytes([192, 0, 2, 2])
    assert body[72:76] == bytes.fromhex("c0ffee01")
    assert body[76] == 50
    assert body[80:84] == bytes([192, 0, 2, 1])
    assert body[208:212] == struct.pack("=I", 0x11223344)
    assert body[212:214] == struct.pack("=H", 2)
    assert body[214] == 1
    assert body[216] == StateFlag.AF_UNSPEC


def test_an_ipv6_transport_mode_state():
    body = write_state(sa(mode=Mode.TRANSPORT, source="2001:db8::1", destination="2001:db8::2"))
    assert info(body) == {"reqid": 1, "family": 10, "mode": 0, "window": 0, "flags": 0}
    assert body[40:42] == struct.pack("=H", 10)
    assert read_state(body).id == SaId(Protocol.ESP, "2001:db8::2", 0x1000)
    assert read_state(body).source == "2001:db8::1"


def test_a_state_is_read_back():
    state = read_state(write_state(cbc(0xC0FFEE01, reqid=7)))
    assert state.id == SaId(Protocol.ESP, "192.0.2.2", 0xC0FFEE01)
    assert (state.source, state.reqid, state.octets, state.packets, state.last_use) == ("192.0.2.1", 7, 0, 0, 0)
    assert read_state_id(write_state(cbc(0xC0FFEE01))) == state.id


def test_a_state_does_not_show_its_keys():
    state = read_state(write_state(cbc(0xC0FFEE01)))
    assert repr(state) == "<state ESP c0ffee01 192.0.2.1 -> 192.0.2.2>"


def test_a_state_of_a_protocol_that_is_not_ours():
    body = bytearray(write_state(sa()))
    body[76] = 60  # no protocol of IPsec
    assert read_state_id(bytes(body)).protocol == Protocol.NONE


def test_the_name_of_a_state():
    body = write_state_id(SaId(Protocol.AH, "2001:db8::2", 0x1234))
    assert read_id(body) == (SaId(Protocol.AH, "2001:db8::2", 0x1234), 10)
    assert address_text(body[:16], 10) == "2001:db8::2"


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        (Limits(), (INF, INF, INF, INF, 0, 0, 0, 0)),
        (Limits(1, 2, 3, 4, 5), (1, 2, 3, 4, 0, 5, 0, 0)),
    ],
)
def test_limits(limits: Limits, expected: tuple[int, ...]):
    assert USERSA_INFO.unpack_from(write_state(sa(limits=limits)))[5:13] == expected


@pytest.mark.parametrize(
    ("fields", "window", "esn_attribute"),
    [
        ({"direction": Direction.IN}, 32, None),
        ({"direction": Direction.IN, "replay_window": 0}, 0, None),
        ({"direction": Direction.IN, "replay_window": 33}, 0, (2, 64)),
        ({"direction": Direction.IN, "replay_window": 1000}, 0, (32, 1024)),
        ({"direction": Direction.IN, "replay_window": 4096}, 0, (128, 4096)),
        ({"direction": Direction.IN, "replay_window": 0, "esn": True}, 0, (1, 32)),
        ({"direction": Direction.IN, "replay_window": 32, "esn": True}, 0, (1, 32)),
        ({"direction": Direction.OUT, "replay_window": 1000}, 0, None),
        ({"direction": Direction.OUT, "esn": True}, 0, (1, 1)),
    ],
)
def test_replay_windows(fields: dict, window: int, esn_attribute: tuple[int, int] | None):
    body = write_state(sa(**fields))
    assert info(body)["window"] == window
    bitmap = attributes(body).get(Xfrma.REPLAY_ESN_VAL)
    if esn_attribute is None:
        assert bitmap is None
    else:
        assert bitmap is not None
        words, oseq, seq, oseq_hi, seq_hi, size = struct.unpack("=6I", bitmap[:24])
        assert (words, size) == esn_attribute
        assert (oseq, seq, oseq_hi, seq_hi) == (0, 0, 0, 0)
        assert bitmap[24:] == bytes(4 * words)
    assert bool(info(body)["flags"] & StateFlag.ESN) == fields.get("esn", False)


def test_a_window_beyond_the_kernels():
    with pytest.raises(DatapathError, match="largest replay window is 4096"):
        write_state(sa(replay_window=4097))


@pytest.mark.parametrize(
    ("fields", "flags", "extra"),
    [
        ({}, StateFlag.AF_UNSPEC, False),
        ({"copy_df": False}, StateFlag.AF_UNSPEC | StateFlag.NOPMTUDISC, False),
        ({"copy_ecn": False}, StateFlag.AF_UNSPEC | StateFlag.NOECN, False),
        ({"copy_dscp": "no"}, StateFlag.AF_UNSPEC, True),
        ({"copy_dscp": "in"}, StateFlag.AF_UNSPEC, True),
        ({"copy_dscp": "yes"}, StateFlag.AF_UNSPEC, False),
        ({"copy_dscp": "yes", "direction": Direction.IN}, StateFlag.AF_UNSPEC | StateFlag.DECAP_DSCP, False),
        ({"copy_dscp": "in", "direction": Direction.IN}, StateFlag.AF_UNSPEC | StateFlag.DECAP_DSCP, True),
        ({"copy_dscp": "no", "copy_df": False, "mode": Mode.TRANSPORT}, StateFlag(0), False),
    ],
)
def test_header_flags(fields: dict, flags: StateFlag, extra: bool):
    body = write_state(sa(**fields))
    assert info(body)["flags"] == flags
    assert attributes(body).get(Xfrma.SA_EXTRA_FLAGS) == (struct.pack("=I", 1) if extra else None)


def test_ah_over_ipv4_is_aligned_to_four_octets():
    ah = {"protocol": Protocol.AH, "encr": None, "integ": SHA256, "integ_key": Secret(bytes(32))}
    assert info(write_state(sa(**ah)))["flags"] & StateFlag.ALIGN4
    over_ipv6 = sa(**ah, source="2001:db8::1", destination="2001:db8::2")
    assert not info(write_state(over_ipv6))["flags"] & StateFlag.ALIGN4


def test_udp_encapsulation():
    encap = attributes(write_state(sa(encap=UdpEncap(4500, 12345))))[Xfrma.ENCAP]
    assert len(encap) == 24
    assert struct.unpack("=H", encap[:2]) == (2,)
    assert struct.unpack(">HH", encap[2:6]) == (4500, 12345)


def test_progress_is_taken_along():
    lifetime, replay, bitmap = bytes(32), b"replay-state", struct.pack("=6I", 1, 9, 8, 0, 0, 32) + b"\7\0\0\0"
    progress = Progress(lifetime, replay, bitmap)
    short = attributes(write_state(sa(direction=Direction.IN), progress))
    assert (short[Xfrma.LTIME_VAL], short[Xfrma.REPLAY_VAL]) == (lifetime, replay)
    assert Xfrma.REPLAY_ESN_VAL not in short
    long = attributes(write_state(sa(direction=Direction.IN, esn=True), progress))
    assert long[Xfrma.REPLAY_ESN_VAL] == bitmap
    assert Xfrma.REPLAY_VAL not in long


def test_the_last_word_of_a_state_has_its_progress():
    body = bytearray(write_state(sa()))
    struct.pack_into("=4Q", body, 160, 1000, 10, 1700000000, 1700000001)
    struct.pack_into("=3I", body, 192, 1, 2, 3)
    replay = attribute(Xfrma.REPLAY_VAL, b"replay-state")
    used = attribute(Xfrma.LASTUSED, struct.pack("=Q", 1700000002))
    message = write_state_id(sa().id) + attribute(Xfrma.SA, bytes(body[:224])) + replay + used
    state = read_deleted_state(message)
    assert state is not None
    assert state.id == sa().id
    assert (state.octets, state.packets, state.last_use) == (1000, 10, 1700000002)
    assert (state.too_old, state.replayed, state.integrity_failed) == (1, 2, 3)
    lifetime = struct.pack("=4Q", 1000, 10, 1700000000, 1700000001)
    assert state.progress == Progress(lifetime, b"replay-state", b"")


def test_a_last_word_without_the_state():
    assert read_deleted_state(write_state_id(sa().id)) is None


def test_a_state_is_recognised_by_its_keys():
    body = write_state(cbc())
    state = read_state(body)
    assert state.has_keys_of(body)
    assert not state.has_keys_of(write_state(cbc(integ_key=Secret(b"X" * 32))))
    assert not state.has_keys_of(write_state(sa()))
