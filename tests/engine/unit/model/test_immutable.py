"""Values: equal by their fields, and refused by mypy if somebody wants to change them (docs/decisions/0007)."""

from __future__ import annotations

import pytest
from mypy import api

from ikeengine.model.identity import Identity
from ikeengine.registry import IdType

CHANGE = """
from ikeengine.model.identity import Identity
from ikeengine.registry import IdType

identity = Identity(IdType.ID_FQDN, b"moon")
identity.data = b"sun"
"""
MOON, SAME, SUN = (Identity(IdType.ID_FQDN, name) for name in (b"moon", b"moon", b"sun"))


def test_mypy_refuses_to_change_a_field(tmp_path):
    program = tmp_path / "change.py"
    program.write_text(CHANGE)
    told, _errors, status = api.run(["--strict", "--cache-dir", str(tmp_path / "cache"), str(program)])
    assert status == 1
    assert 'change.py:6: error: Property "data" defined in "Identity" is read-only' in told


def test_values_are_equal_and_hash_by_their_fields():
    assert MOON == SAME != SUN
    assert hash(MOON) == hash(SAME)


def test_there_are_no_other_fields():
    with pytest.raises(AttributeError):
        MOON.color = "white"
