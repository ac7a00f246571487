"""`run`: the daemon itself."""

from __future__ import annotations

from argparse import Namespace

from ikeengine.daemon.main import run as run_daemon


def run(arguments: Namespace) -> int:
    """Run the daemon in the foreground until SIGTERM."""
    return run_daemon(arguments.config, arguments.run_dir)
