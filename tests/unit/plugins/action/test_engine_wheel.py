# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pathlib
import tarfile
import typing as t
from unittest import mock

import pytest
from ansible.errors import AnsibleActionFail

from ansible_collections.keymesh.ike.plugins.action import engine_wheel

ROOT = pathlib.Path(__file__).parents[4]


def run(tmp_path: pathlib.Path, **arguments: t.Any) -> t.Dict[str, t.Any]:
    """The result of the action, for the source of this very collection unless told otherwise."""
    task = mock.Mock(args={"source": str(ROOT), "directory": str(tmp_path), **arguments}, async_val=0, check_mode=True)
    connection = mock.Mock(_shell=mock.Mock(tmpdir=None))
    action = engine_wheel.ActionModule(
        task=task, connection=connection, play_context=None, loader=None, templar=None, shared_loader_obj=None
    )
    return action.run(task_vars={})


def test_the_wheel_of_this_collection(tmp_path: pathlib.Path) -> None:
    result = run(tmp_path)
    assert not result["changed"] and result["wheels"] == []
    assert pathlib.Path(result["path"]).parent.name == result["sha256"][:12]
    assert any(requirement.startswith("cryptography") for requirement in result["requirements"])
    assert run(tmp_path) == result


def test_what_decides_the_release(tmp_path: pathlib.Path) -> None:
    releases = {run(tmp_path, depends_on=given)["release"] for given in ([], ["3.11"], ["3.12"], ["3.11", "x"])}
    assert len(releases) == 4
    assert all(len(release) == 12 for release in releases)


def test_given_wheels_decide_it_and_are_in_the_bundle(tmp_path: pathlib.Path) -> None:
    given = tmp_path / "rich-14.whl"
    given.write_bytes(b"x")
    result = run(tmp_path, wheels=[str(given)])
    assert result["release"] != run(tmp_path)["release"]
    with tarfile.open(result["bundle"]) as bundle:
        assert bundle.getnames() == [pathlib.Path(result["path"]).name, "rich-14.whl"]
        assert {(entry.uid, entry.mode) for entry in bundle} == {(0, 0o644)}


def test_wheels_for_the_target_decide_it_too(tmp_path: pathlib.Path) -> None:
    rich = tmp_path / "rich-14.whl"
    rich.write_bytes(b"x")
    target = {"python": "3.11", "machine": "x86_64", "glibc": "2.36"}
    with mock.patch.object(engine_wheel, "download", return_value=[str(rich)]) as download:
        result = run(tmp_path, download_for=target)
    assert result["wheels"] == [str(rich)]
    assert result["release"] != run(tmp_path)["release"]
    assert download.call_args.args[1] == engine_wheel.Platform("3.11", "x86_64", "2.36")


def test_the_time_can_be_set(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = run(tmp_path)["sha256"]
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert run(tmp_path)["sha256"] != before


def test_failures_are_reported(tmp_path: pathlib.Path) -> None:
    with pytest.raises(AnsibleActionFail, match="does not hold the source of ikeengine"):
        run(tmp_path, source=str(tmp_path))
