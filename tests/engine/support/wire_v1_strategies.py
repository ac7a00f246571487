"""Hypothesis strategies for well-formed IKEv1 payloads."""

from __future__ import annotations

from hypothesis import strategies as st

from ikeengine.ikev1.wire.attributes import Attribute
from ikeengine.ikev1.wire.numbers import Doi, IdType, NotifyType, PayloadType, ProtocolId
from ikeengine.ikev1.wire.payloads import (
    READERS,
    Attributes,
    Cert,
    CertReq,
    Delete,
    Fragment,
    Hash,
    Id,
    Ke,
    NatD,
    NatOa,
    Nonce,
    Notify,
    ProposalPayload,
    Sa,
    Signature,
    TransformPayload,
    UnknownPayload,
    VendorId,
)
from ikeengine.ikev1.wire.payloads.identification import LENGTHS
from ikeengine.registry import CertEncoding, CpType

octet = st.integers(0, 255)
short = st.integers(0, 65535)


def octets(minimum: int = 0, maximum: int = 40) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=minimum, max_size=maximum)


attributes = st.lists(st.builds(Attribute, st.integers(0, 0x7FFF), short | octets()), max_size=6).map(tuple)
transforms = st.builds(TransformPayload, octet, octet, attributes)


@st.composite
def proposals(draw: st.DrawFn, number: int) -> ProposalPayload:
    protocol, sizes = draw(
        st.sampled_from([(1, tuple(range(17))), (2, (4,)), (3, (4,)), (4, (2, 4))])
        | st.tuples(st.integers(5, 255), st.just((0, 1, 4, 255)))
    )
    size = draw(st.sampled_from(sizes))
    chosen = draw(st.lists(transforms, min_size=1, max_size=4))
    return ProposalPayload(number, ProtocolId(protocol), tuple(chosen), draw(octets(size, size)))


@st.composite
def security_associations(draw: st.DrawFn) -> Sa:
    numbers = draw(st.lists(octet, min_size=1, max_size=3, unique=True))
    bundled = [number for number in numbers for _ in range(draw(st.integers(1, 3)))]
    return Sa(tuple(draw(proposals(number)) for number in bundled))


@st.composite
def identifications(draw: st.DrawFn) -> Id:
    kind = draw(octet)
    size = LENGTHS.get(kind)
    data = draw(octets() if size is None else octets(size, size))
    return Id(IdType(kind), data, draw(octet), draw(short))


@st.composite
def deletes(draw: st.DrawFn) -> Delete:
    protocol, size = draw(st.sampled_from([(1, 16), (2, 4), (3, 4), (4, 2), (4, 4)]))
    spis = draw(st.lists(octets(size, size), min_size=1, max_size=5))
    return Delete(ProtocolId(protocol), tuple(spis), draw(st.sampled_from(Doi)))


known_payloads = st.one_of(
    security_associations(),
    st.builds(Ke, octets()),
    identifications(),
    st.builds(Cert, octet.map(CertEncoding), octets()),
    st.builds(CertReq, octet.map(CertEncoding), octets()),
    st.builds(Hash, octets()),
    st.builds(Signature, octets()),
    st.builds(Nonce, octets(8, 256)),
    st.builds(Notify, short.map(NotifyType), octets(), octet.map(ProtocolId), octets(0, 20), st.sampled_from(Doi)),
    deletes(),
    st.builds(VendorId, octets()),
    st.builds(Attributes, octet.map(CpType), short, attributes),
    st.builds(NatD, octets(), st.sampled_from([PayloadType.NAT_D, PayloadType.NAT_D_DRAFT])),
    st.builds(NatOa, octets(4, 4) | octets(16, 16), st.sampled_from([PayloadType.NAT_OA, PayloadType.NAT_OA_DRAFT])),
    st.builds(Fragment, short, st.integers(1, 255), st.booleans(), octets(1)),
)
unknown_types = octet.filter(lambda kind: kind not in {*READERS, 0, 2, 3}).map(PayloadType)
payloads = known_payloads | st.builds(UnknownPayload, unknown_types, octets())
chains = st.lists(payloads, max_size=8).map(tuple)
