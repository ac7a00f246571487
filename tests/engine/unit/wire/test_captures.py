"""Messages that other implementations sent, from captures in this repository and beside it."""

from __future__ import annotations

from itertools import islice

import pytest

from ikeengine.errors import InvalidSyntax
from ikeengine.model.proposal import Transform
from ikeengine.registry import ExchangeType, NotifyType, PayloadType, TransformType
from ikeengine.wire.message import parse, write_message
from ikeengine.wire.payloads import Ke, Nonce, Notify, Sa
from ikeengine.wire.rules import check
from tests.engine.fuzz.fuzz_parse import one_input
from tests.engine.support.pcap import read_datagrams, read_ike
from tests.engine.support.vectors import DATA, external

CAPTURES = DATA / "captures"


def messages(name: str) -> list[bytes]:
    return list(read_ike(CAPTURES / name))


def test_a_whole_ike_sa():
    parsed = [parse(octets) for octets in messages("ikev2four.pcap")]
    exchanges = [p.header.exchange for p in parsed]
    assert exchanges == [ExchangeType.IKE_SA_INIT] * 4 + [ExchangeType.IKE_AUTH] * 2 + [
        ExchangeType.CREATE_CHILD_SA
    ] * 14 + [ExchangeType.INFORMATIONAL]
    assert [p.encrypted is None for p in parsed] == [True] * 4 + [False] * 17
    assert [p.encrypted.first_payload for p in parsed[4:6] if p.encrypted] == [PayloadType.IDI, PayloadType.IDR]
    for p in parsed:
        assert (p.header.major, p.header.minor) == (2, 0)
        if p.encrypted is None:
            check(p.header.exchange, p.header.is_response, p.payloads, ())


def test_ike_sa_init_with_a_cookie():
    request, cookie, retry, response = (parse(octets) for octets in islice(messages("ikev2four.pcap"), 4))
    assert [type(p) for p in request.payloads] == [Sa, Ke, Nonce, Notify, Notify]
    assert [p.kind for p in cookie.payloads if isinstance(p, Notify)] == [NotifyType.COOKIE]
    assert retry.payloads == (*cookie.payloads, *request.payloads)
    assert request.header.is_initiator
    assert response.header.is_response
    chosen = response.payloads[0]
    assert isinstance(chosen, Sa)
    assert len(chosen.proposals) == 1
    assert {t.type for t in chosen.proposals[0].transforms} == {
        TransformType.ENCR,
        TransformType.PRF,
        TransformType.INTEG,
        TransformType.KE,
    }


def test_clear_messages_are_written_as_they_came():
    for octets in messages("ikev2four.pcap")[:4]:
        parsed = parse(octets)
        head = parsed.header
        written = write_message(head.spi_i, head.spi_r, head.exchange, head.flags, head.message_id, parsed.payloads)
        assert written == octets


def test_w06_critical_bit_on_known_payloads_from_a_real_peer():
    request = parse(messages("ikev2pI2.pcap")[0])
    sa = request.payloads[0]
    assert isinstance(sa, Sa)
    assert [p.number for p in sa.proposals] == [1, 2, 3, 4, 5, 6]
    assert sa.proposals[0].transforms[0] == Transform(TransformType.ENCR, 12)
    check(ExchangeType.IKE_SA_INIT, False, request.payloads, ())


@pytest.mark.parametrize("name", ["ikev2-id-normal.pcap", "ikev2-id-short.pcap"])
def test_an_identity_in_the_clear_is_not_read(name: str):
    (octets,) = messages(name)
    with pytest.raises(InvalidSyntax, match="IDI outside the encrypted payload"):
        parse(octets)


def test_all_captures():
    """W13: every datagram of every capture, as an IKE message or not, with and without the first four octets."""
    datagrams = [datagram.data for path in external("captures").glob("*.pcap") for datagram in read_datagrams(path)]
    assert len(datagrams) > 60
    for data in datagrams:
        one_input(data)
        one_input(data[4:])
