from __future__ import annotations

import pytest

from ikeengine.config import yaml_tree
from ikeengine.config.problems import Mark, Problems
from ikeengine.config.tree import Entry, Mapping, Scalar, Sequence
from ikeengine.config.yaml_tree import DEEPEST, parse_yaml


def parse(text: str) -> tuple[Mapping, list[str]]:
    problems = Problems()
    tree = parse_yaml(text, "f.yml", problems)
    return tree, [str(error) for error in problems.sorted()]


def plain(node: object) -> object:
    match node:
        case Mapping(entries):
            return {entry.key: plain(entry.node) for entry in entries}
        case Sequence(items):
            return [plain(item) for item in items]
        case Scalar(text):
            return text
    raise AssertionError(node)


def test_values_stay_text_and_know_their_place() -> None:
    tree, errors = parse("a:\n  b: yes\n  c: [0x10, 010, ~]\n")
    assert errors == []
    assert plain(tree) == {"a": {"b": "yes", "c": ["0x10", "010", ""]}}
    inner = tree.entries[0].node
    assert isinstance(inner, Mapping)
    assert inner.entries[0] == Entry("b", Scalar("yes", Mark("f.yml", 2, 6)), Mark("f.yml", 2, 3))


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n"])
def test_an_empty_file_is_an_empty_section(text: str) -> None:
    assert parse(text) == (Mapping(()), [])


def test_anchors_and_merge_keys_work() -> None:
    tree, errors = parse("x: &x {a: 1, b: 2}\ny: &y {b: 3, c: 4}\nz:\n  <<: [*x, *y]\n  a: 9\n")
    assert errors == []
    assert plain(tree) == {"x": {"a": "1", "b": "2"}, "y": {"b": "3", "c": "4"}, "z": {"a": "9", "b": "2", "c": "4"}}


def test_a_key_that_is_written_twice_is_an_error() -> None:
    tree, errors = parse("a: 1\nb:\n  c: 1\n  c: 2\na: 3\n")
    assert errors == [
        "f.yml:4:3: b.c: `c` is written twice; first in line 3",
        "f.yml:5:1: a: `a` is written twice; first in line 1",
    ]
    assert plain(tree) == {"a": "1", "b": {"c": "1"}}


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("a: [1", "f.yml:2:1: not valid YAML: did not find expected ',' or ']'"),
        ("a: 1\n---\nb: 2\n", "f.yml:2:1: not valid YAML: but found another document"),
        ("- 1\n", "f.yml:1:1: the file must hold sections such as `connections:`"),
        ("a: !vault x\n", "f.yml:1:4: a: the YAML tag !vault is not supported"),
        ("? [a]\n: 1\n", "f.yml:1:3: a key must be a single word"),
        ("a:\n  <<: 1\n", "f.yml:2:7: a: `<<` takes a section, or a list of sections"),
        ("a: &a [*a]\n", "f.yml:1:4: a: this part of the file holds itself through an alias"),
        ("a: \0", "f.yml: not valid YAML: unacceptable character #x0000: control characters are not allowed"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text: str, error: str) -> None:
    assert parse(text)[1] == [error]


def test_nesting_is_limited() -> None:
    _, errors = parse("a: " + "[" * DEEPEST + "]" * DEEPEST)
    assert len(errors) == 1
    assert errors[0].endswith(f"nested more than {DEEPEST} levels deep")


def test_aliases_cannot_multiply_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_tree, "MOST_NODES", 1000)
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 6)]
    _, errors = parse("\n".join(lines))
    assert errors
    assert all("more than 1000 values" in error for error in errors)
