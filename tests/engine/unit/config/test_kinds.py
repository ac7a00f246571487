from __future__ import annotations

import pytest

from ikeengine.config.kinds import (
    BOOLEAN,
    FILE,
    PORT,
    TEXT,
    Choice,
    Integer,
    ListOf,
    Real,
)

WORDS = Choice({"yes": 1, "no": 2, "force": 3}, {"accept": "yes"}, unsupported=("beet",))


@pytest.mark.parametrize("text", ["yes", "True", "ON", "enabled", "1"])
def test_words_for_yes(text: str) -> None:
    assert BOOLEAN.parse(text) is True


@pytest.mark.parametrize("text", ["no", "False", "off", "disabled", "0"])
def test_words_for_no(text: str) -> None:
    assert BOOLEAN.parse(text) is False


def test_another_word_is_no_boolean() -> None:
    with pytest.raises(ValueError, match="`maybe` is neither yes nor no"):
        BOOLEAN.parse("maybe")


@pytest.mark.parametrize(("text", "value"), [("force", 3), ("FORCE", 3), ("false", 2), ("true", 1), ("accept", 1)])
def test_a_choice_takes_its_words_their_aliases_and_booleans(text: str, value: int) -> None:
    assert WORDS.parse(text) == value


def test_a_misspelt_choice_names_the_nearest_word() -> None:
    with pytest.raises(ValueError, match="not one of yes, no, force; did you mean `force`"):
        WORDS.parse("forc")


def test_a_word_of_swanctl_that_is_not_implemented_says_so() -> None:
    with pytest.raises(ValueError, match="`beet` is not supported yet; supported are yes, no, force"):
        WORDS.parse("beet")


@pytest.mark.parametrize(("text", "number"), [("1", 1), ("65535", 65535), ("0x1F4", 500)])
def test_numbers_may_be_hexadecimal(text: str, number: int) -> None:
    assert PORT.parse(text) == number


@pytest.mark.parametrize("text", ["0", "65536", "-1"])
def test_numbers_out_of_range_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not between 1 and 65535"):
        PORT.parse(text)


@pytest.mark.parametrize("text", ["", "five", "1.0", "1_000", "\u0665"])
def test_what_is_no_whole_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a whole number"):
        Integer().parse(text)


def test_decimal_numbers_have_a_range() -> None:
    assert Real(1.0, 10.0).parse("1.8") == 1.8
    with pytest.raises(ValueError, match="is not between 1 and 10"):
        Real(1.0, 10.0).parse("0.5")
    with pytest.raises(ValueError, match="is not a number"):
        Real().parse("1e3")


def test_lists_are_split_at_commas_unless_items_may_hold_them() -> None:
    assert ListOf(TEXT).parse(" a , b,,c ") == ("a", "b", "c")
    assert ListOf(TEXT, split=False).parse("C=CH, O=x") == ("C=CH, O=x",)
    assert ListOf(TEXT).parse("") == ()


def test_text_must_be_printable_and_files_must_have_a_name() -> None:
    with pytest.raises(ValueError, match="cannot be printed"):
        TEXT.parse("a\nb")
    with pytest.raises(ValueError, match="file name is missing"):
        FILE.parse("")
