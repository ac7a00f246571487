"""Traffic Selector payloads (RFC 7296 section 3.13)."""

from __future__ import annotations

from struct import Struct
from typing import ClassVar, Final, Self

from ikeengine.errors import InvalidSyntax
from ikeengine.model.immutable import immutable
from ikeengine.model.selector import OPAQUE_PORTS, TrafficSelector
from ikeengine.registry import PayloadType, TsType
from ikeengine.wire.reader import Reader

_LAYOUT = Struct("!B3x")
_SELECTOR = Struct("!BBH")
_IPV4 = Struct("!HH4s4s")
_IPV6 = Struct("!HH16s16s")
_RANGES: Final[dict[int, Struct]] = {TsType.TS_IPV4_ADDR_RANGE: _IPV4, TsType.TS_IPV6_ADDR_RANGE: _IPV6}
_IPV4_HEAD: Final = (TsType.TS_IPV4_ADDR_RANGE, _SELECTOR.size + _IPV4.size)
_IPV6_HEAD: Final = (TsType.TS_IPV6_ADDR_RANGE, _SELECTOR.size + _IPV6.size)


@immutable
class UnknownSelector:
    """A selector of a type that we do not know, as received. It never matches anything.

    `body` is what follows the selector's header of four octets; `protocol` is the second octet of that header.
    `index` is the selector's place in the payload, so that what is read can be written again.
    """

    type: int
    body: bytes
    protocol: int = 0
    index: int = 0


@immutable
class TrafficSelectors:
    """What TSi and TSr share.

       +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
       | Number of TSs |                 RESERVED                      |
       +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
       ~                       <Traffic Selectors>                     ~
       +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

    and each selector (RFC 7296 section 3.13.1)

       +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
       |   TS Type     |IP Protocol ID |       Selector Length         |
       +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
       |           Start Port          |           End Port            |
       +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
       ~                         Starting Address                      ~
       +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
       ~                         Ending Address                        ~
       +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    """

    selectors: tuple[TrafficSelector, ...]
    unknown: tuple[UnknownSelector, ...] = ()

    @classmethod
    def read(cls, body: Reader) -> Self:
        """Decode a body; raises InvalidSyntax, also for ranges that end before they start."""
        (count,) = body.unpack(_LAYOUT)
        if not count:
            raise InvalidSyntax("no traffic selector")
        selectors: list[TrafficSelector] = []
        unknown: list[UnknownSelector] = []
        for index in range(count):
            (kind, protocol, _length), part = body.structure(_SELECTOR)
            layout = _RANGES.get(kind)
            if layout is None:
                unknown.append(UnknownSelector(kind, part.rest(), protocol, index))
            else:
                selectors.append(_read_range(part, layout, protocol))
        return cls(tuple(selectors), tuple(unknown))

    def write(self) -> bytes:
        """Encode the body."""
        parts = [_write_range(selector) for selector in self.selectors]
        for other in self.unknown:
            head = _SELECTOR.pack(other.type, other.protocol, _SELECTOR.size + len(other.body))
            parts.insert(other.index, head + other.body)
        return _LAYOUT.pack(len(parts)) + b"".join(parts)


@immutable
class TsInitiator(TrafficSelectors):
    """TSi: traffic at the initiator's end of the Child SA."""

    type: ClassVar[PayloadType] = PayloadType.TSI


@immutable
class TsResponder(TrafficSelectors):
    """TSr: traffic at the responder's end of the Child SA."""

    type: ClassVar[PayloadType] = PayloadType.TSR


def _read_range(part: Reader, layout: Struct, protocol: int) -> TrafficSelector:
    first_port, last_port, first, last = part.unpack(layout)
    part.finish()
    if first > last:
        raise InvalidSyntax("a traffic selector whose addresses end before they start")
    if first_port > last_port and (first_port, last_port) != OPAQUE_PORTS:
        raise InvalidSyntax("a traffic selector whose ports end before they start")
    return TrafficSelector(first, last, protocol, first_port, last_port)


def _write_range(selector: TrafficSelector) -> bytes:
    kind, length = _IPV6_HEAD if selector.is_ipv6 else _IPV4_HEAD
    ports = (selector.first_port, selector.last_port)
    return _SELECTOR.pack(kind, selector.protocol, length) + _RANGES[kind].pack(*ports, selector.first, selector.last)
