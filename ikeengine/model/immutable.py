"""Classes of values that never change."""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar, dataclass_transform

C = TypeVar("C")


def field(**options: Any) -> Any:
    """A field with options of `dataclasses.field`."""
    # pylint accepts that one in classes with `@dataclass` only.
    return dataclasses.field(**options)  # pylint: disable=invalid-field-call


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def immutable(cls: type[C]) -> type[C]:
    """A dataclass whose instances are equal, and have the same hash, if their fields are.

    mypy refuses to assign to a field. At run time nothing does: in CPython a dataclass that is `frozen` takes two to
    three times as long to make, and hundreds of values are made for each handshake.
    """
    return dataclasses.dataclass(slots=True, unsafe_hash=True)(cls)
