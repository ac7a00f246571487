"""Hypothesis strategies for well-formed IKEv2 payloads."""

from __future__ import annotations

from struct import pack

from hypothesis import strategies as st

from ikeengine.model.identity import Identity
from ikeengine.model.proposal import Proposal, Transform
from ikeengine.model.selector import OPAQUE_PORTS, TrafficSelector
from ikeengine.registry import (
    AuthMethod,
    CertEncoding,
    CpAttribute,
    CpType,
    IdType,
    NotifyType,
    PayloadType,
    Protocol,
    TransformType,
)
from ikeengine.wire.payloads import (
    READERS,
    Auth,
    Cert,
    CertReq,
    Configuration,
    CpAttributeValue,
    Delete,
    Eap,
    IdInitiator,
    IdResponder,
    Ke,
    Nonce,
    Notify,
    Sa,
    TsInitiator,
    TsResponder,
    UnknownPayload,
    UnknownSelector,
    VendorId,
)
from ikeengine.wire.payloads.configuration import VALUE_LENGTHS

octet = st.integers(0, 255)
short = st.integers(0, 65535)


def octets(minimum: int = 0, maximum: int = 40) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=minimum, max_size=maximum)


_fixed_attribute = st.builds(
    lambda kind, value: pack("!HH", 0x8000 | kind, value), st.integers(0, 0x7FFF).filter(lambda k: k != 14), short
)
_long_attribute = st.builds(
    lambda kind, value: pack("!HH", kind, len(value)) + value, st.integers(0, 0x7FFF), octets(0, 20)
)
attributes = st.lists(_fixed_attribute | _long_attribute, max_size=3).map(b"".join)

transforms = st.builds(Transform, octet.map(TransformType), short, st.none() | short, attributes)


@st.composite
def proposals(draw: st.DrawFn, number: int) -> Proposal:
    protocol, sizes = draw(
        st.sampled_from([(1, (0, 8)), (2, (4,)), (3, (4,))]) | st.tuples(st.integers(4, 255), st.just((0, 1, 4, 255)))
    )
    size = draw(st.sampled_from(sizes))
    chosen = draw(st.lists(transforms, min_size=1, max_size=6))
    return Proposal(Protocol(protocol), tuple(chosen), draw(octets(size, size)), number)


@st.composite
def security_associations(draw: st.DrawFn) -> Sa:
    count = draw(st.integers(1, 4))
    if count == 1:
        return Sa((draw(proposals(draw(st.integers(1, 255)))),))
    return Sa(tuple(draw(proposals(number)) for number in range(1, count + 1)))


@st.composite
def identities(draw: st.DrawFn) -> Identity:
    kind = draw(octet)
    size = {1: 4, 5: 16}.get(kind)
    return Identity(IdType(kind), draw(octets() if size is None else octets(size, size)))


@st.composite
def ranges(draw: st.DrawFn) -> TrafficSelector:
    size = draw(st.sampled_from([4, 16]))
    first, last = sorted((draw(octets(size, size)), draw(octets(size, size))))
    ports = draw(st.tuples(short, short).map(sorted) | st.just(OPAQUE_PORTS))
    return TrafficSelector(first, last, draw(octet), ports[0], ports[1])


@st.composite
def selectors(draw: st.DrawFn) -> tuple[tuple[TrafficSelector, ...], tuple[UnknownSelector, ...]]:
    known: list[TrafficSelector] = []
    unknown: list[UnknownSelector] = []
    for index in range(draw(st.integers(1, 5))):
        if draw(st.booleans()):
            known.append(draw(ranges()))
        else:
            kind = draw(octet.filter(lambda k: k not in {7, 8}))
            unknown.append(UnknownSelector(kind, draw(octets()), draw(octet), index))
    return tuple(known), tuple(unknown)


@st.composite
def cp_attributes(draw: st.DrawFn) -> CpAttributeValue:
    kind = draw(st.sampled_from(sorted(VALUE_LENGTHS)) | st.integers(0, 0x7FFF).filter(lambda k: k != 14))
    size = draw(st.sampled_from(sorted(VALUE_LENGTHS.get(kind, {0, 1, 4, 30}))))
    return CpAttributeValue(CpAttribute(kind), draw(octets(size, size)))


@st.composite
def eap_messages(draw: st.DrawFn) -> Eap:
    code, rest = draw(
        st.tuples(st.sampled_from([1, 2]), octets(1))
        | st.tuples(st.sampled_from([3, 4]), st.just(b""))
        | st.tuples(st.sampled_from([0, 5, 6, 255]), octets())
    )
    return Eap(pack("!BBH", code, draw(octet), 4 + len(rest)) + rest)


_run_of_hashes = st.integers(0, 3).map(lambda count: bytes(range(20)) * count)

known_payloads = st.one_of(
    security_associations(),
    st.builds(Ke, short, octets()),
    st.builds(Nonce, octets(16, 256)),
    st.builds(IdInitiator, identities(), octets(3, 3)),
    st.builds(IdResponder, identities(), octets(3, 3)),
    st.builds(Cert, octet.map(CertEncoding), octets()),
    st.builds(CertReq, octet.map(CertEncoding), _run_of_hashes),
    st.builds(Auth, octet.map(AuthMethod), octets()),
    st.builds(Notify, short.map(NotifyType), octets(), octet.map(Protocol), octets(0, 10)),
    st.just(Delete(Protocol.IKE)),
    st.builds(Delete, st.sampled_from([Protocol.AH, Protocol.ESP]), st.lists(octets(4, 4), max_size=5).map(tuple)),
    st.builds(VendorId, octets()),
    selectors().map(lambda both: TsInitiator(*both)),
    selectors().map(lambda both: TsResponder(*both)),
    st.builds(Configuration, octet.map(CpType), st.lists(cp_attributes(), max_size=5).map(tuple)),
    eap_messages(),
)
unknown_types = octet.filter(lambda kind: kind not in {*READERS, PayloadType.NONE, PayloadType.SK, PayloadType.SKF})
payloads = known_payloads | st.builds(UnknownPayload, unknown_types, st.just(False), octets())
chains = st.lists(payloads, max_size=8).map(tuple)
