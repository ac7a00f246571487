"""Runs the tests below `inside/` in a kernel that has ESP: all selected ones in one boot of user-mode-linux.

Outside, each of those tests is replaced by one that reports what came of it inside.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.lab import uml
from tests.lab.needs import give_up

INSIDE = Path(__file__).parent / "inside"
REPORT = "IKEENGINE_UML_REPORT"
"""Inside, this variable names the file that takes the outcomes, one JSON object a line."""

GROUP = "kernel"
"""With `--dist loadgroup` one worker of pytest-xdist gets all these tests."""

BOOT_SECONDS = 60
SECONDS_PER_TEST = 60


@dataclass
class KernelRun:
    """One boot, and what it reported."""

    directory: Path
    outcomes: dict[str, dict[str, str]] = field(default_factory=dict)
    result: uml.UmlResult | None = None

    def boot(self, root: Path, tests: list[str]) -> None:
        report = self.directory / "report"
        arguments = self.directory / "tests"
        arguments.write_text("\n".join(tests) + "\n")
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--basetemp=/run/pytest", f"@{arguments}"]
        self.result = uml.run(
            command,
            self.directory,
            environment={REPORT: str(report)},
            working_directory=root,
            timeout=BOOT_SECONDS + SECONDS_PER_TEST * len(tests),
        )
        lines = report.read_text().splitlines() if report.exists() else []
        self.outcomes = {outcome["test"]: outcome for outcome in map(json.loads, lines)}


class KernelTest(pytest.Item):
    """Stands for a test that runs inside. `inside` is its name there, which has no xdist group at its end."""

    inside: str

    def runtest(self) -> None:
        run = self.session.stash.get(RUN, None)
        if run is None:
            if reason := uml.missing():
                give_up(reason)
            run = self._boot()
        assert run.result is not None
        outcome = run.outcomes.get(self.inside)
        if outcome is None:
            pytest.fail(f"the kernel did not get to this test: {run.result.explain()}", pytrace=False)
        if outcome["outcome"] == "skipped":
            pytest.skip(outcome["text"])
        if outcome["outcome"] != "passed":
            pytest.fail(outcome["text"], pytrace=False)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, self.name

    def _boot(self) -> KernelRun:
        directory = Path(tempfile.mkdtemp(prefix="ikeengine-uml-"))
        self.config.add_cleanup(lambda: shutil.rmtree(directory, ignore_errors=True))
        run = self.session.stash[RUN] = KernelRun(directory)
        run.boot(self.config.rootpath, [item.inside for item in self.session.items if isinstance(item, KernelTest)])
        return run


RUN = pytest.StashKey[KernelRun]()


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark before pytest deselects by marker."""
    if INSIDE in item.path.parents:
        item.add_marker(pytest.mark.kernel)
        item.add_marker(pytest.mark.xdist_group(GROUP))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Outside, put a KernelTest in the place of each test that needs the kernel."""
    if REPORT in os.environ:
        return
    for position, item in enumerate(items):
        if INSIDE in item.path.parents and item.parent is not None:
            stand_in = KernelTest.from_parent(item.parent, name=item.name, nodeid=item.nodeid)
            stand_in.inside = item.nodeid.removesuffix(f"@{GROUP}")
            stand_in.own_markers = item.own_markers
            stand_in.keywords.update(item.keywords)
            items[position] = stand_in


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Inside, tell how a test went as soon as it is known, so that a kernel that dies later loses nothing."""
    report = yield
    if REPORT in os.environ and _decides(report):
        outcome = {"test": report.nodeid, "outcome": report.outcome, "text": _text(report)}
        with Path(os.environ[REPORT]).open("a") as file:
            file.write(json.dumps(outcome) + "\n")
    return report


def _decides(report: pytest.TestReport) -> bool:
    return report.when == "call" or report.outcome != "passed"


def _text(report: pytest.TestReport) -> str:
    if report.outcome == "skipped" and isinstance(report.longrepr, tuple):
        return report.longrepr[2]
    sections = "\n".join(f"--- {title}\n{content}" for title, content in report.sections)
    return f"{report.longreprtext}\n{sections}" if report.outcome == "failed" else ""
