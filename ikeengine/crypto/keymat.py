"""What the key derivations of both IKE versions share: how much material the algorithms need, and how it is cut."""

from __future__ import annotations

from collections.abc import Sequence

from ikeengine.crypto.encr import ENCR
from ikeengine.crypto.integ import INTEG
from ikeengine.errors import LocalMisuse
from ikeengine.model.immutable import immutable
from ikeengine.model.proposal import ChildSuite, Transform
from ikeengine.model.secret import Secret


@immutable
class ChildKeyMaterial:
    """The keys of a Child SA: `_i` for traffic from the initiator of its exchange to the responder, `_r` back."""

    encr_i: Secret
    integ_i: Secret
    encr_r: Secret
    integ_r: Secret


def encr_octets(encr: Transform) -> int:
    """Octets of key material for a cipher, including its salt. LocalMisuse if there is no such cipher."""
    algorithm = ENCR.get((encr.id, encr.key_length))
    if algorithm is None:
        raise LocalMisuse(f"there is no encryption algorithm {encr.id} with a key length of {encr.key_length}")
    return algorithm.key_octets


def integ_octets(integ: Transform | None) -> int:
    """Octets of key material for an integrity algorithm; None needs none."""
    return INTEG[integ.id].key_octets if integ else 0


def child_octets(suite: ChildSuite) -> tuple[int, int]:
    """Octets of encryption and of integrity key for one direction (RFC 7296 section 2.17)."""
    return encr_octets(suite.encr) if suite.encr else 0, integ_octets(suite.integ)


def pieces(stream: bytes, sizes: Sequence[int]) -> list[Secret]:
    """The keys in a stream of key material, one after the other."""
    keys = []
    start = 0
    for size in sizes:
        keys.append(Secret(stream[start : start + size]))
        start += size
    return keys
