"""Whatever is well-formed survives being written and read; whatever is not is refused with a documented error."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ikeengine.errors import IntegrityFailed
from ikeengine.registry import PayloadType
from ikeengine.wire.message import CLEAR_READERS, parse, read_chain, write_chain, write_message
from ikeengine.wire.payloads import READERS, UnknownPayload
from ikeengine.wire.reader import Reader
from ikeengine.wire.sk import open_fragment, open_message, seal_fragments, seal_message
from tests.engine.fuzz.fuzz_parse import one_input
from tests.engine.support.wire import SPI_I, SPI_R, ToyCipher, header
from tests.engine.support.wire_strategies import chains, known_payloads, octet

blocks = st.sampled_from([1, 4, 8, 16])
spis = st.binary(min_size=8, max_size=8)


@given(known_payloads)
def test_payload_round_trip(payload):
    body = payload.write()
    reader = Reader(b"\xaa" + body + b"\xaa", 1, 1 + len(body))
    again = READERS[payload.type](reader)
    reader.finish()
    assert again == payload
    assert again.write() == body


@given(chains)
def test_chain_round_trip(payloads):
    first, octets = write_chain(payloads)
    again = read_chain(first, octets, protected=True)
    assert again == payloads
    assert write_chain(again) == (first, octets)


@given(chains, spis, spis, octet, octet, st.integers(0, 0xFFFFFFFF))
def test_clear_message_round_trip(payloads, spi_i, spi_r, exchange, flags, message_id):
    clear = tuple(p for p in payloads if isinstance(p, UnknownPayload) or p.type in CLEAR_READERS)
    octets = write_message(spi_i, spi_r, exchange, flags, message_id, clear)
    parsed = parse(octets)
    head = parsed.header
    assert parsed.payloads == clear
    assert (head.spi_i, head.spi_r, head.exchange) == (spi_i, spi_r, exchange)
    assert (head.flags, head.message_id, head.length) == (flags, message_id, len(octets))
    assert write_message(spi_i, spi_r, exchange, flags, message_id, parsed.payloads) == octets


@given(chains, blocks, st.sampled_from([8, 16]), st.sampled_from([8, 12, 16, 32]))
def test_sealed_message_round_trip(payloads, block, iv_length, icv_length):
    cipher = ToyCipher(block, iv_length, icv_length)
    octets = seal_message(SPI_I, SPI_R, 35, 8, 1, payloads, cipher, b"i" * iv_length)
    parsed = parse(octets)
    assert parsed.payloads == ()
    assert open_message(octets, parsed, cipher) == payloads
    assert (len(octets) - 32 - iv_length - icv_length) % block == 0


@given(chains, blocks, st.integers(120, 700))
def test_fragments_round_trip(payloads, block, size):
    cipher = ToyCipher(block)
    messages = seal_fragments(SPI_I, SPI_R, 35, 8, 1, payloads, cipher, lambda: b"i" * 8, size)
    assert all(len(octets) <= size for octets in messages)
    parsed = [parse(octets) for octets in messages]
    if len(messages) == 1:
        assert open_message(messages[0], parsed[0], cipher) == payloads
        return
    content = b"".join(open_fragment(octets, p, cipher) for octets, p in zip(messages, parsed, strict=True))
    assert parsed[0].encrypted is not None
    assert read_chain(parsed[0].encrypted.first_payload, content, protected=True) == payloads


@given(chains, st.data())
def test_no_changed_octet_of_a_sealed_message_goes_unnoticed(payloads, data):
    cipher = ToyCipher()
    octets = seal_message(SPI_I, SPI_R, 35, 8, 1, payloads, cipher, b"i" * 8)
    at = data.draw(st.integers(32, len(octets) - 1))
    changed = octets[:at] + bytes((octets[at] ^ data.draw(st.integers(1, 255)),)) + octets[at + 1 :]
    try:
        open_message(changed, parse(changed), cipher)
    except IntegrityFailed:
        return
    raise AssertionError("a forged message was opened")


@given(st.binary(max_size=300))
def test_any_octets(data):
    one_input(data)


@given(octet, st.binary(max_size=300), octet)
def test_any_octets_behind_a_valid_header(first, data, exchange):
    one_input(header(first, 28 + len(data), exchange=exchange) + data)


@given(st.sampled_from([*PayloadType]), chains, st.data())
def test_cut_and_changed_chains(first, payloads, data):
    kind, octets = write_chain(payloads)
    mutable = bytearray(octets[: data.draw(st.integers(0, len(octets)))])
    for _ in range(data.draw(st.integers(0, 3)) if mutable else 0):
        mutable[data.draw(st.integers(0, len(mutable) - 1))] = data.draw(octet)
    one_input(bytes((data.draw(st.sampled_from([kind, first])),)) + bytes(mutable))
