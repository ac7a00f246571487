"""Aggressive Mode and pre-shared keys of which several fit the same identities."""

from __future__ import annotations

from typing import Any

import pytest

TEXT = """\
connections:
  gw:
    version: VERSION
    aggressive: MODE
    proposals: aes256-sha256-modp2048
    local: {auth: psk, id: gw.example.com}
    remote: {auth: psk, id: "PEER"}
secrets:
  ike-1: {secret: 0x000102030405060708090a0b0c0d0e0f, FIRST}
  ike-2: {secret: 0x100102030405060708090a0b0c0d0e0f, SECOND}
"""
CAROL, BOTH, NOBODY = "id: carol.example.com", "id: [gw.example.com, carol.example.com]", "id-1: dave.example.com"
EVERYBODY = 'id: "%any"'


def warnings(site: Any, peer: str, first: str, second: str, *, version: str = "1", mode: str = "yes") -> list[str]:
    """What is said about keys."""
    text = TEXT.replace("PEER", peer).replace("FIRST", first).replace("SECOND", second)
    configuration = site.load(text.replace("VERSION", version).replace("MODE", mode))
    return [warning.message for warning in configuration.warnings if "keys fit" in warning.message]


@pytest.mark.parametrize(
    ("peer", "first", "second", "who"),
    [
        ("carol.example.com", CAROL, CAROL, "carol.example.com"),
        ("carol.example.com", BOTH, BOTH, "carol.example.com"),
        ("*.example.com", CAROL, CAROL, "carol.example.com"),
        ("%any", CAROL, CAROL, "carol.example.com"),
        ("%any", EVERYBODY, EVERYBODY, "any peer"),
    ],
)
def test_two_that_fit_equally_well(site: Any, peer: str, first: str, second: str, who: str) -> None:
    (warning,) = warnings(site, peer, first, second)
    expected = f"2 pre-shared keys fit gw.example.com and {who} equally well (ike-1, ike-2)"
    assert warning == f"{expected}: Aggressive Mode can try only ike-1"


@pytest.mark.parametrize(
    ("peer", "first", "second"),
    [
        ("carol.example.com", CAROL, BOTH),
        ("carol.example.com", CAROL, NOBODY),
        ("carol.example.com", CAROL, EVERYBODY),
        ("%any", CAROL, NOBODY),
    ],
)
def test_one_that_fits_best(site: Any, peer: str, first: str, second: str) -> None:
    assert not warnings(site, peer, first, second)


def test_main_mode_tries_all_of_them(site: Any) -> None:
    assert not warnings(site, "carol.example.com", CAROL, CAROL, mode="no")
