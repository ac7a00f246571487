"""Netfilter marks and XFRM interface IDs of SAs and policies, for route-based VPNs."""

from __future__ import annotations

from enum import Enum

from ikeengine.model.immutable import immutable


class Allot(Enum):
    """Where a number comes from, if the configuration does not name it."""

    FIXED = ""
    UNIQUE = "%unique"
    """One for both directions of a Child SA."""
    UNIQUE_DIR = "%unique-dir"
    """One for each direction."""
    SAME = "%same"
    """The number that `mark_in` or `mark_out` got (`set_mark_in` and `set_mark_out` only)."""


WHOLE_MARK = 0xFFFFFFFF


@immutable
class Mark:
    """A mark and the bits of it that count. Neither is set: no mark."""

    value: int = 0
    mask: int = 0

    def __bool__(self) -> bool:
        return bool(self.value or self.mask)

    def __str__(self) -> str:
        return f"0x{self.value:08x}/0x{self.mask:08x}"


NO_MARK = Mark()


@immutable
class MarkOption:
    """A mark as configured: `42`, `0x2a/0xff`, `%unique`, `%unique-dir`, `%same`."""

    allot: Allot = Allot.FIXED
    value: int = 0
    mask: int = WHOLE_MARK

    @property
    def is_set(self) -> bool:
        """Whether a mark is wanted at all."""
        return self.allot is not Allot.FIXED or bool(self.value)

    def __str__(self) -> str:
        return f"{self.allot.value or f'0x{self.value:x}'}/0x{self.mask:x}"


@immutable
class IfIdOption:
    """An XFRM interface ID as configured: a number, `%unique` or `%unique-dir`; 0 for none."""

    allot: Allot = Allot.FIXED
    value: int = 0

    @property
    def is_set(self) -> bool:
        """Whether an interface ID is wanted at all."""
        return self.allot is not Allot.FIXED or bool(self.value)

    def __str__(self) -> str:
        return self.allot.value or str(self.value)


NO_MARK_OPTION = MarkOption()
NO_IF_ID = IfIdOption()


@immutable
class Tags:
    """The marks and interface IDs of one Child SA, with all numbers chosen."""

    mark_in: Mark = NO_MARK
    mark_out: Mark = NO_MARK
    set_mark_in: Mark = NO_MARK
    set_mark_out: Mark = NO_MARK
    if_id_in: int = 0
    if_id_out: int = 0


NO_TAGS = Tags()
