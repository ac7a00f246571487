"""Commands and processes, on this machine and in the containers."""

import subprocess
import sys


def run(*command, **options):
    """Run a command that must succeed. Its output."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip() or done.returncode}")
    return done.stdout


def inside(leader):
    """A command that runs another one in a container."""
    return ["nsenter", f"--target={leader}", "--all", "--", "/usr/bin/env", "LC_ALL=C.UTF-8"]


def child_of(process):
    """The first process of the container, None until it runs: before that, nspawn has helpers of its own name."""
    children = subprocess.run(["pgrep", "--parent", str(process)], capture_output=True, text=True, check=False).stdout
    programs = {int(child): command_line(child).split() for child in children.split()}
    return next((child for child, words in programs.items() if words and "nspawn" not in words[0]), None)


def is_running(leader):
    """Whether the container has booted; a unit of the machine that fails in it does not matter."""
    command = [*inside(leader), "systemctl", "is-system-running"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() in (
        "running",
        "degraded",
    )


def command_line(process):
    """The command line of a process; empty if it has gone."""
    try:
        with open(f"/proc/{process}/cmdline", encoding="utf-8", errors="replace") as file:
            return file.read().replace("\0", " ")
    except OSError:
        return ""
