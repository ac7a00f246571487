"""docs/reference/scenarios.md, from the results of the tests that mirror strongSwan's scenarios."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable

from docs.pages import ROOT
from docs.pages.markup import table
from tests.engine.scenarios import Outcome, load

PAGE = ROOT / "docs" / "reference" / "scenarios.md"

_INTRODUCTION = """\
# strongSwan's scenarios

This page is generated from the results of the last test run (`make test`, then `make docs`). Each row is a scenario of
strongSwan's own test suite (`testing/tests` in its repository) that ikeengine runs against the real strongSwan, in the
role that the row names; `both` has engines on both sides, or a test in which both gateways begin. Below *where*,
`userspace` is ESP in userspace between network namespaces, and `kernel` is the kernel's ESP in user-mode-linux, or in
qemu for XFRM interfaces.
"""


def page() -> str:
    """The text of the page. Without results it stays what it was."""
    outcomes = load()
    if not outcomes:
        return PAGE.read_text()
    rows = sorted(_rows(outcomes))
    scenarios = {scenario for scenario, *_rest in rows}
    lines = [
        _INTRODUCTION,
        f"{len(scenarios)} scenarios, {sum(tests for *_rest, tests, _verdict in rows)} tests.",
        "",
        *table(("Scenario", "Role", "Where", "Tests", "Result"), map(_cells, rows)),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _rows(outcomes: Iterable[Outcome]) -> Iterable[tuple[str, str, str, int, str]]:
    groups: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for outcome in outcomes:
        where = "kernel" if outcome.kernel else "userspace"
        groups[outcome.scenario, outcome.role, where].append(outcome.outcome)
    for group, results in groups.items():
        worst = next((kind for kind in ("failed", "skipped") if kind in results), "passed")
        yield (*group, len(results), worst)


def _cells(row: tuple[str, str, str, int, str]) -> tuple[str, ...]:
    scenario, role, where, tests, verdict = row
    return f"`{scenario}`", role, where, str(tests), verdict


def main() -> int:
    """Check that the page shows every result of the last run."""
    known = PAGE.read_text().splitlines()
    missing = [
        line
        for line in table(("Scenario", "Role", "Where", "Tests", "Result"), map(_cells, sorted(_rows(load()))))
        if line not in known
    ]
    for line in missing:
        print(f"docs/reference/scenarios.md does not have: {line}")
    if missing:
        print("write it anew with: make docs")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
