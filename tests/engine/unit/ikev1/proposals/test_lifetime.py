"""ikev1.proposals.lifetime."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikeengine.errors import InvalidSyntax
from ikeengine.ikev1.proposals.lifetime import (
    PHASE_1,
    PHASE_2,
    SHORTEST,
    LifeAttributes,
    Lifetime,
    life_attributes,
    lifetime,
    read_life,
    read_responder_lifetime,
    responder_lifetime,
)
from ikeengine.ikev1.wire.attributes import Attribute
from ikeengine.ikev1.wire.numbers import ProtocolId

LIVES = st.builds(Lifetime, st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))


def test_the_example_of_rfc_2407_section_4_5_2() -> None:
    attributes = [Attribute(1, 1), Attribute(2, bytes.fromhex("00015180")), Attribute(1, 2), Attribute(2, 100000)]
    assert read_life(PHASE_2, attributes) == Lifetime(86400, 100000)
    assert responder_lifetime(ProtocolId.ESP, Lifetime(86400)).hex() == "800100010002000400015180"


@pytest.mark.parametrize("kinds", [PHASE_1, PHASE_2])
@given(life=LIVES)
def test_lifetimes_come_back(kinds: LifeAttributes, life: Lifetime) -> None:
    assert read_life(kinds, life_attributes(kinds, life)) == life


@pytest.mark.parametrize("protocol", [ProtocolId.ISAKMP, ProtocolId.AH, ProtocolId.ESP])
@given(life=LIVES)
def test_responder_lifetimes_come_back(protocol: ProtocolId, life: Lifetime) -> None:
    assert read_responder_lifetime(protocol, responder_lifetime(protocol, life)) == life


def test_the_lifetime_of_an_isakmp_sa_is_understood_with_either_numbers() -> None:
    for data in ("800b0001800c0e10", "8001000180020e10"):
        assert read_responder_lifetime(ProtocolId.ISAKMP, bytes.fromhex(data)) == Lifetime(3600)
    assert read_responder_lifetime(ProtocolId.ESP, bytes.fromhex("800b0001800c0e10")) == Lifetime()


@pytest.mark.parametrize(
    "attributes",
    [
        [Attribute(2, 3600)],
        [Attribute(1, 1), Attribute(2, 3600), Attribute(2, 3600)],
        [Attribute(1, 1), Attribute(2, 3600), Attribute(1, 1), Attribute(2, 7200)],
        [Attribute(1, 1), Attribute(2, bytes(9))],
    ],
)
def test_lifetimes_that_make_no_sense_are_refused(attributes: list[Attribute]) -> None:
    with pytest.raises(InvalidSyntax):
        read_life(PHASE_2, attributes)


def test_what_is_said_twice_or_in_other_units_does_no_harm() -> None:
    twice = [Attribute(1, 1), Attribute(2, 3600)] * 2
    assert read_life(PHASE_2, twice) == Lifetime(3600)
    assert read_life(PHASE_2, [Attribute(1, 3), Attribute(2, 5), Attribute(4, 1)]) == Lifetime()


@given(st.binary(max_size=60))
def test_nothing_but_the_documented_error_escapes(data: bytes) -> None:
    for protocol in (ProtocolId.ISAKMP, ProtocolId.ESP):
        try:
            read_responder_lifetime(protocol, data)
        except InvalidSyntax:
            continue


@pytest.mark.parametrize(
    ("ours", "peers", "shorter"),
    [
        (Lifetime(3600), Lifetime(1800), Lifetime(1800)),
        (Lifetime(1800), Lifetime(3600), Lifetime(1800)),
        (Lifetime(), Lifetime(3600, 5), Lifetime(3600, 5)),
        (Lifetime(3600, 5), Lifetime(), Lifetime(3600, 5)),
        (Lifetime(3600, 5), Lifetime(7200, 3), Lifetime(3600, 3)),
        (Lifetime(3600), Lifetime(1), Lifetime(SHORTEST)),
        (Lifetime(5), Lifetime(1), Lifetime(5)),
    ],
)
def test_the_shorter_one_counts(ours: Lifetime, peers: Lifetime, shorter: Lifetime) -> None:
    assert ours.shorter(peers) == shorter


def test_units_of_the_configuration() -> None:
    assert lifetime(3960.9, 1025) == Lifetime(3960, 2)
    assert lifetime(0) == Lifetime()
    assert lifetime(1e12, 1 << 60) == Lifetime(0xFFFFFFFF, 0xFFFFFFFF)
    assert lifetime(1, 2048).octets == 2048
