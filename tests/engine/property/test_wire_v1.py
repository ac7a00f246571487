"""IKEv1: whatever is well-formed survives being written and read; whatever is not is refused with InvalidSyntax."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from ikeengine.ikev1.messages.fragments import FragmentSet, cut
from ikeengine.ikev1.wire.attributes import numeric, read_attributes, write_attributes
from ikeengine.ikev1.wire.message import CLEAR_READERS, parse, read_chain, write_chain, write_message
from ikeengine.ikev1.wire.numbers import PayloadType
from ikeengine.ikev1.wire.payloads import READERS, UnknownPayload
from ikeengine.registry import ExchangeType
from ikeengine.wire.reader import Reader
from tests.engine.fuzz.fuzz_parse_v1 import one_input
from tests.engine.support.wire_v1 import header
from tests.engine.support.wire_v1_strategies import attributes, chains, known_payloads, octet, octets

cookies = st.binary(min_size=8, max_size=8)


@given(known_payloads)
def test_payload_round_trip(payload):
    body = payload.write()
    reader = Reader(b"\xaa" + body + b"\xaa", 1, 1 + len(body))
    again = READERS[payload.type](reader)
    reader.finish()
    assert again == payload
    assert again.write() == body


@given(attributes)
def test_attributes_round_trip(values):
    written = write_attributes(values)
    assert read_attributes(Reader(written), 32) == values
    assert write_attributes(read_attributes(Reader(written), 32)) == written


@given(st.integers(0, 0x7FFF), st.integers(0, 0xFFFFFFFF))
def test_a_number_is_read_as_it_was_meant(kind, number):
    (again,) = read_attributes(Reader(write_attributes([numeric(kind, number)])), 1)
    assert (again.kind, again.number) == (kind, number)


@given(chains, octets(0, 255))
def test_chain_round_trip(payloads, padding):
    first, written = write_chain(payloads)
    chain = read_chain(first, written + padding, protected=True)
    assert chain.payloads == payloads
    assert chain.trailing == padding
    assert b"".join(bytes(4) + chain.body(p) for p in chain.payloads) == b"".join(
        bytes(4) + p.write() for p in payloads
    )
    assert write_chain(chain.payloads) == (first, written)
    for at, payload in enumerate(chain.payloads):
        assert chain.after(payload) == write_chain(payloads[at + 1 :])[1]


@given(chains, cookies, cookies, octet, octet, st.integers(0, 0xFFFFFFFF))
def test_clear_message_round_trip(payloads, cookie_i, cookie_r, exchange, flags, message_id):
    clear = tuple(p for p in payloads if isinstance(p, UnknownPayload) or p.type in CLEAR_READERS)
    octets = write_message(cookie_i, cookie_r, exchange, flags & ~1, message_id, clear)
    parsed = parse(octets)
    head = parsed.header
    assert parsed.chain.payloads == clear
    assert (head.spi_i, head.spi_r, head.exchange, head.major) == (cookie_i, cookie_r, exchange, 1)
    assert (head.flags, head.message_id, head.length) == (flags & ~1, message_id, len(octets))


@given(octets(0, 3000), st.integers(60, 600), st.randoms(use_true_random=False))
def test_fragments_round_trip_in_any_order(content, limit, chance: random.Random):
    whole = header(8, 28 + len(content), exchange=32, flags=1, message_id=7) + content
    messages = cut(whole, limit, ExchangeType.IDENTITY_PROTECTION)
    if len(whole) <= limit:
        assert messages == [whole]
        return
    assert all(len(message) <= limit for message in messages)
    arriving = messages + chance.choices(messages, k=3)
    chance.shuffle(arriving)
    fragments = FragmentSet()
    missing = set(messages)
    for message in arriving:
        missing.discard(message)
        merged = fragments.add(parse(message))
        if not missing:
            assert merged == whole
            break
        assert merged is None


@given(st.binary(max_size=300))
def test_any_octets(data):
    one_input(data)


@given(octet, st.binary(max_size=300), octet)
def test_any_octets_behind_a_valid_header(first, data, exchange):
    one_input(header(first, 28 + len(data), exchange=exchange) + data)


@given(st.sampled_from([*PayloadType]), chains, st.data())
def test_cut_and_changed_chains(first, payloads, data):
    kind, written = write_chain(payloads)
    mutable = bytearray(written[: data.draw(st.integers(0, len(written)))])
    for _ in range(data.draw(st.integers(0, 3)) if mutable else 0):
        mutable[data.draw(st.integers(0, len(mutable) - 1))] = data.draw(octet)
    one_input(bytes((data.draw(st.sampled_from([kind, first])),)) + bytes(mutable))
