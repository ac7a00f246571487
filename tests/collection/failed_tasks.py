"""Why a scenario of Molecule failed: the playbook, the tasks that failed, and what they said.

    failed_tasks.py LOG     the log of `molecule test`, without borders

A task that ran another playbook is shown with the tasks of that one.
"""

from __future__ import annotations

import json
import pathlib
import re
import sys
import typing as t

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
STEP = re.compile(r"^INFO +\[.* > .*\] Executing$", re.MULTILINE)
END = re.compile(r"^CRITICAL (.*)$", re.MULTILINE)
HEADING = re.compile(r"^(?:PLAY|TASK|RUNNING HANDLER) \[.*\]", re.MULTILINE)
RESULT = re.compile(r"^(?:fatal|failed): \[.*?(?= => \{)|^\[ERROR\]: .*", re.MULTILINE)
TAIL = 30
"""Lines of the output of a command that failed."""


def explain(log: str) -> t.Iterator[str]:
    """The step that ended with an error; the end of the log if there is none."""
    end = END.search(log)
    if end is None:
        yield from last_lines(log)
        return
    begin = max((step.start() for step in STEP.finditer(log, 0, end.start())), default=0)
    yield from failed_tasks(log[begin : end.start()])
    yield end[1]


def failed_tasks(output: str) -> t.Iterator[str]:
    """The failures of a run of ansible-playbook, each below its play and task."""
    headings = list(HEADING.finditer(output))
    shown = -1
    for result in RESULT.finditer(output):
        above = [heading for heading in headings if heading.start() < result.start()]
        for heading in above[-1:] if shown != len(above) else []:
            plays = [one[0] for one in above if one[0].startswith("PLAY")]
            yield from [*plays[-1:], heading[0]]
        shown = len(above)
        yield result[0]
        yield from (f"    {line}" for line in details(output[result.end() :]))


def details(rest: str) -> t.Iterator[str]:
    """What a task has returned (` => {...}`), or where the error comes from."""
    if not rest.startswith(" => "):
        yield from re.findall(r"\A\n(Origin: .*)", rest)
        return
    returned = json.JSONDecoder().raw_decode(rest, len(" => "))[0]
    yield from str(returned.get("msg", "")).splitlines()
    for name in ("stdout", "stderr"):
        text = returned.get(name) or ""
        yield from failed_tasks(text) if RESULT.search(text) else last_lines(text)


def last_lines(text: str) -> list[str]:
    """The end of what a command wrote."""
    return text.splitlines()[-TAIL:]


if __name__ == "__main__":
    print("\n".join(explain(COLOUR.sub("", pathlib.Path(sys.argv[1]).read_text(encoding="utf-8", errors="replace")))))
