"""Fuzz target for the IKEv1 message codec: nothing but InvalidSyntax may escape, and what is read can be written.

Run it with `python tests/engine/fuzz/fuzz_parse_v1.py [corpus folder] [libFuzzer options]`; it needs atheris. Without
atheris, `one_input` is still a function that any test can call.
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from ikeengine.errors import InvalidSyntax
from ikeengine.ikev1.messages.fragments import FragmentSet
from ikeengine.ikev1.messages.vendor_ids import recognise, takes_fragments
from ikeengine.ikev1.wire.attributes import Attribute
from ikeengine.ikev1.wire.message import VERSION_1, Chain, parse, read_chain, write_chain
from ikeengine.ikev1.wire.numbers import PayloadType
from ikeengine.ikev1.wire.payloads import Attributes, Id, Sa, VendorId
from ikeengine.ikev1.wire.rules import RULES, check
from ikeengine.wire.header import HEADER_LENGTH

NESTED = (
    PayloadType.SA,
    PayloadType.ID,
    PayloadType.NOTIFY,
    PayloadType.DELETE,
    PayloadType.ATTRIBUTES,
    PayloadType.NAT_OA,
    PayloadType.FRAGMENT,
)
"""Payloads with lengths, counts or kinds of their own inside."""


def one_input(data: bytes) -> int:
    """Read octets in every way they could arrive. Returns how many of these readings found something well-formed."""
    as_received = _datagram(data)
    behind_a_valid_header = _datagram(_repair(data))
    as_content = _content(data[0] if data else 0, data[1:])
    as_decrypted = _content(data[16] if len(data) > 16 else 0, data[HEADER_LENGTH:])
    as_bodies = sum(_body(kind, data) for kind in NESTED)
    return as_received + behind_a_valid_header + as_content + as_decrypted + as_bodies


def _repair(data: bytes) -> bytes:
    """The same octets with a version, flags and a length that make them an IKEv1 message in the clear."""
    head = data[:HEADER_LENGTH].ljust(HEADER_LENGTH, b"\0")
    size = max(len(data), HEADER_LENGTH)
    return head[:17] + bytes((VERSION_1, head[18], 0)) + head[20:24] + size.to_bytes(4, "big") + data[HEADER_LENGTH:]


def _datagram(data: bytes) -> bool:
    try:
        parsed = parse(data)
    except InvalidSyntax:
        return False
    if parsed.is_encrypted:
        assert parsed.ciphertext == data[HEADER_LENGTH:]
        assert not parsed.chain.payloads
    else:
        _examine(parsed.chain, data[HEADER_LENGTH:])
    try:
        FragmentSet().add(parsed)
    except InvalidSyntax:
        return True
    return True


def _content(first: int, data: bytes) -> bool:
    try:
        chain = read_chain(first, data, protected=True)
    except InvalidSyntax:
        return False
    _examine(chain, data)
    first_again, written = write_chain(chain.payloads)
    assert read_chain(first_again, written, protected=True).payloads == chain.payloads
    assert len(written) + len(chain.trailing) == len(data)
    return True


def _body(kind: int, data: bytes) -> bool:
    """The data as the body of one payload, so that no generic header stands in the fuzzer's way."""
    if len(data) > 65531:
        return False
    return _content(kind, bytes((0, 0)) + (len(data) + 4).to_bytes(2, "big") + data)


def _examine(chain: Chain, octets: bytes) -> None:
    """Ask for everything that a chain and its payloads can tell."""
    assert chain.octets == octets
    for payload in chain.payloads:
        assert len(payload.write()) == len(chain.body(payload))
        assert octets.endswith(chain.after(payload) + chain.trailing)
        assert repr(payload).isprintable()
        match payload:
            case Sa():
                assert sum(map(len, payload.bundles)) == len(payload.proposals)
                for proposal in payload.proposals:
                    for transform in proposal.transforms:
                        _examine_attributes(transform.attributes)
            case Attributes():
                _examine_attributes(payload.attributes)
            case Id():
                assert Id.of(payload.identity).data == payload.data
            case VendorId():
                assert recognise(payload.data) or not takes_fragments(payload.data)
    _check_rules(chain)


def _examine_attributes(attributes: tuple[Attribute, ...]) -> None:
    for attribute in attributes:
        assert isinstance(attribute.octets, bytes)
        try:
            assert attribute.number >= 0
        except InvalidSyntax:
            continue


def _check_rules(chain: Chain) -> None:
    for step, row in RULES.items():
        for proof in (PayloadType.HASH, PayloadType.SIG) if row.proves else (PayloadType.HASH,):
            try:
                check(step, chain.payloads, encrypted=row.encrypted is True, proof=proof)
            except InvalidSyntax:
                continue


def main() -> None:
    """Hand the target to libFuzzer."""
    import atheris

    atheris.instrument_all()
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
