from __future__ import annotations

from ikeengine.config.kinds import BOOLEAN, COUNT, DURATION, TEXT, Kind, ListOf
from ikeengine.config.problems import Mark, Problems
from ikeengine.config.reader import read
from ikeengine.config.schema import Fixed, Form, Option, Section, Subsection, Values
from ikeengine.config.yaml_tree import parse_yaml

_OPTIONAL: Kind[float | None] = DURATION
NUMBER = Option("number", COUNT, "A number.", "7")
TIME = Option("time", _OPTIONAL, "A time.")
WORDS = Option("words", ListOf(TEXT), "Words.", "a,b")
ID = Option("id", ListOf(TEXT, split=False), "Names.", "", suffixed=True)
NUMBERS = Option("numbers", ListOf(COUNT), "Numbers.", "")
INNER = Section("things.<name>", "A thing.", (NUMBER, WORDS))
OUTER = Section(
    "",
    "Everything.",
    (NUMBER, TIME, WORDS, ID, NUMBERS, Option("local_addrs", TEXT, "Addresses.", "")),
    (
        Fixed("mark", "marks", "0", COUNT),
        Fixed("mobike", "MOBIKE", "no", BOOLEAN),
        Fixed("vips", "virtual IPs"),
        Fixed("ppk", "PPK", suffixed=True),
    ),
    (Subsection("local", INNER, Form.SUFFIXED), Subsection("things", INNER, Form.NAMED), Subsection("log", INNER)),
)


def read_yaml(text: str) -> tuple[Values, list[str]]:
    problems = Problems()
    values = read(OUTER, parse_yaml(text, "f", problems), "", problems)
    return values, [str(error) for error in problems.sorted()]


def test_absent_options_have_their_defaults() -> None:
    values, errors = read_yaml("")
    assert errors == []
    assert (values[NUMBER], values[TIME], values[WORDS], values[ID]) == (7, None, ("a", "b"), ())
    assert NUMBER not in values


def test_written_options_have_their_values_and_places() -> None:
    values, errors = read_yaml("number: 9\ntime: 1h\nwords: [x, y z]\n")
    assert errors == []
    assert (values[NUMBER], values[TIME], values[WORDS]) == (9, 3600.0, ("x", "y z"))
    assert values.mark_of(TIME) == Mark("f", 2, 1)
    assert values.key(TIME) == "time"
    assert NUMBER in values


def test_lists_may_be_one_text() -> None:
    values, errors = read_yaml("words: x, y\nid: C=CH, O=x\n")
    assert errors == []
    assert (values[WORDS], values[ID]) == (("x", "y"), ("C=CH, O=x",))


def test_suffixed_options_add_up() -> None:
    values, _ = read_yaml("id-1: a\nid: [b, c]\nid2: d\n")
    assert values[ID] == ("a", "b", "c", "d")


def test_every_bad_value_is_told_with_its_own_place() -> None:
    values, errors = read_yaml("number: many\nnumbers:\n  - 1\n  - two\n  - three\ntime:\n")
    assert errors == [
        "f:1:9: number: `many` is not a whole number",
        "f:4:5: numbers: `two` is not a whole number",
        "f:5:5: numbers: `three` is not a whole number",
        "f:6:6: time: a value is missing (duration)",
    ]
    assert values[NUMBER] == 7
    assert not values.sound(NUMBER)
    assert values.sound(WORDS)


def test_shapes_that_do_not_fit_are_told() -> None:
    _, errors = read_yaml("number: [1]\nwords: {a: 1}\nnumbers: [[1], {a: 2}]\nlog: 3\nthings: [a]\n")
    assert errors == [
        "f:1:9: number: one value is expected here (number), not a list",
        "f:2:8: words: a list is expected here (text), not a section",
        "f:3:11: numbers: the list holds a list instead of a value (number)",
        "f:3:16: numbers: the list holds a section instead of a value (number)",
        "f:4:6: log: a section is expected here: indented lines of `key: value`",
        "f:5:9: things: a section is expected here: indented lines of `key: value`",
    ]


def test_unknown_keys_suggest_the_nearest() -> None:
    _, errors = read_yaml("nxmber: 1\nlocal_adrs: x\nthings:\n  one:\n    wrods: a\n    qqq: 1\n")
    assert errors == [
        "f:1:1: nxmber: unknown key `nxmber`; did you mean `number`?",
        "f:2:1: local_adrs: unknown key `local_adrs`; did you mean `local_addrs`?",
        "f:5:5: things.one.wrods: unknown key `wrods`; did you mean `words`?",
        "f:6:5: things.one.qqq: unknown key `qqq`",
    ]


def test_what_is_not_supported_is_never_silent() -> None:
    _, errors = read_yaml("mobike: yes\nvips: 0.0.0.0\nppk-1: {secret: x}\nmark: 1/0xff\n")
    assert errors == [
        "f:1:1: mobike: `mobike` is not supported yet (MOBIKE); only `mobike: no` is accepted",
        "f:2:1: vips: `vips` is not supported yet (virtual IPs); leave it out",
        "f:3:1: ppk-1: `ppk-1` is not supported yet (PPK); leave it out",
        "f:4:1: mark: `mark` is not supported yet (marks); only `mark: 0` is accepted",
    ]


def test_the_value_that_equals_what_we_do_is_accepted() -> None:
    assert read_yaml("mobike: false\nvips:\n")[1] == []
    assert read_yaml("vips: []\n")[1] == []


def test_sections_by_suffix_and_by_name() -> None:
    values, errors = read_yaml("local-1: {number: 1}\nlocal: {number: 2}\nthings:\n  one: {number: 3}\n  two:\n")
    assert errors == []
    assert {name: section[NUMBER] for name, section in values.named("local").items()} == {"local-1": 1, "local": 2}
    assert {name: section[NUMBER] for name, section in values.named("things").items()} == {"one": 3, "two": 7}
    assert values.named("things")["one"].path == "things.one"
    assert values.one("log")[NUMBER] == 7
    assert values.one("log").path == "log"


def test_names_must_fit_into_a_vici_message() -> None:
    _, errors = read_yaml(f'things:\n  {"x" * 256}: {{}}\n  "a\\nb": {{}}\n')
    assert [error[:7] for error in errors] == ["f:2:3: ", "f:3:3: "]
    assert all("cannot be a name" in error for error in errors)
