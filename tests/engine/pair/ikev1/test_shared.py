"""What both versions of IKE share, with IKEv1: reloads, traps, inactivity, lifetimes.

These are the tests of IKEv2, run with connections of the other version. Those that cannot hold there are named below.
"""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType

import pytest

from ikeengine.config.versions import DEFAULT_ESP_V1, DEFAULT_IKE_V1
from ikeengine.model.connection import ConnectionConfig
from tests.engine.pair import (
    test_inactivity,
    test_keep_up,
    test_lifetimes,
    test_reload,
    test_traps,
    test_traps_set_again,
    test_uniqueness,
)
from tests.engine.support import site

MODULES: tuple[ModuleType, ...] = (
    test_inactivity,
    test_keep_up,
    test_lifetimes,
    test_reload,
    test_traps,
    test_traps_set_again,
    test_uniqueness,
)

NOT_WITH_IKEV1 = {
    **dict.fromkeys(
        (
            "test_no_and_never_allow_duplicates",
            "test_replace_from_the_same_address_lets_the_old_one_live_a_while",
        ),
        "two ISAKMP SAs between the same addresses become one: see test_uniqueness",
    ),
    **dict.fromkeys(
        ("test_keep_ends_surplus_ones", "test_keep_refuses_the_new_one"),
        "an ISAKMP SA from the same address replaces the old one: see test_uniqueness",
    ),
    "test_a_busy_peer_is_asked_less_and_less_often": "there is no TEMPORARY_FAILURE",
    "test_a_packet_that_comes_while_another_is_negotiated_is_not_forgotten": "selectors are never narrowed",
    "test_another_method_counts_from_the_next_authentication_on": "phase 1 has one method for both sides",
    "test_authentication_fails_for_a_while": "a wrong secret is answered with silence: see test_uniqueness",
    "test_packets_outside_of_a_narrowed_child_get_one_of_their_own": "selectors are never narrowed",
    "test_r09_soft_then_hard": "the peer cannot refuse with TEMPORARY_FAILURE",
    "test_r09_volumes_have_their_random_part": "a volume is negotiated: it counts for both sides",
    "test_the_old_child_sa_waits_for_a_slow_datapath": "the old Child SA goes after a time, not after an answer",
    "test_the_old_child_stays_until_the_peer_takes_the_new_one": "the default proposals hold the new one",
}
"""Why a test of IKEv2 cannot hold."""

_connection_of_ikev2 = site.connection


def _connection(
    name: str, peer: str, own_id: str, peer_id: str, nets: tuple[str, str], **changes: object
) -> ConnectionConfig:
    config = _connection_of_ikev2(name, peer, own_id, peer_id, nets, **changes)
    children = config.children
    if "child_esp_proposals" not in changes:
        children = {name: replace(child, esp_proposals=DEFAULT_ESP_V1) for name, child in children.items()}
    return replace(config, version=1, proposals=DEFAULT_IKE_V1, children=children)


@pytest.fixture(autouse=True)
def _with_ikev1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site, "connection", _connection)


for _module in MODULES:
    for _name, _test in vars(_module).items():
        if _name.startswith("test_") and _name not in NOT_WITH_IKEV1:
            globals()[_name] = _test


def test_what_is_left_out_exists() -> None:
    assert all(any(hasattr(module, name) for module in MODULES) for name in NOT_WITH_IKEV1)
