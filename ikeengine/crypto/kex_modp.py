"""Diffie-Hellman over the MODP groups (RFC 2409 section 6, RFC 3526). All are safe primes with generator 2."""

from __future__ import annotations

import warnings
from functools import cache

from cryptography.utils import CryptographyDeprecationWarning

from ikeengine.crypto.kex_method import KeyExchange, KeyExchangeMethod, register
from ikeengine.crypto.rng import Rng
from ikeengine.errors import InvalidSyntax
from ikeengine.registry import KeId

# Deprecated since cryptography 50 and to be removed one day; MODP groups then still work, with Python's own `pow`.
warnings.filterwarnings("ignore", "Diffie-Hellman over finite fields", CryptographyDeprecationWarning)
try:
    from cryptography.hazmat.primitives.asymmetric import dh
except ImportError:
    dh = None  # type: ignore[assignment]

_GENERATOR = 2
_SMALLEST_NAMED_GROUP = 1536
"""OpenSSL knows these primes; for any other it would test primality again and again, which takes 40 ms each."""
_PI_BITS = 8192


@cache
def _pi() -> int:
    """The integer part of 2**8192 times pi, by Machin's formula pi = 16 arctan(1/5) - 4 arctan(1/239)."""
    guard_bits = 32
    one = 1 << (_PI_BITS + guard_bits)
    return (16 * _arctan_of_inverse(5, one) - 4 * _arctan_of_inverse(239, one)) >> guard_bits


def _arctan_of_inverse(x: int, one: int) -> int:
    power = one // x
    total, divisor, sign = power, 1, 1
    while power:
        power //= x * x
        divisor += 2
        sign = -sign
        total += sign * (power // divisor)
    return total


class ModpMethod(KeyExchangeMethod):
    """One group. Private values are `exponent_bits` long: at least twice the strength of the group.

    RFC 3526 section 8 estimates the strength; a longer exponent would cost time and add nothing.
    """

    def __init__(self, ke_id: KeId, bits: int, offset: int, exponent_bits: int) -> None:
        super().__init__(ke_id, f"modp{bits}", bits // 8)
        self.bits = bits
        self.offset = offset
        self.exponent_bits = exponent_bits
        self._prime = 0

    @property
    def prime(self) -> int:
        """2^n - 2^(n-64) - 1 + 2^64 ([2^(n-130) pi] + offset), as RFC 3526 defines its primes."""
        if not self._prime:
            pi = _pi() >> (_PI_BITS - (self.bits - 130))
            self._prime = (1 << self.bits) - (1 << (self.bits - 64)) - 1 + ((pi + self.offset) << 64)
        return self._prime

    def generate(self, rng: Rng) -> KeyExchange:
        """A private value with its top bit set."""
        octets = self.exponent_bits // 8
        return ModpExchange(self, int.from_bytes(rng.bytes(octets), "big") | 1 << (self.exponent_bits - 1))

    def power(self, base: int, exponent: int) -> bytes:
        """base ** exponent modulo the prime, as long as the prime (RFC 7296 section 2.14).

        OpenSSL's Diffie-Hellman is several times faster than `pow` and takes constant time. It asks for the public
        value that belongs to the exponent but does not need it, so the generator stands in.
        """
        if dh is None or self.bits < _SMALLEST_NAMED_GROUP:
            return pow(base, exponent, self.prime).to_bytes(self.public_length, "big")
        parameters = dh.DHParameterNumbers(self.prime, _GENERATOR)
        key = dh.DHPrivateNumbers(exponent, dh.DHPublicNumbers(_GENERATOR, parameters)).private_key()
        result = key.exchange(dh.DHPublicNumbers(base, parameters).public_key())
        return result.rjust(self.public_length, b"\0")


class ModpExchange(KeyExchange):
    """One exchange in a group."""

    __slots__ = ("_method", "_private")

    def __init__(self, method: ModpMethod, private: int) -> None:
        self._method = method
        self._private = private
        self.public = method.power(_GENERATOR, private)

    def shared(self, peer_public: bytes) -> bytes:
        """The shared secret. The peer's value must be from 2 to p - 2 (RFC 6989 section 2.1)."""
        self._method.check_length(peer_public)
        base = int.from_bytes(peer_public, "big")
        if not 1 < base < self._method.prime - 1:
            raise InvalidSyntax(f"the {self._method.keyword} public value is out of range")
        try:
            return self._method.power(base, self._private)
        except ValueError:
            raise InvalidSyntax(f"the {self._method.keyword} public value is refused") from None

    def __reduce__(self) -> tuple[object, ...]:
        return _restore, (self._method.id, self._private)


def _restore(ke_id: int, private: int) -> ModpExchange:
    return ModpExchange(_METHODS[ke_id], private)


_METHODS: dict[int, ModpMethod] = {
    method.id: method
    for method in (
        ModpMethod(KeId.MODP_768, 768, 149686, exponent_bits=256),
        ModpMethod(KeId.MODP_1024, 1024, 129093, exponent_bits=256),
        ModpMethod(KeId.MODP_1536, 1536, 741804, exponent_bits=256),
        ModpMethod(KeId.MODP_2048, 2048, 124476, exponent_bits=256),
        ModpMethod(KeId.MODP_3072, 3072, 1690314, exponent_bits=256),
        ModpMethod(KeId.MODP_4096, 4096, 240904, exponent_bits=304),
        ModpMethod(KeId.MODP_6144, 6144, 929484, exponent_bits=352),
        ModpMethod(KeId.MODP_8192, 8192, 4743158, exponent_bits=400),
    )
}
for _method in _METHODS.values():
    register(_method)
