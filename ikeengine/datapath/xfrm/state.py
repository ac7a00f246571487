"""The kernel's form of an SA, `struct xfrm_usersa_info` with its attributes: written from an IpsecSa, read back."""

from __future__ import annotations

import socket
from functools import lru_cache
from socket import htons
from struct import Struct
from typing import NamedTuple

from ikeengine.datapath.netlink import attribute, read_attributes
from ikeengine.datapath.xfrm.algorithms import algorithm_attributes
from ikeengine.datapath.xfrm.constants import (
    IPPROTO_AH,
    IPPROTO_COMP,
    IPPROTO_ESP,
    OFFLOAD_INBOUND,
    OFFLOAD_IPV6,
    REPLAY_ESN_MAX_PACKETS,
    SA_XFLAG_DONT_ENCAP_DSCP,
    UDP_ENCAP_ESPINUDP,
    XFRM_INF,
    StateFlag,
    Xfrma,
    XfrmMode,
)
from ikeengine.datapath.xfrm.selector import XFRM_SELECTOR, any_selector
from ikeengine.errors import DatapathError
from ikeengine.model.connection import Mode
from ikeengine.model.marks import NO_MARK, Mark
from ikeengine.model.path import packed
from ikeengine.model.sa import Direction, IpsecSa, Limits, SaId, UdpEncap
from ikeengine.registry import Protocol

USERSA_INFO = Struct("@56s16sIB3x16s8Q4Q5IHBBB0Q")
"""sel, daddr, spi, proto, saddr, lft, curlft, stats(3), seq, reqid, family, mode, replay_window, flags."""

USERSA_ID = Struct("@16sIHB0I")
"""`struct xfrm_usersa_id`: daddr, spi, family, proto."""

_LIFETIME_CUR = Struct("=4Q")
_ENCAP_TMPL = Struct("=HHHxx16s")
_REPLAY_ESN = Struct("=6I")
_MARK = Struct("=II")
_U32 = Struct("=I")
_U64 = Struct("=Q")
_OFFLOAD = Struct("=iB3x")
_U32_MOST = 0xFFFFFFFF

_BOTH_FAMILIES = bytes(XFRM_SELECTOR.size)
_BITS_IN_WORD = 32
_LARGEST_SIMPLE_WINDOW = 32

IP_PROTOCOL = {Protocol.ESP: IPPROTO_ESP, Protocol.AH: IPPROTO_AH, Protocol.IPCOMP: IPPROTO_COMP}
IPSEC_PROTOCOL = {number: protocol for protocol, number in IP_PROTOCOL.items()}
MODE = {Mode.TUNNEL: XfrmMode.TUNNEL, Mode.TRANSPORT: XfrmMode.TRANSPORT}


class Progress(NamedTuple):
    """What an SA has been through, and must not lose when it moves: attributes as the kernel sent them."""

    lifetime: bytes = b""
    replay: bytes = b""
    replay_esn: bytes = b""


FRESH = Progress()


class KernelState(NamedTuple):
    """A state as the kernel reports it. Times are Unix seconds, 0 for never."""

    id: SaId
    source: str
    reqid: int
    octets: int
    packets: int
    last_use: int
    too_old: int
    replayed: int
    integrity_failed: int
    attributes: dict[int, bytes]
    """All attributes as received, with the keys."""

    def __repr__(self) -> str:
        return f"<state {self.id.protocol.name} {self.id.spi:08x} {self.source} -> {self.id.destination}>"

    @property
    def progress(self) -> Progress:
        """What to hand to `write_state` to continue this state elsewhere."""
        get = self.attributes.get
        return Progress(get(Xfrma.LTIME_VAL, b""), get(Xfrma.REPLAY_VAL, b""), get(Xfrma.REPLAY_ESN_VAL, b""))

    def has_keys_of(self, body: bytes) -> bool:
        """Whether this is the state that a NEWSA body describes, down to the keys."""
        wanted = read_attributes(body[USERSA_INFO.size :])
        kinds = (Xfrma.ALG_AEAD, Xfrma.ALG_CRYPT, Xfrma.ALG_AUTH_TRUNC)
        return all(self.attributes.get(kind) == wanted.get(kind) for kind in kinds)


@lru_cache(maxsize=4096)
def address_octets(address: str) -> bytes:
    """`xfrm_address_t`: an IPv4 address is followed by zeros."""
    return packed(address).ljust(16, b"\0")


def address_family(address: str) -> int:
    """AF_INET or AF_INET6."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def address_text(octets: bytes, family: int) -> str:
    """The canonical text of an `xfrm_address_t`."""
    return socket.inet_ntop(family, octets[:16] if family == socket.AF_INET6 else octets[:4])


def write_state_id(sa: SaId, mark: Mark = NO_MARK) -> bytes:
    """`struct xfrm_usersa_id`, the body of GETSA and DELSA. A state with a mark is not found without."""
    family = address_family(sa.destination)
    name = USERSA_ID.pack(address_octets(sa.destination), socket.htonl(sa.spi), family, IP_PROTOCOL[sa.protocol])
    return name + write_tags(mark, 0)


def write_tags(mark: Mark, if_id: int) -> bytes:
    """The attributes for a mark (`struct xfrm_mark`) and an interface ID; nothing where there is none."""
    parts = [attribute(Xfrma.MARK, _MARK.pack(mark.value, mark.mask))] if mark else []
    if if_id:
        parts.append(attribute(Xfrma.IF_ID, _U32.pack(if_id)))
    return b"".join(parts)


def read_tags(attributes: dict[int, bytes]) -> tuple[Mark, int]:
    """What `write_tags` has written. Raises ValueError if it is something else."""
    mark, if_id = attributes.get(Xfrma.MARK, bytes(8)), attributes.get(Xfrma.IF_ID, bytes(4))
    if (len(mark), len(if_id)) != (_MARK.size, _U32.size):
        raise ValueError("not a mark and an interface ID")
    return Mark(*_MARK.unpack(mark)), int(_U32.unpack(if_id)[0])


def write_state(sa: IpsecSa, progress: Progress = FRESH, *, device: int = 0) -> bytes:
    """The body of NEWSA; `device` is the network card that is to do the cryptography, 0 for none.

    Raises DatapathError for what the kernel cannot do.
    """
    family = address_family(sa.destination)
    window = _replay_window(sa)
    long_window = sa.esn or window > _LARGEST_SIMPLE_WINDOW
    info = USERSA_INFO.pack(
        _selector(sa, family),
        address_octets(sa.destination),
        socket.htonl(sa.spi),
        IP_PROTOCOL[sa.protocol],
        address_octets(sa.source),
        *_lifetime(sa.limits),
        *(0,) * 8,  # curlft, stats and seq are the kernel's
        sa.reqid,
        family,
        MODE[sa.mode],
        0 if long_window else window,
        _flags(sa, family),
    )
    parts = [info, algorithm_attributes(sa)]
    if sa.encap is not None:
        parts.append(_encap(sa.encap))
    if not _copies_dscp_out(sa):
        parts.append(attribute(Xfrma.SA_EXTRA_FLAGS, _U32.pack(SA_XFLAG_DONT_ENCAP_DSCP)))
    if sa.tfc_padding and sa.protocol is Protocol.ESP and sa.mode is Mode.TUNNEL:
        parts.append(attribute(Xfrma.TFCPAD, _U32.pack(sa.tfc_padding & _U32_MOST)))
    parts.append(write_tags(sa.mark, sa.if_id))
    if sa.set_mark:
        parts.append(attribute(Xfrma.SET_MARK, _U32.pack(sa.set_mark.value)))
        parts.append(attribute(Xfrma.SET_MARK_MASK, _U32.pack(sa.set_mark.mask)))
    if device:
        parts.append(attribute(Xfrma.OFFLOAD_DEV, _OFFLOAD.pack(device, _offload_flags(sa, family))))
    parts.append(_replay_attributes(window if long_window else 0, progress))
    return b"".join(parts)


def read_state(body: bytes) -> KernelState:
    """A NEWSA message."""
    return _read_state(body, read_attributes(body[USERSA_INFO.size :]))


def read_deleted_state(body: bytes) -> KernelState | None:
    """The last word of a state: the DELSA message to those who listen, with everything that the state was."""
    attributes = read_attributes(body[USERSA_ID.size :])
    info = attributes.get(Xfrma.SA, b"")
    return _read_state(info, attributes) if len(info) >= USERSA_INFO.size else None


def _read_state(body: bytes, attributes: dict[int, bytes]) -> KernelState:
    fields = USERSA_INFO.unpack_from(body)
    _unused, destination, spi, protocol, source = fields[:5]
    octets, packets = fields[13:15]
    too_old, replayed, integrity_failed, _unused, reqid, family = fields[17:23]
    last_use = attributes.get(Xfrma.LASTUSED)
    attributes.setdefault(Xfrma.LTIME_VAL, _LIFETIME_CUR.pack(*fields[13:17]))
    return KernelState(
        _state_id(destination, spi, protocol, family),
        address_text(source, family),
        reqid,
        octets,
        packets,
        _U64.unpack(last_use)[0] if last_use else 0,
        too_old,
        replayed,
        integrity_failed,
        attributes,
    )


def read_state_id(body: bytes) -> SaId:
    """The name of the state that a NEWSA or EXPIRE message is about."""
    fields = USERSA_INFO.unpack_from(body)
    return _state_id(fields[1], fields[2], fields[3], fields[22])


def read_id(body: bytes) -> tuple[SaId, int]:
    """The `struct xfrm_usersa_id` at the start of a message, and its address family."""
    destination, spi, family, protocol = USERSA_ID.unpack_from(body)
    return _state_id(destination, spi, protocol, family), family


def _state_id(destination: bytes, spi: int, protocol: int, family: int) -> SaId:
    known = IPSEC_PROTOCOL.get(protocol, Protocol.NONE)
    return SaId(known, address_text(destination, family), socket.ntohl(spi))


def _selector(sa: IpsecSa, family: int) -> bytes:
    """Matches everything. A tunnel takes both families (flag AF_UNSPEC), a transport mode state its own."""
    return _BOTH_FAMILIES if sa.mode is Mode.TUNNEL else any_selector(family)


def _lifetime(limits: Limits) -> tuple[int, ...]:
    """`struct xfrm_lifetime_cfg`. To the kernel a time of 0 is no limit, but a volume of 0 is one."""
    return (
        limits.soft_bytes or XFRM_INF,
        limits.hard_bytes or XFRM_INF,
        limits.soft_packets or XFRM_INF,
        limits.hard_packets or XFRM_INF,
        0,
        limits.hard_seconds,
        0,
        0,
    )


def _flags(sa: IpsecSa, family: int) -> StateFlag:
    flags = StateFlag.ESN if sa.esn else StateFlag(0)
    if sa.mode is Mode.TUNNEL:
        flags |= _tunnel_flags(sa)
    if sa.protocol is Protocol.AH and family == socket.AF_INET:
        flags |= StateFlag.ALIGN4  # RFC 4302 section 3.3.3.2.1; the kernel would align to 8 octets
    return flags


def _tunnel_flags(sa: IpsecSa) -> StateFlag:
    flags = StateFlag.AF_UNSPEC
    if not sa.copy_ecn:
        flags |= StateFlag.NOECN
    if not sa.copy_df:
        flags |= StateFlag.NOPMTUDISC
    if sa.direction is Direction.IN and sa.copy_dscp in ("yes", "in"):
        flags |= StateFlag.DECAP_DSCP
    return flags


def _copies_dscp_out(sa: IpsecSa) -> bool:
    return sa.mode is not Mode.TUNNEL or sa.copy_dscp in ("yes", "out")


def _offload_flags(sa: IpsecSa, family: int) -> int:
    inbound = OFFLOAD_INBOUND if sa.direction is Direction.IN else 0
    return inbound | (OFFLOAD_IPV6 if family == socket.AF_INET6 else 0)


def _replay_window(sa: IpsecSa) -> int:
    """Packets. An outbound state needs no window, but the kernel does not take ESN without one.

    Long windows are rounded up to a power of two: with others the kernel forgets that it has seen the first packet.
    """
    if sa.replay_window > REPLAY_ESN_MAX_PACKETS:
        raise DatapathError(f"the kernel's largest replay window is {REPLAY_ESN_MAX_PACKETS} packets")
    if sa.direction is Direction.OUT:
        return 1 if sa.esn else 0
    if sa.esn or sa.replay_window > _LARGEST_SIMPLE_WINDOW:
        return max(_LARGEST_SIMPLE_WINDOW, 1 << (sa.replay_window - 1).bit_length())
    return sa.replay_window


def _replay_attributes(long_window: int, progress: Progress) -> bytes:
    parts = [attribute(Xfrma.LTIME_VAL, progress.lifetime)] if progress.lifetime else []
    if long_window:
        parts.append(attribute(Xfrma.REPLAY_ESN_VAL, progress.replay_esn or _new_bitmap(long_window)))
    elif progress.replay:
        parts.append(attribute(Xfrma.REPLAY_VAL, progress.replay))
    return b"".join(parts)


def _new_bitmap(window: int) -> bytes:
    """`struct xfrm_replay_state_esn`: bmp_len in words, oseq, seq, oseq_hi, seq_hi, replay_window, the bits."""
    words = -(-window // _BITS_IN_WORD)
    return _REPLAY_ESN.pack(words, 0, 0, 0, 0, window) + bytes(4 * words)


def _encap(encap: UdpEncap) -> bytes:
    ports = (htons(encap.source_port), htons(encap.destination_port))
    return attribute(Xfrma.ENCAP, _ENCAP_TMPL.pack(UDP_ENCAP_ESPINUDP, *ports, bytes(16)))
