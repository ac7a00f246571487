"""Option types of Netfilter marks and XFRM interface IDs."""

from __future__ import annotations

from dataclasses import dataclass

from ikeengine.config.kinds import Integer, JsonSchema
from ikeengine.model.marks import WHOLE_MARK, Allot, IfIdOption, MarkOption

_NUMBER = Integer(0, WHOLE_MARK)
_SCHEMA: JsonSchema = {"type": ["integer", "string"]}


@dataclass(frozen=True)
class MarkKind:
    """`value`, `value/mask`, or a word in the place of the value."""

    words: tuple[Allot, ...]

    @property
    def label(self) -> str:
        """With the words."""
        return " | ".join(["mark/mask", *(word.value for word in self.words)])

    def parse(self, text: str) -> MarkOption:
        """The mark; all bits count unless there is a mask."""
        value, slash, mask = text.partition("/")
        bits = _NUMBER.parse(mask) if slash else WHOLE_MARK
        allot = _word(value, self.words)
        if allot is not None:
            return MarkOption(allot, 0, bits)
        return MarkOption(Allot.FIXED, _NUMBER.parse(value), bits)

    def json_schema(self) -> JsonSchema:
        """A number, or a text."""
        return _SCHEMA


class _IfId:
    """A number or a word."""

    label = "number | %unique | %unique-dir"

    def parse(self, text: str) -> IfIdOption:
        """The interface ID, 0 for none."""
        allot = _word(text, (Allot.UNIQUE, Allot.UNIQUE_DIR))
        return IfIdOption(allot) if allot is not None else IfIdOption(Allot.FIXED, _NUMBER.parse(text))

    def json_schema(self) -> JsonSchema:
        """A number, or a text."""
        return _SCHEMA


def _word(text: str, words: tuple[Allot, ...]) -> Allot | None:
    """What a word that begins with % stands for; None for a number. Raises ValueError for another word."""
    if not text.startswith("%"):
        return None
    for word in words:
        if text == word.value:
            return word
    raise ValueError(f"`{text}` is none of {', '.join(word.value for word in words)}")


MARK = MarkKind((Allot.UNIQUE, Allot.UNIQUE_DIR))
SET_MARK = MarkKind((Allot.SAME,))
IF_ID = _IfId()
