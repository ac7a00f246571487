# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pathlib
import typing as t

import pytest

from ansible_collections.keymesh.ike.plugins.plugin_utils._psk_ring import STATES
from ansible_collections.keymesh.ike.plugins.plugin_utils._psk_rotation import Rotation, step
from ansible_collections.keymesh.ike.plugins.plugin_utils._psk_secrets import PskError, Source, secrets_section
from ansible_collections.keymesh.ike.plugins.plugin_utils._psk_store import PskStore
from ansible_collections.keymesh.ike.tests.unit.plugins.plugin_utils.psk_samples import SECRET, mesh, tunnel

GIVEN = "a key that a person has chosen"
HOSTS = ["a", "b", "c"]
TUNNELS = {"a": mesh("a", "b", "c"), "b": mesh("b", "a", "c"), "c": mesh("c", "a", "b")}


class Site:
    """Three hosts, and what each of them accepts."""

    def __init__(self, path: pathlib.Path, **options: t.Any) -> None:
        self.path, self.options = path, options

    def source(self, **options: t.Any) -> Source:
        return Source(PskStore(str(self.path)), **dict(self.options, **options))

    def keys(self, host: str, **options: t.Any) -> t.Dict[str, str]:
        return {name: one["secret"] for name, one in secrets_section(TUNNELS[host], self.source(**options)).items()}

    def step(self, state: str, hosts: t.Sequence[str] = tuple(HOSTS), **options: t.Any) -> t.Dict[str, Rotation]:
        return {host: step(TUNNELS[host], self.source(**options), state, hosts, []) for host in hosts}


@pytest.fixture
def site(tmp_path: pathlib.Path) -> Site:
    return Site(tmp_path)


def test_both_ends_accept_the_same_keys(site: Site) -> None:
    section = secrets_section(TUNNELS["a"], site.source())
    assert list(section) == ["ike-a--b-1", "ike-a--c-1"]
    assert section["ike-a--b-1"]["id"] == ["a.example.com", "b.example.com"]
    assert site.keys("a")["ike-a--b-1"] == site.keys("b")["ike-a--b-1"] != site.keys("a")["ike-a--c-1"]
    assert secrets_section([tunnel("a", "b", auth="cert")], site.source()) == {}


def test_a_rotation_of_random_keys(site: Site) -> None:
    old = site.keys("a")["ike-a--b-1"]
    site.step("begun")
    assert list(site.keys("a")) == ["ike-a--b-1", "ike-a--b-2", "ike-a--c-1", "ike-a--c-2"]
    assert site.keys("a")["ike-a--b-1"] == old and site.keys("a")["ike-a--b-2"] == site.keys("b")["ike-a--b-2"]
    done = site.step("switched")
    assert list(site.keys("a")) == ["ike-a--b-2", "ike-a--b-1", "ike-a--c-2", "ike-a--c-1"]
    assert done["a"].used == ["ike-a--b-2", "ike-a--c-2"] and done["b"].used == ["ike-a--b-2", "ike-b--c-2"]
    site.step("retired")
    assert list(site.keys("a")) == ["ike-a--b-2", "ike-a--c-2"]
    assert site.keys("a")["ike-a--b-2"] != old


@pytest.mark.parametrize("last", STATES)
@pytest.mark.parametrize("options", [{}, {"secret": SECRET, "epoch": "2"}])
def test_a_rotation_that_stops_anywhere_goes_on(site: Site, last: str, options: t.Dict[str, str]) -> None:
    site.options.update(options)
    if options:
        site.keys("a", epoch="1")
    known = [set(site.keys("a").values())]
    for state in STATES[: STATES.index(last) + 1]:
        for host in HOSTS[:2] if state == last else HOSTS:
            step(TUNNELS[host], site.source(), state, HOSTS, [])
        known.append(set(site.keys("a").values()))
    for state in STATES:
        site.step(state)
        known.append(set(site.keys("a").values()))
    for before, after in zip(known, known[1:]):
        assert before & after, "from one step to the next there is always a key that both accept"
    assert all(len(site.keys(host)) == 2 for host in HOSTS)


def test_only_one_end_writes(site: Site) -> None:
    done = step(TUNNELS["c"], site.source(), "begun", HOSTS, [])
    assert done.changed and list(site.keys("c")) == ["ike-a--c-1", "ike-b--c-1"]
    step(TUNNELS["a"], site.source(), "begun", HOSTS, [])
    assert list(site.keys("c")) == ["ike-a--c-1", "ike-a--c-2", "ike-b--c-1"]


def test_a_pair_whose_other_end_is_not_in_the_run_keeps_its_key(site: Site) -> None:
    done = site.step("begun", ["a", "b"])
    assert done["a"].pairs == ["a--b"] and "c is not in this run" in done["a"].kept["a--c"]
    assert list(site.keys("c")) == ["ike-a--c-1", "ike-b--c-1"]


def test_given_keys(site: Site) -> None:
    site.options["keys"] = {"a--b": GIVEN, "a--c": [GIVEN + " later", GIVEN]}
    assert site.keys("a") == {"ike-a--b-1": GIVEN, "ike-a--c-1": GIVEN + " later", "ike-a--c-2": GIVEN}
    assert "psk_keys" in site.step("begun")["a"].kept["a--b"]
    for bad in ("short", [], 3, [GIVEN, "short"]):
        with pytest.raises(PskError, match="psk_keys: a--b"):
            site.keys("a", keys={"a--b": bad})


def test_a_peer_that_is_not_ours(site: Site) -> None:
    TUNNELS_OF_A = [tunnel("a", "x", peer_managed=False, initiator=False)]
    source = site.source()
    assert step(TUNNELS_OF_A, source, "begun", ["a"], []).changed
    waiting = step(TUNNELS_OF_A, source, "switched", ["a"], [])
    assert not waiting.changed and waiting.pairs == []
    assert "a.example.com and x.example.com" in waiting.unmanaged[0] and "psk_confirmed_peers=x" in waiting.unmanaged[0]
    assert list(secrets_section(TUNNELS_OF_A, source)) == ["ike-a--x-1", "ike-a--x-2"]
    assert step(TUNNELS_OF_A, source, "switched", ["a"], ["x"]).used == ["ike-a--x-2"]
    assert step(TUNNELS_OF_A, source, "retired", ["a"], ["x"]).changed
    assert list(secrets_section(TUNNELS_OF_A, source)) == ["ike-a--x-2"]


def test_a_rotation_of_derived_keys(site: Site) -> None:
    site.options["secret"] = SECRET
    assert list(site.keys("a")) == ["ike-a--b-e1", "ike-a--c-e1"]
    nothing = site.step("begun")
    assert nothing["a"].pairs == [] and not nothing["a"].changed
    site.options["epoch"] = "2"
    assert list(site.keys("a"))[:2] == ["ike-a--b-e1", "ike-a--b-e2"], "a new epoch is accepted, and not used yet"
    assert site.step("begun")["a"].pairs == ["a--b", "a--c"]
    assert site.step("switched")["a"].used == ["ike-a--b-e2", "ike-a--c-e2"]
    assert list(site.keys("a"))[:2] == ["ike-a--b-e2", "ike-a--b-e1"]
    with pytest.raises(PskError, match="ike_psk_epoch is 3, but the rotation from 1 to 2 is not over"):
        site.keys("a", epoch="3")
    site.step("retired")
    assert list(site.keys("a")) == ["ike-a--b-e2", "ike-a--c-e2"]


def test_an_epoch_that_nobody_uses_yet_can_be_taken_back(site: Site) -> None:
    site.options["secret"] = SECRET
    site.keys("a")
    site.keys("a", epoch="2")
    assert list(site.keys("a", epoch="3"))[:2] == ["ike-a--b-e1", "ike-a--b-e3"]
    assert list(site.keys("a", epoch="1")) == ["ike-a--b-e1", "ike-a--c-e1"]


def test_derived_keys_change_everywhere_or_nowhere(site: Site) -> None:
    site.options["secret"] = SECRET
    site.keys("a")
    with pytest.raises(PskError, match="c would be left behind.*without --limit"):
        site.step("begun", ["a", "b"], epoch="2")
    foreign = [tunnel("a", "x", peer_managed=False)]
    begun = step(foreign, site.source(epoch="2"), "begun", ["a"], [])
    assert "epoch 2" in begun.unmanaged[0]
    with pytest.raises(PskError, match="cut off"):
        step(foreign, site.source(epoch="2"), "switched", ["a"], [])
    assert step(foreign, site.source(epoch="2"), "switched", ["a"], ["x"]).used == ["ike-a--x-e2"]


@pytest.mark.parametrize("secret, epoch, complaint", [("weak", "1", "ike_psk_secret is too short"), (SECRET, "a b", "ike_psk_epoch")])
def test_bad_variables(site: Site, secret: str, epoch: str, complaint: str) -> None:
    with pytest.raises(PskError, match=complaint):
        site.keys("a", secret=secret, epoch=epoch)
