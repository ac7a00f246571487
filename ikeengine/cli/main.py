"""The command `ikeengine`: reads the arguments, runs one command, and turns its outcome into an exit code."""

from __future__ import annotations

import os
import pkgutil
import sys
from argparse import Namespace
from collections.abc import Callable
from typing import cast

from ikeengine.cli.errors import CommandFailed, DaemonUnreachable, Exit, UsageError
from ikeengine.cli.parser import build_parser
from ikeengine.cli.text import printable

Handler = Callable[[Namespace], int]


def main(argv: list[str] | None = None) -> int:
    """Run a command line. Returns 0 done, 1 failed, 2 usage or invalid configuration, 3 daemon unreachable."""
    try:
        arguments = build_parser().parse_args(argv)
    except SystemExit as end:
        return int(end.code or 0)
    try:
        return _handler(arguments.handler)(arguments)
    except (CommandFailed, DaemonUnreachable, UsageError) as error:
        print(f"ikeengine: {printable(str(error))}", file=sys.stderr)
        return error.code
    except KeyboardInterrupt:
        return Exit.FAILED
    except BrokenPipeError:
        # The reader of our output has seen enough; Python must not complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.DONE


def _handler(name: str) -> Handler:
    """Import a command only when it runs: `status` shall not wait for what only `check` needs."""
    return cast("Handler", pkgutil.resolve_name(name))


if __name__ == "__main__":
    sys.exit(main())
