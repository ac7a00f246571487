"""Classes of values that never change."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

C = TypeVar("C")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def immutable(cls: type[C]) -> type[C]:
    """A dataclass whose instances are equal, and have the same hash, if their fields are.

    mypy refuses to assign to a field. At run time nothing does: in CPython a dataclass that is `frozen` takes two to
    three times as long to make, and hundreds of values are made for each handshake.
    """
    return dataclass(slots=True, unsafe_hash=True)(cls)
