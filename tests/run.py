"""Runs every test of the project: stages side by side, one line each, the log of what fails, and a sum at the end."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOGS = ROOT / ".build" / "logs"
BIN = Path(sys.executable).parent
PYTEST = f"{sys.executable} -m pytest -q -p no:cacheprovider"


@dataclass(frozen=True)
class Stage:
    """One command of the test run. `alone` stages run when nothing else does, because they measure or demonstrate."""

    name: str
    command: str
    group: str
    alone: bool = False


STAGES = (
    Stage("kernel", f"{PYTEST} tests/engine/kernel -m kernel", "kernel"),
    Stage("interop", f"{PYTEST} tests/engine/interop -m interop", "interop"),
    Stage("sanity", "tests/collection/sanity.sh", "collection"),
    Stage("collection units", "tests/collection/units.sh", "collection"),
    Stage("collection integration", "tests/collection/integration.sh", "collection"),
    Stage("molecule", "tests/collection/molecule.sh", "collection"),
    Stage("engine", f"{PYTEST} -n 2 -m 'not interop and not kernel'", "engine"),
    Stage("ruff", f"{BIN}/ruff check . && {BIN}/ruff format --check .", "lint"),
    Stage("mypy", f"{BIN}/mypy", "lint"),
    Stage("import-linter", f"{BIN}/lint-imports", "lint"),
    Stage("codespell", f"{BIN}/codespell", "lint"),
    Stage("ansible-lint", "tests/collection/lint.sh", "lint"),
    Stage("demo", f"{sys.executable} -m tests.lab.demo", "demo", alone=True),
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


def _last_line(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    summary = next((line for line in reversed(lines) if " passed" in line), "")
    return f": {summary.strip('= ')}" if summary else ""


def main() -> int:
    """Run the stages that were asked for, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    groups = sorted({stage.group for stage in STAGES})
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"only these: {', '.join(groups)}")
    parser.add_argument("--jobs", type=int, default=2, help="stages side by side (default: 2)")
    options = parser.parse_args()
    unknown = set(options.groups) - set(groups)
    if unknown:
        parser.error(f"unknown group: {', '.join(sorted(unknown))}")
    chosen = [stage for stage in STAGES if not options.groups or stage.group in options.groups]
    LOGS.mkdir(parents=True, exist_ok=True)
    results: dict[str, bool] = {}
    with ThreadPoolExecutor(options.jobs) as pool:
        together = [stage for stage in chosen if not stage.alone]
        results.update(zip((stage.name for stage in together), pool.map(run, together), strict=True))
    for stage in chosen:
        if stage.alone:
            results[stage.name] = run(stage)
    failed = [name for name, passed in results.items() if not passed]
    for name in failed:
        log = LOGS / f"{name.replace(' ', '-')}.log"
        print(f"\n===== {name}: the end of {log.relative_to(ROOT)} =====")
        print("\n".join(log.read_text(errors="replace").splitlines()[-80:]))
    print(f"\n{len(results) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
