"""Kernels that run tests, and who runs which test: outside they are booted, inside they take tests from one list.

Two kernels side by side take the tests from both ends, so they end together however long each test takes. What one of
them takes it marks with a directory, because making one is atomic on a file system that both share.
"""

from __future__ import annotations

import compileall
import json
import os
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import pytest

from tests.lab import qemu, uml
from tests.lab.guest import GuestResult
from tests.lab.needs import give_up

HERE = Path(__file__).parent
LOGS = HERE.parents[2] / ".build" / "logs"
"""Takes what was printed inside, with the times that the tests have needed there."""

REPORT = "IKEENGINE_GUEST_REPORT"
"""Inside, this variable names the file that takes the outcomes, one JSON object a line."""

TAKEN = "IKEENGINE_GUEST_TAKEN"
"""Inside, this variable names the directory of the marks."""

BACKWARDS = "IKEENGINE_GUEST_BACKWARDS"
"""Inside, this variable is set where tests are taken from the end of the list."""


@dataclass(frozen=True)
class Kind:
    """A kind of kernel: the folder with its tests, and how many of them run side by side where there are CPUs."""

    folder: Path
    lab: ModuleType
    most_boots: int
    boot_seconds: int
    seconds_per_test: int


KINDS = (
    Kind(HERE / "inside", uml, most_boots=2, boot_seconds=60, seconds_per_test=60),
    Kind(HERE / "emulated", qemu, most_boots=1, boot_seconds=300, seconds_per_test=120),
)


def kind_of(path: Path) -> Kind | None:
    """The kind of kernel that a file with tests needs, if it needs one."""
    return next((kind for kind in KINDS if kind.folder in path.parents), None)


@dataclass
class Boots:
    """Outside: the kernels of one kind, and what they reported."""

    kind: Kind
    directory: Path
    tests: list[str]
    root: Path
    results: list[GuestResult] = field(default_factory=list)
    outcomes: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many kernels there are. Half of the CPUs are left to whatever else is running."""
        return min(self.kind.most_boots, max(1, len(os.sched_getaffinity(0)) // 2), len(self.tests))

    def run(self) -> None:
        """Boot them, and wait until all have halted. Compiled sources come from here, inside none are kept."""
        compileall.compile_dir(self.root / "ikeengine", quiet=1)
        (self.directory / "taken").mkdir()
        (self.directory / "tests").write_text("\n".join(self.tests) + "\n")
        threads = [threading.Thread(target=self._boot, args=(number,)) for number in range(self.count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for report in self.directory.glob("*/report"):
            found = map(json.loads, report.read_text().splitlines())
            self.outcomes |= {outcome["test"]: outcome for outcome in found}

    def judge(self, test: str) -> None:
        """End as a test did inside. Nothing but what is missing there is skipped, and in CI nothing may be missing."""
        outcome = self.outcomes.get(test)
        if outcome is None:
            pytest.fail(f"the kernel did not get to this test: {self.explain()}", pytrace=False)
        if outcome["outcome"] == "skipped":
            give_up(outcome["text"])
        if outcome["outcome"] != "passed":
            pytest.fail(outcome["text"], pytrace=False)

    def explain(self) -> str:
        """What the kernels have printed."""
        return "\n".join(result.explain() for result in self.results)

    def _boot(self, number: int) -> None:
        directory = self.directory / str(number)
        environment = {
            REPORT: str(directory / "report"),
            TAKEN: str(self.directory / "taken"),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        }
        if number:
            environment[BACKWARDS] = "yes"
        options = ["-p", "no:cacheprovider", "--basetemp=/run/pytest", "--durations=0", "--durations-min=1"]
        result = self.kind.lab.run(
            [sys.executable, "-m", "pytest", *options, f"@{self.directory / 'tests'}"],
            directory,
            environment=environment,
            working_directory=self.root,
            timeout=self.kind.boot_seconds + self.kind.seconds_per_test * len(self.tests),
        )
        self.results.append(result)
        LOGS.mkdir(parents=True, exist_ok=True)
        (LOGS / f"{self.kind.folder.name}-{number}.log").write_text(result.output)


def take(items: list[pytest.Item]) -> Iterator[pytest.Item]:
    """Inside: tests that no other kernel has taken, one after the other."""
    marks = Path(os.environ[TAKEN])
    numbered = list(enumerate(items))
    for number, item in reversed(numbered) if BACKWARDS in os.environ else numbered:
        try:
            (marks / str(number)).mkdir()
        except FileExistsError:
            continue
        yield item


def report(test: str, outcome: str, text: str) -> None:
    """Inside: tell how a test went as soon as it is known, so that a kernel that dies later loses nothing."""
    with Path(os.environ[REPORT]).open("a") as file:
        file.write(json.dumps({"test": test, "outcome": outcome, "text": text}) + "\n")
