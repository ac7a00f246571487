"""Fuzz target for the IKEv2 message codec: only the documented errors may escape, and what is read can be written.

Run it with `python tests/engine/fuzz/fuzz_parse.py [corpus folder] [libFuzzer options]`; it needs atheris. Without
atheris, `one_input` is still a function that any test can call.
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from ikeengine.errors import InvalidSyntax, UnsupportedCriticalPayload
from ikeengine.registry import PayloadType
from ikeengine.wire.header import HEADER_LENGTH, VERSION_2
from ikeengine.wire.message import parse, read_chain, write_chain, write_message
from ikeengine.wire.payloads import Payload
from ikeengine.wire.rules import RULES, check

DOCUMENTED = (InvalidSyntax, UnsupportedCriticalPayload)
NESTED = (PayloadType.SA, PayloadType.NOTIFY, PayloadType.DELETE, PayloadType.TSI, PayloadType.CP, PayloadType.EAP)
"""Payloads with lengths or counts of their own inside."""


def one_input(data: bytes) -> int:
    """Read octets in every way they could arrive. Returns how many of these readings found something well-formed."""
    first = data[0] if data else 0
    as_received = _datagram(data)
    behind_a_valid_header = _datagram(_repair(data))
    as_content = _content(first, data[1:])
    as_chain_of_a_message = _content(first, data[HEADER_LENGTH:])
    as_bodies = sum(_body(kind, data) for kind in NESTED)
    return as_received + behind_a_valid_header + as_content + as_chain_of_a_message + as_bodies


def _repair(data: bytes) -> bytes:
    """The same octets with a version and a length that make them an IKEv2 message."""
    head = data[:HEADER_LENGTH].ljust(HEADER_LENGTH, b"\0")
    size = max(len(data), HEADER_LENGTH)
    return head[:17] + bytes((VERSION_2,)) + head[18:24] + size.to_bytes(4, "big") + data[HEADER_LENGTH:]


def _datagram(data: bytes) -> bool:
    try:
        parsed = parse(data)
    except DOCUMENTED:
        return False
    head = parsed.header
    if parsed.encrypted is None:
        written = write_message(head.spi_i, head.spi_r, head.exchange, head.flags, head.message_id, parsed.payloads)
        assert parse(written).payloads == parsed.payloads
    else:
        assert HEADER_LENGTH < parsed.encrypted.start <= len(data)
    _check_rules(parsed.payloads)
    return True


def _content(first: int, data: bytes) -> bool:
    try:
        payloads = read_chain(first, data, protected=True)
    except DOCUMENTED:
        return False
    first_again, written = write_chain(payloads)
    assert len(written) == len(data)
    assert read_chain(first_again, written, protected=True) == payloads
    return True


def _body(kind: int, data: bytes) -> bool:
    """The data as the body of one payload, so that no generic header stands in the fuzzer's way."""
    if len(data) > 65531:
        return False
    return _content(kind, bytes((0, 0)) + (len(data) + 4).to_bytes(2, "big") + data)


def _check_rules(payloads: tuple[Payload, ...]) -> None:
    for exchange, is_response in RULES:
        for clear, protected in ((payloads, ()), ((), payloads)):
            try:
                check(exchange, is_response, clear, protected)
            except DOCUMENTED:
                continue


def main() -> None:
    """Hand the target to libFuzzer."""
    import atheris

    atheris.instrument_all()
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
