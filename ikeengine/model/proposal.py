"""Proposals and what is chosen from them (RFC 7296 section 3.3)."""

from __future__ import annotations

from ikeengine.model.immutable import immutable
from ikeengine.registry import Protocol, TransformType

ADDITIONAL_KE = tuple(TransformType(number) for number in range(TransformType.ADDKE1, TransformType.ADDKE7 + 1))
"""The transform types of additional key exchanges (RFC 9370 section 4.1)."""


@immutable
class Transform:
    """One transform. `key_length` is in bits, None where the attribute is absent.

    `unknown_attributes` keeps attributes that we do not know as received, so that they round-trip; a transform
    that has any is never chosen (RFC 7296 section 3.3.6).
    """

    type: TransformType
    id: int
    key_length: int | None = None
    unknown_attributes: bytes = b""


@immutable
class Proposal:
    """One proposal: alternatives per transform type, for one protocol. `spi` is empty in IKE_SA_INIT."""

    protocol: Protocol
    transforms: tuple[Transform, ...]
    spi: bytes = b""
    number: int = 1

    def of_type(self, kind: TransformType) -> tuple[Transform, ...]:
        """The transforms of one type, in order of preference."""
        return tuple(t for t in self.transforms if t.type == kind)


@immutable
class IkeSuite:
    """The algorithms of one IKE SA. `integ` is None for combined-mode ciphers."""

    encr: Transform
    prf: Transform
    integ: Transform | None
    ke: Transform
    additional: tuple[Transform, ...] = ()
    """The additional key exchanges in their order (RFC 9370)."""


@immutable
class ChildSuite:
    """The algorithms of one Child SA. `ke` is None without PFS; `encr` is None for AH; `esn` is the negotiated bit."""

    protocol: Protocol
    encr: Transform | None
    integ: Transform | None
    ke: Transform | None
    esn: bool
    additional: tuple[Transform, ...] = ()
    """The additional key exchanges in their order (RFC 9370)."""
