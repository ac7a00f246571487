"""Encryption algorithms, transform type 1 (RFC 7296 section 3.3.2), as a table of what each needs.

The ciphers themselves are in `encr_aead` and `encr_classic`; packets are sealed and opened by `cipher`.
"""

from __future__ import annotations

from ikeengine.crypto.encr_aead import AEAD_ALGORITHMS, AeadAlgorithm
from ikeengine.crypto.encr_classic import CLASSIC_ALGORITHMS, ClassicAlgorithm

EncrAlgorithm = AeadAlgorithm | ClassicAlgorithm

_ALGORITHMS: tuple[EncrAlgorithm, ...] = (*AEAD_ALGORITHMS, *CLASSIC_ALGORITHMS)

ENCR: dict[tuple[int, int | None], EncrAlgorithm] = {
    (algorithm.id, algorithm.key_length): algorithm for algorithm in _ALGORITHMS
}
"""Every encryption algorithm by (transform ID, Key Length attribute in bits or None where it must be absent)."""
