"""crypto.kex and its methods; hostile public values of RFC 6989 and of RFC 7748 section 7."""

from __future__ import annotations

import pickle
import subprocess
import sys

import pytest

from ikeengine.crypto import kex_modp
from ikeengine.crypto.kex import KEX, KeyExchangeMethod
from ikeengine.crypto.kex_ecp import EcpExchange, EcpMethod
from ikeengine.crypto.kex_modp import ModpMethod
from ikeengine.crypto.kex_xdh import XdhMethod
from ikeengine.crypto.rng import SeededRng
from ikeengine.errors import InvalidSyntax
from ikeengine.registry import KeId
from tests.engine.support.vectors import ROOT

LENGTHS = {
    KeId.MODP_768: 96,
    KeId.MODP_1024: 128,
    KeId.MODP_1536: 192,
    KeId.MODP_2048: 256,
    KeId.MODP_3072: 384,
    KeId.MODP_4096: 512,
    KeId.MODP_6144: 768,
    KeId.MODP_8192: 1024,
    KeId.ECP_256: 64,
    KeId.ECP_384: 96,
    KeId.ECP_521: 132,
    KeId.ECP_256_BP: 64,
    KeId.ECP_384_BP: 96,
    KeId.ECP_512_BP: 128,
    KeId.CURVE_25519: 32,
    KeId.CURVE_448: 56,
}
# RFC 3526 section 8 estimates the strength of the groups; RFC 2409 group 2 has about 80 bits.
MODP_STRENGTH = {768: 70, 1024: 80, 1536: 120, 2048: 112, 3072: 128, 4096: 150, 6144: 170, 8192: 190}

MODP = [method for method in KEX.values() if isinstance(method, ModpMethod)]
ECP = [method for method in KEX.values() if isinstance(method, EcpMethod)]
XDH = [method for method in KEX.values() if isinstance(method, XdhMethod)]


def each(
    methods: list[ModpMethod] | list[EcpMethod] | list[XdhMethod] | list[KeyExchangeMethod],
) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("method", methods, ids=lambda method: method.keyword)


def test_the_table_is_complete() -> None:
    assert {ke_id: method.public_length for ke_id, method in KEX.items()} == LENGTHS


@each(list(KEX.values()))
def test_both_sides_agree(method: KeyExchangeMethod) -> None:
    one, other = method.generate(SeededRng("one")), method.generate(SeededRng("other"))
    assert len(one.public) == method.public_length
    assert one.public != other.public
    assert one.shared(other.public) == other.shared(one.public)


@each(list(KEX.values()))
def test_a_seed_replays(method: KeyExchangeMethod) -> None:
    assert method.generate(SeededRng(5)).public == method.generate(SeededRng(5)).public


@each(list(KEX.values()))
def test_an_exchange_survives_a_handover(method: KeyExchangeMethod) -> None:
    one, peer = method.generate(SeededRng("one")), method.generate(SeededRng("peer"))
    again = pickle.loads(pickle.dumps(one))
    assert again.public == one.public
    assert again.shared(peer.public) == one.shared(peer.public)


@each(list(KEX.values()))
def test_the_private_value_does_not_show(method: KeyExchangeMethod) -> None:
    exchange = method.generate(SeededRng(1))
    private = exchange._private  # type: ignore[attr-defined]
    assert str(private) not in repr(exchange)
    assert repr(method) == f"<{method.id.name}>"


@each(list(KEX.values()))
@pytest.mark.parametrize("difference", [-1, 1])
def test_public_values_of_another_length_are_refused(method: KeyExchangeMethod, difference: int) -> None:
    exchange = method.generate(SeededRng(1))
    with pytest.raises(InvalidSyntax, match="octets"):
        exchange.shared(bytes(method.public_length + difference))
    with pytest.raises(InvalidSyntax, match="octets"):
        exchange.shared(b"")


@each(MODP)
def test_modp_values_out_of_range_are_refused(method: ModpMethod) -> None:
    exchange = method.generate(SeededRng(1))
    for value in (0, 1, method.prime - 1, method.prime, method.prime + 1, 256**method.public_length - 1):
        with pytest.raises(InvalidSyntax, match="out of range"):
            exchange.shared(value.to_bytes(method.public_length, "big"))


@each(MODP)
def test_modp_accepts_the_smallest_value_in_range(method: ModpMethod) -> None:
    """Not the largest one: it is no power of the generator, and some releases of OpenSSL refuse those too."""
    exchange = method.generate(SeededRng(1))
    assert exchange.shared((2).to_bytes(method.public_length, "big")) == exchange.public


@each(MODP)
def test_modp_exponents_are_twice_as_long_as_the_strength(method: ModpMethod) -> None:
    assert method.exponent_bits >= max(256, 2 * MODP_STRENGTH[method.bits])
    private = method.generate(SeededRng(1))._private  # type: ignore[attr-defined]
    assert private.bit_length() == method.exponent_bits


@each(MODP)
def test_modp_power_is_exponentiation(method: ModpMethod) -> None:
    base, exponent = pow(3, 9876, method.prime), (1 << 255) + 12345
    assert method.power(base, exponent) == pow(base, exponent, method.prime).to_bytes(method.public_length, "big")


def test_modp_results_keep_leading_zeros() -> None:
    """RFC 7296 section 2.14: g^ir is padded to the length of the modulus."""
    method = KEX[KeId.MODP_2048]
    assert isinstance(method, ModpMethod)
    assert method.power(2, 5) == (32).to_bytes(256, "big")


def test_modp_works_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    method = KEX[KeId.MODP_2048]
    with_library = method.generate(SeededRng(1)).public
    monkeypatch.setattr(kex_modp, "dh", None)
    assert method.generate(SeededRng(1)).public == with_library


def test_modp_works_with_a_library_that_dropped_it() -> None:
    script = (
        "import sys\n"
        "from cryptography.hazmat.primitives import asymmetric, serialization\n"
        "from cryptography.hazmat.primitives.asymmetric import dh, ec, x448, x25519\n"
        "del asymmetric.dh\n"
        "sys.modules['cryptography.hazmat.primitives.asymmetric.dh'] = None\n"
        "from ikeengine.crypto.kex import KEX\n"
        "from ikeengine.crypto.rng import SeededRng\n"
        "print(KEX[14].generate(SeededRng(1)).public.hex())"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert bytes.fromhex(done.stdout) == KEX[KeId.MODP_2048].generate(SeededRng(1)).public


def test_modp_value_that_the_library_refuses_is_the_peers_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> bytes:
        raise ValueError("Error computing shared key.")

    exchange = KEX[KeId.MODP_2048].generate(SeededRng(1))
    monkeypatch.setattr(ModpMethod, "power", refuse)
    with pytest.raises(InvalidSyntax, match="refused"):
        exchange.shared(bytes(255) + b"\x05")


@each(ECP)
def test_points_off_the_curve_are_refused(method: EcpMethod) -> None:
    exchange, peer = method.generate(SeededRng(1)), method.generate(SeededRng(2))
    half = method.field_octets
    x, y = peer.public[:half], peer.public[half:]
    wrong_y = (int.from_bytes(y, "big") ^ 1).to_bytes(half, "big")
    infinity = bytes(2 * half)
    for public in (x + wrong_y, y + x, infinity, x + bytes(half), b"\xff" * 2 * half):
        with pytest.raises(InvalidSyntax, match="not on the curve"):
            exchange.shared(public)


@each(ECP)
def test_private_values_reach_from_one_to_the_order(method: EcpMethod) -> None:
    EcpExchange(method, 1)
    EcpExchange(method, method.order - 1)
    for outside in (0, method.order):
        with pytest.raises(ValueError):  # noqa: PT011 - its words differ from version to version
            EcpExchange(method, outside)


@each(ECP)
def test_private_values_are_reduced_from_64_more_bits(method: EcpMethod) -> None:
    class Zeros:
        def bytes(self, count: int) -> bytes:
            assert count == method.field_octets + 8
            return bytes(count)

    assert method.generate(Zeros()).public == EcpExchange(method, 1).public


@each(ECP)
def test_shared_secret_is_x_alone(method: EcpMethod) -> None:
    """RFC 5903 section 9: with the private value 1, the shared secret is the x of the peer's point."""
    peer = method.generate(SeededRng(2))
    assert EcpExchange(method, 1).shared(peer.public) == peer.public[: method.field_octets]


P25519 = 2**255 - 19
P448 = 2**448 - 2**224 - 1
ORDER_8 = (
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
)
LOW_ORDER = {
    "x25519": [0, 1, *ORDER_8, P25519 - 1, P25519, P25519 + 1, *(2**255 + n for n in (0, 1, P25519 - 1))],
    "x448": [0, 1, P448 - 1, P448, P448 + 1],
}


@each(XDH)
def test_values_of_low_order_are_refused(method: XdhMethod) -> None:
    exchange = method.generate(SeededRng(1))
    for value in LOW_ORDER[method.keyword]:
        with pytest.raises(InvalidSyntax, match="low order"):
            exchange.shared(value.to_bytes(method.public_length, "little"))


def test_x25519_ignores_the_top_bit_of_the_peer() -> None:
    """RFC 7748 section 5: implementations must mask it."""
    method = KEX[KeId.CURVE_25519]
    exchange, peer = method.generate(SeededRng(1)), method.generate(SeededRng(2))
    flipped = peer.public[:-1] + bytes([peer.public[-1] ^ 0x80])
    assert exchange.shared(flipped) == exchange.shared(peer.public)
