"""How long the cryptography and the negotiation of a handshake take. Run: python benchmarks/crypto.py"""

from __future__ import annotations

import sys
import timeit
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ikeengine.crypto.cipher import packet_cipher
from ikeengine.crypto.encr import ENCR
from ikeengine.crypto.integ import INTEG
from ikeengine.crypto.kex import KEX
from ikeengine.crypto.keymat_v2 import child_keys, ike_keys
from ikeengine.crypto.prf import PRF
from ikeengine.crypto.rng import SeededRng
from ikeengine.model.proposal import Transform
from ikeengine.negotiate.proposals import DEFAULT_ESP, DEFAULT_IKE, accept_ike, offer, select_child, select_ike
from ikeengine.registry import IntegId, TransformType

NONCE, SHARED, SPI = b"n" * 32, b"s" * 32, b"spi_spi_"
PACKET, HEADER = bytes(1408), bytes(8)
INTEG_ID = IntegId.HMAC_SHA2_256_128


def measure(name: str, work: Callable[[], object], rounds: int) -> None:
    """Print the best of five runs in microseconds."""
    best = min(timeit.repeat(work, number=rounds, repeat=5)) / rounds
    print(f"{name:44}{best * 1e6:10.2f} us")


def negotiation() -> None:
    """Proposals of the defaults."""
    ike, esp = offer(DEFAULT_IKE), offer(DEFAULT_ESP, spi=b"spi!", with_ke=False)
    answer, _ = select_ike(ike, DEFAULT_IKE)
    measure("select_ike", lambda: select_ike(ike, DEFAULT_IKE), 2000)
    measure("accept_ike", lambda: accept_ike([answer], ike), 2000)
    measure("select_child", lambda: select_child(esp, DEFAULT_ESP, with_ke=False), 2000)


def key_schedule() -> None:
    """The keys of an IKE SA and of its first Child SA."""
    _, ike = select_ike(offer(DEFAULT_IKE), DEFAULT_IKE)
    _, child = select_child(offer(DEFAULT_ESP, spi=b"spi!"), DEFAULT_ESP, with_ke=False)
    keys = ike_keys(ike, NONCE, NONCE, SHARED, SPI, SPI)
    measure("ike_keys", lambda: ike_keys(ike, NONCE, NONCE, SHARED, SPI, SPI), 2000)
    measure("child_keys", lambda: child_keys(ike.prf.id, keys.sk_d, child, NONCE, NONCE), 2000)
    for prf in PRF.values():
        measure(f"prf of 400 octets, {prf.keyword}", lambda prf=prf: prf.compute(NONCE, PACKET[:400]), 2000)


def packets() -> None:
    """Packets of 1408 octets; every cipher with its longest key."""
    integ_key = bytes(INTEG[INTEG_ID].key_octets)
    for (encr_id, bits), algorithm in ENCR.items():
        if bits in (None, 256):
            integ = None if algorithm.aead else Transform(TransformType.INTEG, INTEG_ID)
            key = bytes(range(algorithm.key_octets))
            cipher = packet_cipher(Transform(TransformType.ENCR, encr_id, bits), key, integ, integ_key)
            iv = bytes(cipher.iv_length)
            sealed = cipher.seal(HEADER, iv, PACKET)
            name = algorithm.keyword if algorithm.aead else f"{algorithm.keyword}-sha256"
            measure(f"seal, {name}", lambda c=cipher, i=iv: c.seal(HEADER, i, PACKET), 1000)
            measure(f"open, {name}", lambda c=cipher, i=iv, s=sealed: c.open(HEADER, i, s), 1000)


def key_exchanges() -> None:
    """Each method's two steps."""
    rng = SeededRng(1)
    for method in KEX.values():
        ours, theirs = method.generate(rng), method.generate(rng)
        measure(f"generate, {method.keyword}", lambda m=method: m.generate(rng), 10)
        measure(f"shared, {method.keyword}", lambda o=ours, t=theirs: o.shared(t.public), 10)


if __name__ == "__main__":
    negotiation()
    key_schedule()
    packets()
    key_exchanges()
