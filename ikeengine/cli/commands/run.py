"""`run`: the daemon itself."""

from __future__ import annotations

from argparse import Namespace

from ikeengine.daemon.main import run as run_daemon


def run(arguments: Namespace) -> int:
    """Run the daemon in the foreground until SIGTERM."""
    socket = None if arguments.socket is None else str(arguments.socket)
    return run_daemon(str(arguments.config), str(arguments.run_dir), socket)
