"""How long the IKEv2 codec takes for typical messages. Run: python benchmarks/wire_codec.py"""

from __future__ import annotations

import sys
import timeit
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ikeengine.model.identity import Identity
from ikeengine.model.proposal import Proposal, Transform
from ikeengine.model.selector import TrafficSelector
from ikeengine.registry import AuthMethod, ExchangeType, IdType, NotifyType, Protocol, TransformType
from ikeengine.wire.message import parse, read_chain, write_chain, write_message
from ikeengine.wire.payloads import (
    Auth,
    IdInitiator,
    IdResponder,
    Ke,
    Nonce,
    Notify,
    Sa,
    TsInitiator,
    TsResponder,
)
from ikeengine.wire.rules import check
from ikeengine.wire.sk import open_message, seal_message

SPI_I, SPI_R, IV = b"i" * 8, b"r" * 8, b"v" * 8
IKE = Proposal(
    Protocol.IKE,
    (
        Transform(TransformType.ENCR, 12, 256),
        Transform(TransformType.PRF, 5),
        Transform(TransformType.INTEG, 12),
        Transform(TransformType.KE, 31),
    ),
)
ESP = Proposal(Protocol.ESP, (Transform(TransformType.ENCR, 20, 256), Transform(TransformType.ESN, 0)), spi=b"spi!")
NETWORK = TrafficSelector(bytes((10, 1, 0, 0)), bytes((10, 1, 255, 255)))
INIT = (
    Sa((IKE,)),
    Ke(31, b"k" * 32),
    Nonce(b"n" * 32),
    Notify(NotifyType.NAT_DETECTION_SOURCE_IP, b"s" * 20),
    Notify(NotifyType.NAT_DETECTION_DESTINATION_IP, b"d" * 20),
    Notify(NotifyType.IKEV2_FRAGMENTATION_SUPPORTED),
    Notify(NotifyType.SIGNATURE_HASH_ALGORITHMS, b"\0\2\0\3\0\4"),
    Notify(NotifyType.CHILDLESS_IKEV2_SUPPORTED),
)
AUTH = (
    IdInitiator(Identity(IdType.ID_FQDN, b"gw1.example.com")),
    IdResponder(Identity(IdType.ID_FQDN, b"gw2.example.com")),
    Auth(AuthMethod.SHARED_KEY, b"a" * 32),
    Sa((ESP,)),
    TsInitiator((NETWORK,)),
    TsResponder((NETWORK,)),
    Notify(NotifyType.MOBIKE_SUPPORTED),
    Notify(NotifyType.EAP_ONLY_AUTHENTICATION),
)


class NoCipher:
    """Costs nothing, so that only the layout is measured."""

    iv_length = 8
    icv_length = 16
    block = 1

    def seal(self, aad: bytes, iv: bytes, plaintext: bytes) -> bytes:
        """The plaintext and sixteen zeros."""
        del aad, iv
        return plaintext + bytes(16)

    def open(self, aad: bytes, iv: bytes, data: bytes) -> bytes:
        """The data without its last sixteen octets."""
        del aad, iv
        return data[:-16]


def measure(name: str, call: Callable[[], object], rounds: int = 10_000) -> None:
    """Print the best of five runs, in microseconds a call."""
    best = min(timeit.repeat(call, number=rounds, repeat=5)) / rounds
    print(f"{name:32}{best * 1e6:8.1f} us")


def main() -> None:
    """Measure everything."""
    cipher = NoCipher()
    init = write_message(SPI_I, SPI_R, ExchangeType.IKE_SA_INIT, 0x20, 0, INIT)
    first, chain = write_chain(AUTH)
    sealed = seal_message(SPI_I, SPI_R, ExchangeType.IKE_AUTH, 0x08, 1, AUTH, cipher, IV)
    parsed = parse(sealed)
    measure("IKE_SA_INIT parse", lambda: parse(init))
    measure("IKE_SA_INIT check", lambda: check(ExchangeType.IKE_SA_INIT, True, INIT, ()))
    measure("IKE_SA_INIT write", lambda: write_message(SPI_I, SPI_R, ExchangeType.IKE_SA_INIT, 0x20, 0, INIT))
    measure("IKE_AUTH parse of the outside", lambda: parse(sealed))
    measure("IKE_AUTH read of the inner chain", lambda: read_chain(first, chain, protected=True))
    measure("IKE_AUTH open", lambda: open_message(sealed, parsed, cipher))
    measure("IKE_AUTH check", lambda: check(ExchangeType.IKE_AUTH, False, (), AUTH))
    measure("IKE_AUTH write of the chain", lambda: write_chain(AUTH))
    measure("IKE_AUTH seal", lambda: seal_message(SPI_I, SPI_R, ExchangeType.IKE_AUTH, 0x08, 1, AUTH, cipher, IV))


if __name__ == "__main__":
    main()
