"""ML-KEM (FIPS 203, draft-ietf-ipsecme-ikev2-mlkem): safe from quantum computers, used beside another method.

A key encapsulation: the initiator sends its encapsulation key, the responder a ciphertext that only fits this key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.exceptions import UnsupportedAlgorithm

from ikeengine.crypto.kex_method import KeyExchange, KeyExchangeMethod
from ikeengine.crypto.rng import Rng
from ikeengine.errors import InvalidSyntax
from ikeengine.registry import KeId

try:
    from cryptography.hazmat.primitives.asymmetric import mlkem
except ImportError:  # an older library
    mlkem = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM1024PrivateKey

SEED_OCTETS = 64


class MlKemMethod(KeyExchangeMethod):
    """One parameter set. `public_length` is that of the encapsulation key."""

    def generate(self, rng: Rng) -> KeyExchange:
        """The initiator's half: a fresh decapsulation key from `rng`. Raises UnsupportedAlgorithm without ML-KEM."""
        return MlKemExchange(self, rng.bytes(SEED_OCTETS))

    def answer(self, rng: Rng, peer_public: bytes) -> tuple[bytes, bytes]:
        """The ciphertext and the shared secret; the library chooses the randomness. InvalidSyntax for a bad key."""
        if mlkem is None:
            raise UnsupportedAlgorithm("ML-KEM")
        self.check_length(peer_public)
        kind = mlkem.MLKEM768PublicKey if self.id == KeId.ML_KEM_768 else mlkem.MLKEM1024PublicKey
        try:
            shared, ciphertext = kind.from_public_bytes(peer_public).encapsulate()
        except ValueError:
            raise InvalidSyntax(f"the {self.keyword} encapsulation key is not valid") from None
        return ciphertext, shared


class MlKemExchange(KeyExchange):
    """The initiator's half."""

    __slots__ = ("_key", "_method", "_seed")

    def __init__(self, method: MlKemMethod, seed: bytes) -> None:
        if mlkem is None:
            raise UnsupportedAlgorithm("ML-KEM")
        self._method, self._seed = method, seed
        kind = mlkem.MLKEM768PrivateKey if method.id == KeId.ML_KEM_768 else mlkem.MLKEM1024PrivateKey
        self._key: MLKEM768PrivateKey | MLKEM1024PrivateKey = kind.from_seed_bytes(seed)
        self.public = self._key.public_key().public_bytes_raw()

    def shared(self, peer_public: bytes) -> bytes:
        """Decapsulate. A wrong ciphertext gives a secret that nobody else has (FIPS 203 section 6.3)."""
        try:
            return self._key.decapsulate(peer_public)
        except ValueError:
            raise InvalidSyntax(f"an {self._method.keyword} ciphertext of {len(peer_public)} octets") from None

    def __reduce__(self) -> tuple[object, ...]:
        return _restore, (self._method.id, self._seed)


def _restore(ke_id: int, seed: bytes) -> MlKemExchange:
    return MlKemExchange(ML_KEM[ke_id], seed)


ML_KEM: dict[int, MlKemMethod] = {
    method.id: method
    for method in (MlKemMethod(KeId.ML_KEM_768, "mlkem768", 1184), MlKemMethod(KeId.ML_KEM_1024, "mlkem1024", 1568))
}
"""Methods for additional key exchanges only: their messages are too long for IKE_SA_INIT, which is never fragmented."""
