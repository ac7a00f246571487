"""Runs every test of the project: stages side by side, one line each, the log of what fails, and a sum at the end."""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOGS = ROOT / ".build" / "logs"
BIN = Path(sys.executable).parent
EITHER = 0
"""Stages that a lane takes up when it has done its own, so that none is left waiting for the other."""
LAST = 3
"""The lane that begins when all others have ended: what measures or demonstrates needs the machine for itself."""

PYTEST = f"{sys.executable} -m pytest -q -p no:cacheprovider"


@dataclass(frozen=True)
class Stage:
    """One command of the test run. The stages of a lane run one after the other, the two lanes side by side."""

    name: str
    command: str
    group: str
    lane: int


STAGES = (
    Stage("engine", f"{PYTEST} -n 2 -m 'not interop and not kernel'", "engine", 1),
    Stage("interop", f"{PYTEST} tests/engine/interop -m interop -n 3 --dist loadfile", "interop", 1),
    Stage("kernel", f"{PYTEST} tests/engine/kernel/inside tests/engine/lab -m kernel", "kernel", 1),
    Stage("xfrm-interfaces", f"{PYTEST} tests/engine/kernel/emulated -m kernel", "kernel", 1),
    Stage("scenarios", f"{sys.executable} -m docs.pages.scenarios", "interop", 1),
    Stage("sanity", "tests/collection/sanity.sh", "collection", 2),
    Stage("units", "tests/collection/units.sh", "collection", 2),
    Stage("integration", "tests/collection/integration.sh", "collection", 2),
    Stage("molecule", "tests/collection/molecule.sh", "collection", 2),
    Stage("ansible-lint", "tests/collection/lint.sh", "lint", EITHER),
    Stage("release", "tests/collection/release_check.sh", "lint", EITHER),
    Stage("mypy", f"{BIN}/mypy", "lint", EITHER),
    Stage("ruff", f"{BIN}/ruff check . && {BIN}/ruff format --check .", "lint", EITHER),
    Stage("import-linter", f"{BIN}/lint-imports", "lint", EITHER),
    Stage("codespell", f"{BIN}/codespell", "lint", EITHER),
    Stage("demo", f"{sys.executable} -m tests.lab.demo", "demo", LAST),
)


def run(stage: Stage) -> bool:
    """Run one stage, its output into a log. True if it passed."""
    log = LOGS / f"{stage.name.replace(' ', '-')}.log"
    started = time.monotonic()
    print(f"  ....  {stage.name}", flush=True)
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "PYTHONUNBUFFERED": "1"}
    with log.open("wb") as output:
        status = subprocess.run(
            ["bash", "-c", stage.command],
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            check=False,
        ).returncode
    seconds = time.monotonic() - started
    verdict = "ok" if status == 0 else "FAILED"
    print(f"  {verdict:<6}{stage.name} ({seconds:.0f} s){_last_line(log)}", flush=True)
    return status == 0


def run_lane(stages: list[Stage], others: deque[Stage]) -> dict[str, bool]:
    """Run stages one after the other, then of the others what is left, and tell which passed."""
    results = {stage.name: run(stage) for stage in stages}
    while stage := _next(others):
        results[stage.name] = run(stage)
    return results


def _next(stages: deque[Stage]) -> Stage | None:
    with contextlib.suppress(IndexError):
        return stages.popleft()
    return None


def _last_line(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    summary = next((line for line in reversed(lines) if " passed" in line), "")
    return f": {summary.strip('= ')}" if summary else ""


def main() -> int:
    """Run the stages that were asked for, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    groups = sorted({stage.group for stage in STAGES})
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"only these: {', '.join(groups)}")
    options = parser.parse_args()
    unknown = set(options.groups) - set(groups)
    if unknown:
        parser.error(f"unknown group: {', '.join(sorted(unknown))}")
    chosen = [stage for stage in STAGES if not options.groups or stage.group in options.groups]
    LOGS.mkdir(parents=True, exist_ok=True)
    results: dict[str, bool] = {}
    others = deque(stage for stage in chosen if stage.lane == EITHER)
    with ThreadPoolExecutor() as pool:
        for outcome in pool.map(lambda lane: run_lane([s for s in chosen if s.lane == lane], others), (1, 2)):
            results |= outcome
    results |= run_lane([stage for stage in chosen if stage.lane == LAST], others)
    failed = [name for name, passed in results.items() if not passed]
    for name in failed:
        log = LOGS / f"{name.replace(' ', '-')}.log"
        print(f"\n===== {name}: the end of {log.relative_to(ROOT)} =====")
        print("\n".join(log.read_text(errors="replace").splitlines()[-80:]))
    print(f"\n{len(results) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
