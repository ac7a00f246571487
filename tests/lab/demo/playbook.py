"""Running ansible-playbook: a line that tells what it does right now, and the whole log in a file."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_TASK = re.compile(r"^(?:TASK|RUNNING HANDLER|PLAY) \[(?P<name>.*?)\] \**$")
_RECAP = re.compile(r"^(?P<host>\S+)\s+: ok=(?P<ok>\d+)\s+changed=(?P<changed>\d+)")


class PlaybookFailed(Exception):
    """The playbook failed; the text is the end of its log."""


@dataclass(frozen=True)
class Recap:
    """How many tasks were ok and how many changed something, over all hosts."""

    ok: int
    changed: int


def run(
    collections: Path, inventory: Path, playbook: str, log: Path, tell: Callable[[str], None], *arguments: str
) -> Recap:
    """Run a playbook of the collection. `tell` gets the name of each task. Raises PlaybookFailed."""
    binary = Path(sys.executable).parent / "ansible-playbook"
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": f"{collections}",
        "ANSIBLE_CONFIG": str(_configuration(inventory.parent)),
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_DEPRECATION_WARNINGS": "false",
        "ANSIBLE_NOCOLOR": "1",
        "PATH": f"{binary.parent}:{os.environ['PATH']}",
        "LC_ALL": "C.UTF-8",
    }
    command = [str(binary), "--inventory", str(inventory), playbook, *arguments]
    ok = changed = 0
    with log.open("w") as output:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, cwd=inventory.parent
        )
        for line in process.stdout or ():
            output.write(line)
            if task := _TASK.match(line):
                tell(task["name"])
            if recap := _RECAP.match(line):
                ok, changed = ok + int(recap["ok"]), changed + int(recap["changed"])
        if process.wait() != 0:
            output.flush()
            raise PlaybookFailed(f"{playbook} failed; the end of {log}:\n{log.read_text()[-4000:]}")
    return Recap(ok, changed)


def _configuration(directory: Path) -> Path:
    """An ansible.cfg of our own, so that the user's does not change the demo."""
    path = directory / "ansible.cfg"
    path.write_text("[connection]\npipelining = true\n")
    return path
