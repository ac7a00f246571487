"""The kernels that other tests boot, and how two of them share a list of tests."""

from __future__ import annotations

import os
from pathlib import Path
from types import ModuleType

import pytest

from tests.engine.kernel import boots
from tests.lab import guest, qemu, uml
from tests.lab.needs import give_up

SCRIPT = 'uname -r; pwd; echo "$GREETING"; cat /proc/net/xfrm_stat; cat "$GUEST_DIRECTORY/input"; exit 3'


@pytest.fixture
def _uml() -> None:
    if reason := uml.missing():
        give_up(reason)


@pytest.mark.kernel
@pytest.mark.usefixtures("_uml")
def test_a_command_runs_inside_and_reports(tmp_path: Path):
    (tmp_path / "input").write_text("a file of the host\n")
    result = uml.run(
        ["sh", "-c", SCRIPT], tmp_path, environment={"GREETING": "it's me"}, working_directory=tmp_path, timeout=600
    )
    lines = result.output.splitlines()
    assert result.exit_code == 3, result.explain()
    assert lines[0] in [path.name for path in uml.MODULES.iterdir()]
    assert lines[1:3] == [str(tmp_path), "it's me"]
    assert lines[-1] == "a file of the host"
    assert "XfrmInError" in result.output


@pytest.mark.kernel
@pytest.mark.usefixtures("_uml")
def test_a_command_that_never_ends_is_killed(tmp_path: Path):
    result = uml.run(["sh", "-c", "echo begun; sleep 600"], tmp_path, timeout=10)
    assert result.exit_code is None
    assert result.output in ("", "begun\n")
    assert "killed after 10 s" in result.explain()


@pytest.mark.parametrize("lab", [uml, qemu], ids=["uml", "qemu"])
def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, lab: ModuleType):
    monkeypatch.setattr(lab.os, "geteuid", lambda: 0)
    monkeypatch.setattr(lab.shutil, "which", lambda name: None if name == lab.KERNEL else name)
    monkeypatch.setattr(qemu, "FILE_SERVERS", (Path("/bin/sh"),))
    assert lab.missing() == f"missing {lab.KERNEL}: apt-get install {lab.PACKAGES}"
    monkeypatch.setattr(lab.os, "geteuid", lambda: 1000)
    assert "needs root" in lab.missing()


def test_a_kernel_that_was_not_unpacked_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(qemu.os, "geteuid", lambda: 0)
    monkeypatch.setattr(qemu.shutil, "which", lambda name: name)
    monkeypatch.setattr(qemu, "FILE_SERVERS", (Path("/bin/sh"),))
    monkeypatch.setattr(qemu, "UNPACKED", tmp_path)
    assert qemu.missing() == f"no kernel below {tmp_path}: tests/lab/provision.sh kernel {tmp_path}"


def test_what_is_urgent_has_one_cpu_and_the_block_only():
    before = os.sched_getaffinity(0), os.sched_getscheduler(0)
    cpu = max(before[0])
    with guest.urgent(cpu):
        assert os.sched_getaffinity(0) == {cpu}
    assert (os.sched_getaffinity(0), os.sched_getscheduler(0)) == before


def test_two_kernels_take_each_test_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """One from the front, one from the back, until they meet."""
    monkeypatch.setenv(boots.TAKEN, str(tmp_path))
    forwards = boots.take(list("abcde"))
    taken = [next(forwards), next(forwards)]
    monkeypatch.setenv(boots.BACKWARDS, "yes")
    backwards = boots.take(list("abcde"))
    assert (taken, next(backwards)) == (["a", "b"], "e")
    assert list(forwards) == ["c", "d"]
    assert list(backwards) == []


@pytest.mark.parametrize(
    ("outcome", "ci", "ends"),
    [
        (None, "", pytest.fail.Exception),
        ("failed", "", pytest.fail.Exception),
        ("skipped", "", pytest.skip.Exception),
        ("skipped", "true", pytest.fail.Exception),
    ],
    ids=["never-reached", "failed", "skipped", "skipped-in-ci"],
)
def test_a_test_that_did_not_pass_inside(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, outcome: str | None, ci: str, ends: type[BaseException]
):
    """In CI a kernel in which something is missing is a failure, so it cannot turn its tests into skips."""
    monkeypatch.setenv("CI", ci)
    run = boots.Boots(boots.KINDS[0], tmp_path, ["inside"], tmp_path)
    if outcome is not None:
        run.outcomes["inside"] = {"test": "inside", "outcome": outcome, "text": "not installed: pppd"}
    with pytest.raises(ends):
        run.judge("inside")
