# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pathlib
import stat
import typing as t

import pytest

from ansible_collections.keymesh.ike.plugins.modules import ike_config
from ansible_collections.keymesh.ike.tests.unit.plugins.conftest import run
from ansible_collections.keymesh.ike.tests.unit.plugins.fake_daemon import FakeDaemon

SECRET = "0xdeadbeefdeadbeefdeadbeefdeadbeef"
UNCHANGED = {"success": "yes", "connections": {"a--b": {"action": "unchanged"}}, "others": []}
ADDED = {"success": "yes", "connections": {"a--b": {"action": "add"}}, "others": ["shared key ike-a--b: added"]}
CHECK = """#!/bin/sh
# ikeengine check --json --config PATH, and ikeengine --socket SOCKET checkpoint|confirm|rollback --json --config PATH ...
if [ "$1" = --socket ]; then
    shift 2
    echo "$*" >>"$0.log"
    [ ! -e "$0.fails" ] || { cat "$0.fails" >&2; exit 1; }
    echo '{"taken": true, "confirmed": true, "rolled_back": true}'
    exit 0
fi
say() { printf '%s{"file": "%s", "line": %d, "key": "%s", "message": "%s"}' "$comma" "$config/tunnels.yml" "$1" "$2" "$3"; comma=,; }
config=$4
status=0
comma=
if [ -e "$config/crash" ]; then echo "Traceback" >&2; exit 1; fi
printf '{"errors": ['
if grep -rq broken "$config"; then say 1 a broken; say 2 b "broken too"; status=2; fi
for file in $(sed -n 's/^needs: //p' "$config"/*.yml 2>/dev/null); do
    if ! [ -e "$config/$file" ]; then say 3 needs "$config/$file does not exist"; status=2; fi
done
if grep -q keyless "$config"/*.yml && ! grep -q ike-expected "$config"/*.yml; then
    say 4 a--b "no pre-shared key for a and b"; status=2
fi
printf ']}'
exit $status
"""


class Host:
    """A configuration directory, a binary that checks it, and a daemon."""

    def __init__(self, root: pathlib.Path, daemon: FakeDaemon) -> None:
        self.path = root / "etc"
        self.path.mkdir()
        self.file = self.path / "tunnels.yml"
        self.binary = root / "ikeengine"
        self.binary.write_text(CHECK)
        self.binary.chmod(0o755)
        self.daemon = daemon
        self.daemon.plan_answer = UNCHANGED

    def config(self, *, check_mode: bool = False, diff: bool = False, **options: t.Any) -> t.Dict[str, t.Any]:
        given = {"path": str(self.path), "binary": str(self.binary), "socket": self.daemon.socket}
        return run(ike_config, dict(given, **options), check_mode, diff)

    def commands(self) -> t.List[str]:
        return [name for name, unused in self.daemon.requests]


@pytest.fixture
def host(tmp_path: pathlib.Path, daemon: FakeDaemon) -> Host:
    return Host(tmp_path, daemon)


def test_check_do_idempotent_and_idempotent_in_check_mode(host: Host) -> None:
    new = {"file": "tunnels.yml", "content": "connections: {}\n", "mode": "0640"}
    host.daemon.plan_answer = ADDED
    forecast = host.config(check_mode=True, **new)
    assert forecast["changed"] and forecast["plan"] == [{"connection": "a--b", "action": "add", "details": []}]
    assert forecast["others"] == ["shared key ike-a--b: added"]
    assert not host.file.exists() and host.commands() == ["plan"]
    done = host.config(**new)
    assert done["changed"] and done["plan"] == forecast["plan"]
    assert host.file.read_text() == "connections: {}\n"
    assert stat.S_IMODE(host.file.stat().st_mode) == 0o640
    assert host.commands() == ["plan", "plan", "apply"]
    host.daemon.plan_answer = UNCHANGED
    assert not host.config(**new)["changed"]
    assert not host.config(check_mode=True, **new)["changed"]
    assert host.commands().count("apply") == 1
    assert sorted(path.name for path in host.path.parent.iterdir()) == ["etc", "ikeengine"]


def test_the_plan_is_about_the_new_configuration(host: Host) -> None:
    host.config(file="tunnels.yml", content="new\n", check_mode=True)
    asked = host.daemon.requests[0][1]["path"]
    assert asked != str(host.path) and asked.endswith("/etc")


def test_an_invalid_configuration_is_not_applied(host: Host) -> None:
    host.file.write_text("good\n")
    failed = host.config(file="tunnels.yml", content="broken\n")
    assert failed["failed"]
    assert failed["errors"] == [
        f"{host.path}/tunnels.yml:1: a: broken",
        f"{host.path}/tunnels.yml:2: b: broken too",
    ]
    assert host.file.read_text() == "good\n"
    assert host.commands() == []


@pytest.mark.parametrize("before", [None, "old\n"])
def test_a_configuration_that_the_daemon_refuses_is_taken_back(host: Host, before: t.Optional[str]) -> None:
    if before is not None:
        host.file.write_text(before)
        host.file.chmod(0o640)
    host.daemon.plan_answer = ADDED
    host.daemon.apply_answer = {"success": "no", "errmsg": "no such algorithm in this kernel"}
    failed = host.config(file="tunnels.yml", content="new\n")
    assert failed["failed"] and "no such algorithm" in failed["msg"] and "as it was before" in failed["msg"]
    assert (host.file.read_text() if host.file.exists() else None) == before
    if before is not None:
        assert stat.S_IMODE(host.file.stat().st_mode) == 0o640


def test_drift_of_the_daemon_is_corrected_without_a_new_file(host: Host) -> None:
    host.daemon.plan_answer = ADDED
    assert host.config()["changed"]
    assert host.commands() == ["plan", "apply"]
    assert host.daemon.requests[0][1] == {"path": str(host.path)}


def test_absent_removes_the_file(host: Host) -> None:
    host.file.write_text("old\n")
    host.daemon.plan_answer = {"success": "yes", "connections": {"a--b": {"action": "remove"}}}
    assert host.config(file="tunnels.yml", state="absent", check_mode=True)["changed"]
    assert host.file.exists()
    assert host.config(file="tunnels.yml", state="absent")["changed"]
    assert not host.file.exists()
    host.daemon.plan_answer = UNCHANGED
    assert not host.config(file="tunnels.yml", state="absent")["changed"]


def test_mode_alone_is_a_change(host: Host) -> None:
    host.file.write_text("same\n")
    host.file.chmod(0o644)
    assert host.config(file="tunnels.yml", content="same\n", mode="0600", check_mode=True)["changed"]
    assert stat.S_IMODE(host.file.stat().st_mode) == 0o644
    assert host.config(file="tunnels.yml", content="same\n", mode="0600")["changed"]
    assert stat.S_IMODE(host.file.stat().st_mode) == 0o600
    assert not host.config(file="tunnels.yml", content="same\n", mode="0600")["changed"]


def test_the_diff_shows_file_and_plan_without_secrets(host: Host) -> None:
    host.file.write_text("secrets: {}\n")
    host.daemon.plan_answer = ADDED
    content = f"secrets:\n  ike-a--b:\n    secret: {SECRET}\n"
    result = host.config(file="tunnels.yml", content=content, check_mode=True, diff=True)
    shown = "".join(part["prepared"] for part in result["diff"])
    assert "+    secret: ********" in shown and "+ a--b: add" in shown and "* shared key ike-a--b: added" in shown
    assert SECRET not in str(result)


def test_a_configuration_that_is_one_file(host: Host) -> None:
    host.daemon.plan_answer = ADDED
    path = host.path / "all.yml"
    assert host.config(path=str(path), content="connections: {}\n")["changed"]
    assert path.read_text() == "connections: {}\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"file": "../x.yml", "content": ""}, "is not the name of a YAML file"),
        ({"file": "x.conf", "content": ""}, "is not the name of a YAML file"),
        ({"file": "x.yml"}, "file needs content"),
        ({"content": "x"}, "is a directory; name the file in it"),
        ({"state": "absent"}, "state=absent needs file"),
        ({"state": "absent", "file": "x.yml", "content": ""}, "state=absent needs file"),
    ],
)
def test_arguments_that_contradict_each_other(host: Host, options: t.Dict[str, t.Any], message: str) -> None:
    failed = host.config(**options)
    assert failed["failed"] and message in failed["msg"]


def test_strongswan_is_told_apart(host: Host) -> None:
    host.daemon.plan_answer = None
    failed = host.config()
    assert failed["failed"] and "ike_config needs ikeengine" in failed["msg"]


def test_without_ikeengine(host: Host) -> None:
    host.binary.unlink()
    failed = host.config()
    assert failed["failed"] and "install ikeengine first" in failed["msg"]
    forecast = host.config(file="tunnels.yml", content="new\n", check_mode=True)
    assert forecast["changed"] and "was not validated" in forecast["warnings"][0]


def test_without_a_daemon(host: Host) -> None:
    gone = host.daemon.socket + "-not"
    failed = host.config(socket=gone, file="tunnels.yml", content="new\n")
    assert failed["failed"] and "no daemon answers" in failed["msg"]
    assert not host.file.exists()
    forecast = host.config(socket=gone, file="tunnels.yml", content="new\n", check_mode=True)
    assert forecast["changed"] and forecast["plan"] == [] and "not known" in forecast["warnings"][0]


def test_without_a_directory(host: Host) -> None:
    nowhere = str(host.path / "nowhere" / "deep")
    failed = host.config(path=nowhere, file="tunnels.yml", content="new\n")
    assert failed["failed"] and "does not exist" in failed["msg"]
    forecast = host.config(path=nowhere, file="tunnels.yml", content="new\n", check_mode=True)
    assert forecast["changed"] and "does not exist yet" in forecast["warnings"][0]


def test_check_mode_plans_although_new_keys_do_not_exist_yet(host: Host) -> None:
    host.daemon.plan_answer = ADDED
    new = {"file": "tunnels.yml", "content": "keyless\n"}
    errors = [f"{host.path}/tunnels.yml:4: a--b: no pre-shared key for a and b"]
    assert host.config(**new)["errors"] == errors
    forecast = host.config(check_mode=True, expect_keys=True, **new)
    assert forecast["changed"] and forecast["others"] and forecast["warnings"] == []
    assert not list(host.path.iterdir())
    assert host.config(check_mode=True, **new)["errors"] == errors
    assert host.config(expect_keys=True, **new)["errors"] == errors


def test_check_mode_does_not_know_what_missing_files_would_bring(host: Host) -> None:
    new = {"file": "tunnels.yml", "content": "needs: x509/host.pem\n"}
    forecast = host.config(check_mode=True, **new)
    assert forecast["changed"] and forecast["plan"] == []
    assert f"{host.path}/x509/host.pem does not exist" in forecast["warnings"][0]
    assert host.commands() == []
    assert host.config(check_mode=True, file="tunnels.yml", content="needs: x509/host.pem\nbroken\n")["failed"]


def test_a_check_that_crashes(host: Host) -> None:
    (host.path / "crash").write_text("")
    failed = host.config(file="tunnels.yml", content="x\n")
    assert failed["failed"] and failed["errors"] == ["Traceback"]


class TestTrial:
    """Changes that the target undoes unless they are confirmed."""

    NEW: t.ClassVar = {"file": "tunnels.yml", "content": "new\n", "confirm": 60}

    def log(self, host: Host) -> t.List[str]:
        log = host.binary.with_name("ikeengine.log")
        return log.read_text().splitlines() if log.exists() else []

    def test_the_target_has_a_copy_before_anything_changes(self, host: Host) -> None:
        host.daemon.plan_answer = ADDED
        assert host.config(restart_command="systemctl restart ikeengine", **self.NEW)["changed"]
        path = str(host.path)
        assert self.log(host) == [
            f"checkpoint --json --config {path} --confirm 60 --restart systemctl restart ikeengine"
        ]
        assert host.daemon.requests[-1] == ("apply", {"path": path, "confirm-within": "60"})

    def test_without_a_copy_nothing_is_changed(self, host: Host) -> None:
        host.binary.with_name("ikeengine.fails").write_text("no space left")
        failed = host.config(**self.NEW)
        assert failed["failed"] and failed["msg"] == "no space left"
        assert not host.file.exists() and "apply" not in host.commands()

    def test_a_release_without_trials_is_named(self, host: Host) -> None:
        host.binary.with_name("ikeengine.fails").write_text("argument COMMAND: invalid choice: 'checkpoint'")
        assert "too old" in host.config(**self.NEW)["msg"]

    def test_nothing_to_change_is_nothing_to_confirm(self, host: Host) -> None:
        host.file.write_text("new\n")
        assert not host.config(**self.NEW)["changed"]
        assert self.log(host) == []

    def test_what_the_daemon_refuses_is_undone_at_once(self, host: Host) -> None:
        host.daemon.plan_answer = ADDED
        host.daemon.apply_answer = {"success": "no", "errmsg": "no such device"}
        failed = host.config(**self.NEW)
        assert failed["msg"] == "no such device; the configuration is as it was before"
        assert self.log(host)[-1] == f"rollback --json --config {host.path} --now"

    def test_check_mode_begins_nothing(self, host: Host) -> None:
        host.daemon.plan_answer = ADDED
        assert host.config(check_mode=True, **self.NEW)["changed"]
        assert not host.config(check_mode=True, state="confirmed")["changed"]
        assert not host.config(check_mode=True, state="checkpoint", confirm=60)["changed"]
        assert self.log(host) == []

    @pytest.mark.parametrize("state", ["checkpoint", "confirmed"])
    def test_it_can_begin_and_end_apart_from_a_change(self, host: Host, state: str) -> None:
        assert host.config(state=state, confirm=60)["changed"]
        expected = "checkpoint --json --config {} --confirm 60" if state == "checkpoint" else "confirm --json --config {}"
        assert self.log(host) == [expected.format(host.path)]
        assert host.commands() == []

    def test_too_late_is_a_failure(self, host: Host) -> None:
        host.binary.with_name("ikeengine.fails").write_text("ikeengine: too late: the configuration was rolled back")
        failed = host.config(state="confirmed")
        assert failed["failed"] and "too late" in failed["msg"]

    @pytest.mark.parametrize("gone", ["binary", "path"])
    def test_a_new_host_has_nothing_to_lose(self, host: Host, gone: str) -> None:
        (host.binary.unlink if gone == "binary" else host.path.rmdir)()
        assert not host.config(state="checkpoint", confirm=60)["changed"]

    @pytest.mark.parametrize(
        ("options", "reason"),
        [
            ({"state": "checkpoint"}, "confirm"),
            ({"state": "confirmed", "file": "a.yml"}, "neither file nor content"),
            ({"confirm": 0}, "not between 1 and 86400"),
        ],
    )
    def test_wrong_usage(self, host: Host, options: t.Dict[str, t.Any], reason: str) -> None:
        failed = host.config(**options)
        assert failed["failed"] and reason in failed["msg"]

    def test_a_file_cannot_be_restored(self, host: Host) -> None:
        host.file.write_text("x\n")
        assert "only a configuration directory" in host.config(path=str(host.file), content="y\n", confirm=5)["msg"]


class TestPurge:
    """Files of the same author under other names."""

    NEW: t.ClassVar = {"file": "tunnels.yml", "content": "# Managed by x\nnew\n", "purge": True}

    @pytest.fixture
    def files(self, host: Host) -> t.Dict[str, pathlib.Path]:
        texts = {"old.yml": "# Managed by x\nold\n", "mine.yml": "mine\n", "other.yml": "# Managed by y\n"}
        for name, text in texts.items():
            (host.path / name).write_text(text)
        return {name: host.path / name for name in texts}

    def test_they_go_with_the_change_and_nothing_else(self, host: Host, files: t.Dict[str, pathlib.Path]) -> None:
        forecast = host.config(check_mode=True, diff=True, **self.NEW)
        assert forecast["changed"] and forecast["purged"] == ["old.yml"]
        assert "-old" in "".join(part["prepared"] for part in forecast["diff"])
        assert all(path.exists() for path in files.values())
        assert host.config(**self.NEW)["purged"] == ["old.yml"]
        assert sorted(path.name for path in host.path.iterdir()) == ["mine.yml", "other.yml", "tunnels.yml"]
        assert not host.config(**self.NEW)["changed"]
        assert sorted(path.name for path in host.path.parent.iterdir()) == ["etc", "ikeengine"]

    def test_they_come_back_with_the_old_file(self, host: Host, files: t.Dict[str, pathlib.Path]) -> None:
        host.daemon.plan_answer = ADDED
        host.daemon.apply_answer = {"success": "no", "errmsg": "no"}
        assert host.config(**self.NEW)["failed"]
        assert files["old.yml"].read_text() == "# Managed by x\nold\n" and not host.file.exists()
        assert sorted(path.name for path in host.path.parent.iterdir()) == ["etc", "ikeengine"]

    def test_only_on_request(self, host: Host, files: t.Dict[str, pathlib.Path]) -> None:
        assert host.config(**dict(self.NEW, purge=False))["purged"] == []
        assert files["old.yml"].exists()


def secret(name: str, one: str, other: str, value: str = "0x01") -> str:
    return f"  {name}:\n    id:\n    - {one}\n    - {other}\n    secret: '{value}'\n"


MARK = "# Managed by Ansible: keymesh.ike.psk\n"
A_B, A_C = secret("ike-a--b-1", "a", "b"), secret("ike-a--c-e2", "a", "c")


class TestPrune:
    """Connections take their keys with them."""

    KEYS = f"{MARK}secrets:\n{A_B}{A_C}"
    NEW: t.ClassVar = {"file": "tunnels.yml", "content": "new\n", "prune_file": "psk.yml", "prune_keep": ["a--b"]}

    @pytest.fixture
    def keys(self, host: Host) -> pathlib.Path:
        path = host.path / "psk.yml"
        path.write_text(self.KEYS)
        path.chmod(0o600)
        return path

    def test_they_leave_together(self, host: Host, keys: pathlib.Path) -> None:
        forecast = host.config(check_mode=True, diff=True, **self.NEW)
        shown = "".join(part["prepared"] for part in forecast["diff"])
        assert forecast["changed"] and "-  ike-a--c-e2:" in shown and "0x01" not in shown
        assert keys.read_text() == self.KEYS
        assert host.config(**self.NEW)["changed"]
        assert keys.read_text() == f"{MARK}secrets:\n{A_B}"
        assert stat.S_IMODE(keys.stat().st_mode) == 0o600
        assert not host.config(**self.NEW)["changed"]

    def test_they_stay_together(self, host: Host, keys: pathlib.Path) -> None:
        host.daemon.plan_answer = ADDED
        host.daemon.apply_answer = {"success": "no", "errmsg": "no"}
        assert host.config(**self.NEW)["failed"]
        assert keys.read_text() == self.KEYS and not host.file.exists()

    def test_the_last_one_leaves_an_empty_section(self, host: Host, keys: pathlib.Path) -> None:
        host.config(**dict(self.NEW, prune_keep=[]))
        assert keys.read_text() == f"{MARK}secrets: {{}}\n"

    def test_without_the_file_nothing_happens(self, host: Host) -> None:
        assert host.config(**self.NEW)["changed"]
        assert not (host.path / "psk.yml").exists()

    @pytest.mark.parametrize("other", ["ike-a--b-c-1", "ike-x-a--b-1", "before-ike-a--b-1", "mine"])
    def test_the_key_of_another_connection_is_not_taken_for_it(
        self, host: Host, keys: pathlib.Path, other: str
    ) -> None:
        keys.write_text(f"{MARK}secrets:\n" + secret(other, "a", "c") + A_B)
        assert host.config(**self.NEW)["changed"]
        assert keys.read_text() == f"{MARK}secrets:\n{A_B}"

    @pytest.mark.parametrize("own", ["ike-a--b-12", "ike-a--b-e2026-11", "ike-a--b-espring"])
    def test_generations_and_epochs_are_known(self, host: Host, keys: pathlib.Path, own: str) -> None:
        keys.write_text(f"{MARK}secrets:\n" + secret(own, "a", "b"))
        host.config(**self.NEW)
        assert keys.read_text() == f"{MARK}secrets:\n" + secret(own, "a", "b")


class TestKeepSecrets:
    """New keys come beside those that connections may still need."""

    def config(self, host: Host, sections: str, **options: t.Any) -> t.Dict[str, t.Any]:
        content = f"{MARK}secrets:\n{sections}" if sections else f"{MARK}secrets: {{}}\n"
        return host.config(file="psk.yml", content=content, keep_secrets=True, **options)

    def kept(self, host: Host) -> str:
        return (host.path / "psk.yml").read_text().partition("secrets:\n")[2]

    def test_the_first_file(self, host: Host) -> None:
        assert self.config(host, A_B)["changed"] and self.kept(host) == A_B
        assert not self.config(host, A_B)["changed"]

    @pytest.mark.parametrize("sections", ["", A_B])
    def test_a_pair_that_needs_no_key_any_more(self, host: Host, sections: str) -> None:
        self.config(host, A_B + A_C)
        self.config(host, sections)
        assert sorted(self.kept(host).splitlines()) == sorted((A_B + A_C).splitlines())
        assert not self.config(host, sections)["changed"]

    def test_a_key_that_takes_the_place_of_another_one(self, host: Host) -> None:
        self.config(host, A_B)
        new = secret("ike-a--b-2", "a", "b", "0x02")
        self.config(host, new)
        assert self.kept(host) == new

    def test_a_gateway_with_a_new_identity(self, host: Host) -> None:
        self.config(host, A_B)
        new = secret("ike-a--b-1", "a", "new")
        self.config(host, new)
        assert self.kept(host) == new + A_B.replace("ike-", "before-ike-")
        assert not self.config(host, new)["changed"]
        host.config(file="tunnels.yml", content="new\n", prune_file="psk.yml", prune_keep=["a--b"])
        assert self.kept(host) == new
