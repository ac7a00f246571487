# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import threading
import typing as t

import pytest

from ansible_collections.keymesh.ike.plugins.modules import ike_sa
from ansible_collections.keymesh.ike.tests.unit.plugins.conftest import run
from ansible_collections.keymesh.ike.tests.unit.plugins.fake_daemon import FakeDaemon


def sa(daemon: FakeDaemon, *, check_mode: bool = False, diff: bool = False, **options: t.Any) -> t.Dict[str, t.Any]:
    if "names" not in options:
        options.setdefault("name", "a--b")
    return run(ike_sa, {"socket": daemon.socket, "timeout": 2, **options}, check_mode, diff)


def commands(daemon: FakeDaemon) -> t.List[str]:
    return [name for name, unused in daemon.requests if not name.startswith("list-")]


@pytest.mark.parametrize("child", [None, "net"])
def test_check_do_idempotent_and_idempotent_in_check_mode(daemon: FakeDaemon, child: t.Optional[str]) -> None:
    forecast = sa(daemon, child=child, check_mode=True)
    assert forecast["changed"] and forecast["sa"]["name"] == (child or "a--b")
    assert commands(daemon) == []
    done = sa(daemon, child=child)
    assert done["changed"] and done["sa"]["state"] == ("INSTALLED" if child else "ESTABLISHED")
    assert not sa(daemon, child=child)["changed"]
    assert not sa(daemon, child=child, check_mode=True)["changed"]
    assert commands(daemon) == ["initiate"]


@pytest.mark.parametrize("child", [None, "net"])
def test_absent(daemon: FakeDaemon, child: t.Optional[str]) -> None:
    daemon.establish_child(daemon.establish_ike())
    assert sa(daemon, state="absent", child=child, check_mode=True)["changed"]
    assert commands(daemon) == []
    done = sa(daemon, state="absent", child=child)
    assert done["changed"] and done["sa"] is None
    assert not sa(daemon, state="absent", child=child)["changed"]
    assert not sa(daemon, state="absent", child=child, check_mode=True)["changed"]
    assert commands(daemon) == ["terminate"]
    assert bool(daemon.ike) == bool(child)


@pytest.mark.parametrize(("state", "gone"), [("CONNECTING", True), ("ESTABLISHED", False)])
def test_absent_while_the_peer_begins_again(daemon: FakeDaemon, state: str, gone: bool) -> None:
    daemon.establish_ike()
    daemon.after_terminate = lambda: daemon.establish_ike(state=state)
    done = sa(daemon, state="absent", force=True, timeout=1)
    assert done["failed"] is not gone
    assert gone or "is still there after 1 s" in done["msg"]


@pytest.mark.parametrize(("state", "gone"), [("CONNECTING", True), ("ESTABLISHED", False)])
def test_absent_while_the_peer_gives_up_and_begins_again(daemon: FakeDaemon, state: str, gone: bool) -> None:
    """The daemon finds nothing to terminate; what the peer tries after that is not what was to go."""
    daemon.establish_ike(state="CONNECTING")
    daemon.before_terminate = daemon.ike.clear
    daemon.after_terminate = lambda: daemon.establish_ike(state=state)
    done = sa(daemon, state="absent", force=True)
    assert done["failed"] is not gone
    assert gone or "no matching SAs" in done["msg"]


def test_force_reaches_the_daemon(daemon: FakeDaemon) -> None:
    daemon.establish_ike()
    sa(daemon, state="absent", force=True)
    message = next(message for name, message in daemon.requests if name == "terminate")
    assert message["force"] == "yes" and "child" not in message


@pytest.mark.parametrize("child", [None, "net"])
def test_rekeyed_replaces_the_sa(daemon: FakeDaemon, child: t.Optional[str]) -> None:
    before = daemon.establish_ike()
    old_child = daemon.establish_child(before)
    old = old_child["uniqueid"] if child else before["uniqueid"]
    assert sa(daemon, state="rekeyed", child=child, check_mode=True)["changed"]
    assert commands(daemon) == []
    done = sa(daemon, state="rekeyed", child=child)
    assert done["changed"] and done["sa"]["unique_id"] != old
    assert sa(daemon, state="rekeyed", child=child)["changed"]


@pytest.mark.parametrize(("max_age", "changed"), [("1h", False), ("20m", True), ("1200", True), (None, True)])
def test_only_an_old_sa_is_rekeyed(daemon: FakeDaemon, max_age: t.Optional[str], changed: bool) -> None:
    daemon.establish_child(daemon.establish_ike(), age=1200)
    assert sa(daemon, state="rekeyed", child="net", max_age=max_age)["changed"] is changed


def test_max_age_makes_rekeying_idempotent(daemon: FakeDaemon) -> None:
    daemon.establish_child(daemon.establish_ike(), age=4000)
    assert sa(daemon, state="rekeyed", child="net", max_age="1h")["changed"]
    assert not sa(daemon, state="rekeyed", child="net", max_age="1h")["changed"]


def test_what_is_down_cannot_be_rekeyed(daemon: FakeDaemon) -> None:
    failed = sa(daemon, state="rekeyed", child="net")
    assert failed["failed"]
    assert "not established" in failed["msg"] and "state=established" in failed["msg"]


def test_a_rekeying_that_does_not_happen_fails(daemon: FakeDaemon) -> None:
    daemon.establish_child(daemon.establish_ike())
    daemon.rekey_hangs = True
    failed = sa(daemon, state="rekeyed", child="net", timeout=1)
    assert failed["failed"] and "was not rekeyed within 1 s" in failed["msg"]


def test_a_peer_that_does_not_answer_a_rekeying_is_not_taken_for_a_dead_daemon(daemon: FakeDaemon) -> None:
    daemon.establish_child(daemon.establish_ike())
    daemon.rekey_is_waited_for = daemon.rekey_hangs = True
    failed = sa(daemon, state="rekeyed", child="net", timeout=1)
    assert "Child SA net of a--b was not rekeyed within 1 s" in failed["failure"]["reason"]
    assert "peer's daemon" in failed["failure"]["advice"]


def test_a_rekeying_need_not_be_waited_for(daemon: FakeDaemon) -> None:
    daemon.establish_child(daemon.establish_ike())
    daemon.rekey_hangs = True
    assert sa(daemon, state="rekeyed", child="net", wait=False)["changed"]


def test_a_failure_has_reason_and_advice(daemon: FakeDaemon) -> None:
    daemon.initiate_error = "establishing CHILD_SA 'net' failed"
    daemon.log_lines.append("received TS_UNACCEPTABLE notify, no CHILD_SA built")
    failed = sa(daemon, child="net")
    assert failed["failed"]
    assert failed["failure"]["alert"] == "ts-mismatch"
    assert failed["failure"]["reason"] in failed["msg"] and failed["failure"]["advice"] in failed["msg"]


def test_a_negotiation_that_is_under_way_is_not_doubled(daemon: FakeDaemon) -> None:
    connecting = daemon.establish_ike(state="CONNECTING")
    looks = iter(range(100))

    def peer_answers() -> None:
        if next(looks) == 3:
            connecting["state"] = "ESTABLISHED"
            daemon.establish_child(connecting)

    daemon.before_list = peer_answers
    done = sa(daemon, child="net")
    assert not done["changed"] and done["sa"]["name"] == "net"
    assert commands(daemon) == []


def test_a_negotiation_that_is_under_way_and_fails_is_begun_anew(daemon: FakeDaemon) -> None:
    daemon.establish_ike(state="CONNECTING")
    looks = iter(range(100))
    daemon.before_list = lambda: daemon.ike.clear() if next(looks) == 3 else None
    assert sa(daemon, child="net")["changed"]
    assert commands(daemon) == ["initiate"]


def test_a_negotiation_that_does_not_end(daemon: FakeDaemon) -> None:
    daemon.establish_ike(state="CONNECTING")
    failed = sa(daemon, child="net", timeout=1)
    assert failed["failed"] and "still being negotiated after 1 s" in failed["msg"]
    assert not sa(daemon, child="net", timeout=1, wait=False)["changed"]
    assert "initiate" not in commands(daemon)


def test_a_child_that_is_being_created_is_waited_for(daemon: FakeDaemon) -> None:
    parent = daemon.establish_ike()
    parent["tasks-active"] = ["CHILD_CREATE"]
    looks = iter(range(100))
    daemon.before_list = lambda: daemon.establish_child(parent) and None if next(looks) == 3 else None
    assert not sa(daemon, child="net")["changed"]
    assert commands(daemon) == []


def test_the_diff_shows_new_identifiers(daemon: FakeDaemon) -> None:
    daemon.establish_child(daemon.establish_ike())
    diff = sa(daemon, state="rekeyed", child="net", diff=True)["diff"]
    assert diff["before"]["sas"][0]["spi_in"] != diff["after"]["sas"][0]["spi_in"]
    diff = sa(daemon, state="absent", diff=True)["diff"]
    assert diff["before"]["state"] == "established" and diff["after"] == {"state": "absent"}


def test_a_bad_duration(daemon: FakeDaemon) -> None:
    failed = sa(daemon, state="rekeyed", max_age="soon")
    assert failed["failed"] and failed["msg"].startswith("max_age: 'soon' is not a duration")


def test_no_daemon(daemon: FakeDaemon) -> None:
    failed = run(ike_sa, {"name": "a--b", "socket": daemon.socket + "-not"})
    assert failed["failed"] and "no daemon answers at" in failed["msg"]


NAMES = [f"a--{letter}" for letter in "bcdefghi"]


def test_many_at_the_same_time(daemon: FakeDaemon) -> None:
    daemon.meeting = threading.Barrier(len(NAMES))  # Nobody is through before all have begun.
    daemon.version["daemon"] = "ikeengine"
    forecast = sa(daemon, names=NAMES, child="net", check_mode=True)
    assert forecast["changed"] and [one["sa"]["state"] for one in forecast["tunnels"]] == ["INSTALLED"] * len(NAMES)
    assert commands(daemon) == []
    done = sa(daemon, names=NAMES, child="net", timeout=120)
    assert done["changed"] and [one["name"] for one in done["tunnels"]] == NAMES
    assert all(one["changed"] and one["child"] == one["sa"]["name"] == "net" for one in done["tunnels"])
    assert not sa(daemon, names=NAMES, child="net")["changed"]
    assert not sa(daemon, names=NAMES, child="net", check_mode=True)["changed"]
    assert commands(daemon).count("initiate") == len(NAMES)


def test_children_of_each_connection(daemon: FakeDaemon) -> None:
    done = sa(daemon, names=["a--b", "a--c", "a--b"], children=["net", "backup"], parallel=1)
    assert [(one["name"], one["child"]) for one in done["tunnels"]] == [
        ("a--b", "net"),
        ("a--b", "backup"),
        ("a--c", "net"),
        ("a--c", "backup"),
    ]
    assert len(daemon.ike) == 2


def test_those_that_fail_do_not_stop_the_others(daemon: FakeDaemon) -> None:
    daemon.unreachable_peers = {"a--c", "a--e"}
    daemon.log_lines.append("giving up after 5 retransmits")
    failed = sa(daemon, names=NAMES, child="net", diff=True)
    assert failed["failed"] and failed["changed"]
    assert "Child SA net of a--c: a--c: giving up" in failed["msg"] and "Child SA net of a--e" in failed["msg"]
    assert "check its address" in failed["msg"]
    assert [one["name"] for one in failed["tunnels"] if one["failure"]] == ["a--c", "a--e"]
    assert failed["failure"] == failed["tunnels"][1]["failure"]
    assert all(one["sa"] for one in failed["tunnels"] if not one["failure"])
    assert len(failed["diff"]) == len(NAMES) - 2


def test_nothing_to_do(daemon: FakeDaemon) -> None:
    nothing = sa(daemon, names=[], child="net")
    assert (nothing["changed"], nothing["sa"], nothing["tunnels"]) == (False, None, [])
    assert daemon.requests == []


def test_delete_and_rekey_many(daemon: FakeDaemon) -> None:
    sa(daemon, names=NAMES, child="net")
    assert sa(daemon, names=NAMES, state="rekeyed")["changed"]
    assert not sa(daemon, names=NAMES, state="rekeyed", max_age="1h")["changed"]
    gone = sa(daemon, names=NAMES, state="absent")
    assert gone["changed"] and [one["sa"] for one in gone["tunnels"]] == [None] * len(NAMES)


def test_a_new_authentication(daemon: FakeDaemon) -> None:
    daemon.establish_child(daemon.establish_ike())
    done = sa(daemon, state="rekeyed", reauth=True)
    assert done["changed"] and [child["name"] for child in done["sa"]["children"]] == ["net"]
    assert any(name == "rekey" and message["ike-id"] == "1" and message["reauth"] == "yes" for name, message in daemon.requests)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"state": "rekeyed", "reauth": True, "child": "net"}, "reauth is for IKE SAs"),
        ({"reauth": True}, "reauth is for IKE SAs"),
        ({"parallel": 0}, "parallel: 0 is less than 1"),
        ({"names": ["a--b"], "name": "a--b"}, "mutually exclusive"),
        ({"child": "net", "children": ["net"]}, "mutually exclusive"),
    ],
)
def test_arguments_that_contradict_each_other(
    daemon: FakeDaemon, options: t.Dict[str, t.Any], message: str
) -> None:
    failed = sa(daemon, **options)
    assert failed["failed"] and message in failed["msg"]


def test_the_same_keys_whatever_happens(daemon: FakeDaemon) -> None:
    keys = {"changed", "failed", "warnings", "sa", "tunnels"}
    assert sa(daemon).keys() == sa(daemon, check_mode=True).keys() == sa(daemon, names=[]).keys() == keys
    assert sa(daemon, state="absent").keys() == keys
    daemon.initiate_error = "no"
    assert sa(daemon).keys() == keys | {"failure", "msg"}
