from __future__ import annotations

import pytest

from ikeengine.config.problems import NOWHERE, ConfigErrors, Mark, Problems
from ikeengine.errors import LocalMisuse


def test_errors_are_sorted_by_file_and_line_and_told_once() -> None:
    problems = Problems()
    problems.add(Mark("b.yml", 2, 1), "x", "second file")
    problems.add(Mark("a.yml", 9, 3), "y.z", "later")
    problems.add(Mark("a.yml", 1, 5), "y", "earlier")
    problems.add(Mark("a.yml", 1, 5), "y", "earlier")
    with pytest.raises(ConfigErrors) as caught:
        problems.raise_if_any()
    assert str(caught.value) == "a.yml:1:5: y: earlier\na.yml:9:3: y.z: later\nb.yml:2:1: x: second file"
    assert [(error.file, error.line, error.key) for error in caught.value.errors] == [
        ("a.yml", 1, "y"),
        ("a.yml", 9, "y.z"),
        ("b.yml", 2, "x"),
    ]
    assert isinstance(caught.value, LocalMisuse)


def test_a_problem_without_a_file_shows_only_its_key() -> None:
    problems = Problems()
    problems.add(NOWHERE, "connections.a", "wrong")
    assert [str(error) for error in problems.sorted()] == ["connections.a: wrong"]


def test_nothing_wrong_raises_nothing() -> None:
    problems = Problems()
    problems.raise_if_any()
    assert not problems
