"""Which strongSwan scenarios were proven in this run: collected from the tests that name one, kept in a file.

A test names what it mirrors with `@pytest.mark.scenario("ikev2/net2net-psk")`. The engine's role is that of the
`initiator` fixture, or the one that the marker gives. `docs/pages/scenarios.py` makes a table of the file.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

RESULTS = Path(__file__).resolve().parents[2] / ".build" / "results" / "scenarios.json"
ROLES = {"engine": "initiator", "charon": "responder"}
"""The engine's role by who begins."""

PROPERTY = "scenario"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one test that mirrors a scenario."""

    test: str
    scenario: str
    role: str
    kernel: bool
    """Whether it ran in a kernel of its own, with that kernel's ESP, and not just in network namespaces."""
    outcome: str


def describe(item: pytest.Item) -> list[tuple[str, str, bool]]:
    """The scenarios that a test mirrors: name, the engine's role, and whether a kernel with ESP is needed."""
    return [
        (mark.args[0], mark.kwargs.get("role") or _role(item), item.get_closest_marker("kernel") is not None)
        for mark in item.iter_markers("scenario")
    ]


def _role(item: pytest.Item) -> str:
    callspec = getattr(item, "callspec", None)
    initiator = "" if callspec is None else str(callspec.params.get("initiator", ""))
    return ROLES.get(initiator, "both")


class Recorder:
    """Takes the reports of a session, those of the workers of pytest-xdist too, and merges them into the file."""

    def __init__(self) -> None:
        self._outcomes: list[Outcome] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note how a test with a scenario has ended."""
        if report.when != "call" and report.outcome == "passed":
            return
        for key, value in report.user_properties:
            if key == PROPERTY:
                name, role, kernel = value
                self._outcomes.append(Outcome(report.nodeid, name, role, kernel, report.outcome))

    def pytest_sessionfinish(self) -> None:
        """Write the file."""
        if not self._outcomes:
            return
        known = {outcome.test + outcome.scenario: outcome for outcome in (*load(), *self._outcomes)}
        RESULTS.parent.mkdir(parents=True, exist_ok=True)
        RESULTS.write_text(json.dumps([asdict(known[key]) for key in sorted(known)], indent=1) + "\n")


def load() -> list[Outcome]:
    """The outcomes of earlier runs."""
    return [Outcome(**entry) for entry in json.loads(RESULTS.read_text())] if RESULTS.exists() else []
