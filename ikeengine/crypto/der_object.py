"""What certificates, CRLs and OCSP responses have in common: they are the octets that they were parsed from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Self

from ikeengine.errors import AuthFailed
from ikeengine.model.failure import Alert


def unusable(noun: str, detail: str) -> AuthFailed:
    """The error that says why an object cannot be used."""
    return AuthFailed(Alert.CERT_VALIDATION_FAILED.value, f"{noun}: {detail}")


class DerObject(ABC):
    """Two of a kind are equal if their DER octets are."""

    __slots__ = ()

    NOUN: ClassVar[str]
    """What error messages call it."""

    der: bytes

    @classmethod
    def from_der(cls, encoded: bytes) -> Self:
        """Parse everything. Raises AuthFailed("cert-validation-failed") for octets that we cannot use."""
        try:
            return cls._parse(encoded)
        except AuthFailed:
            raise
        except Exception as error:  # noqa: BLE001  whatever the library finds wrong is the sender's fault
            raise unusable(cls.NOUN, f"{type(error).__name__}: {error}") from None

    @classmethod
    @abstractmethod
    def _parse(cls, encoded: bytes) -> Self:
        """Read all fields. Whatever it raises is the sender's fault."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and self.der == other.der

    def __hash__(self) -> int:
        return hash(self.der)

    def __reduce__(self) -> tuple[object, tuple[bytes]]:
        return type(self).from_der, (self.der,)
