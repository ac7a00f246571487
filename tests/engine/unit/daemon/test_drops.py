"""Which SAs a plan takes down."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ikeengine.config.diff import PlanAction, PlanEntry
from ikeengine.daemon.drops import drops
from ikeengine.model.connection import ChildConfig, ConnectionConfig, Mode
from tests.engine.unit.daemon.fakes import child_status, connection, ike_status


def plan(action: PlanAction) -> list[PlanEntry]:
    return [PlanEntry("gw-gw", action), PlanEntry("other", PlanAction.UNCHANGED)]


def connections(*children: ChildConfig) -> dict[str, ConnectionConfig]:
    return {"gw-gw": connection("gw-gw", *children)}


@pytest.fixture
def sas() -> list[Any]:
    ours = ike_status(children=(child_status(), replace(child_status(), name="voice", unique_id=9)))
    return [ours, replace(ours, name="other", unique_id=77)]


@pytest.mark.parametrize(("action", "again"), [(PlanAction.REMOVE, False), (PlanAction.REPLACE, True)])
def test_an_ike_sa_goes_with_all_its_child_sas(sas: list[Any], action: PlanAction, again: bool) -> None:
    (drop,) = drops(plan(action), {}, sas)
    assert (drop.connection, drop.child, drop.unique_id) == ("gw-gw", "", sas[0].unique_id)
    assert (drop.peer, drop.since, drop.again) == (sas[0].path.remote, sas[0].established_at, again)
    assert drop.children == (sas[0].children[0].name, "voice")


@pytest.mark.parametrize("action", [PlanAction.UNCHANGED, PlanAction.ADD])
def test_what_is_not_changed_stays(sas: list[Any], action: PlanAction) -> None:
    assert drops(plan(action), connections(), sas) == ()


def test_a_child_sa_that_is_no_longer_configured_goes_alone(sas: list[Any]) -> None:
    first = sas[0].children[0]
    (drop,) = drops(plan(PlanAction.CHILD), connections(ChildConfig(first.name, (), rekey_time=60.0)), sas)
    assert (drop.child, drop.unique_id, drop.since) == ("voice", 9, sas[0].children[1].installed_at)


def test_a_child_that_becomes_a_shunt_loses_its_sa(sas: list[Any]) -> None:
    names = [child.name for child in sas[0].children]
    new = connections(*(ChildConfig(name, (), mode=Mode.PASS) for name in names))
    assert [drop.child for drop in drops(plan(PlanAction.CHILD), new, sas)] == names


def test_what_is_going_anyway_is_not_counted(sas: list[Any]) -> None:
    assert drops(plan(PlanAction.REMOVE), {}, [replace(sas[0], state="DELETING")]) == ()
