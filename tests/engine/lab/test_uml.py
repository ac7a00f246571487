"""The kernel that other tests boot."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab import uml
from tests.lab.needs import give_up

pytestmark = pytest.mark.kernel


@pytest.fixture(autouse=True)
def _kernel() -> None:
    if reason := uml.missing():
        give_up(reason)


def test_a_command_runs_inside_and_reports(tmp_path: Path):
    script = 'uname -r; pwd; echo "$GREETING"; cat /proc/net/xfrm_stat; cat "$GUEST_DIRECTORY/input"; exit 3'
    (tmp_path / "input").write_text("a file of the host\n")
    result = uml.run(
        ["sh", "-c", script], tmp_path, environment={"GREETING": "it's me"}, working_directory=tmp_path, timeout=120
    )
    lines = result.output.splitlines()
    assert result.exit_code == 3
    assert lines[0] in [path.name for path in uml.MODULES.iterdir()]
    assert lines[1:3] == [str(tmp_path), "it's me"]
    assert lines[-1] == "a file of the host"
    assert "XfrmInError" in result.output


def test_a_command_that_never_ends_is_killed(tmp_path: Path):
    result = uml.run(["sh", "-c", "echo begun; sleep 600"], tmp_path, timeout=40)
    assert result.exit_code is None
    assert result.output == "begun\n"
    assert "killed after 40 s" in result.explain()


def test_what_is_missing_is_named(monkeypatch):
    monkeypatch.setattr(uml.shutil, "which", lambda name: None if name == uml.KERNEL else name)
    assert uml.missing() == f"missing linux.uml: apt-get install {uml.PACKAGES}"
    monkeypatch.setattr(uml.os, "geteuid", lambda: 1000)
    assert "needs root" in uml.missing()
