"""The real daemon, `ikeengine run`, in a network namespace."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.lab import guest, preforked
from tests.lab.control import Control, Section
from tests.lab.netns import Namespace, wait_until

ROOT = Path(__file__).resolve().parents[2]
QUICK = {"retransmit_timeout": "1s", "log": {"default": 1, "ike": 2}}
START_TIMEOUT = 120
"""Seconds. In a kernel in user mode, on a busy machine, a daemon may need more than ten of them."""


class Engine(Control):
    """One ikeengine. `settings` go to the `engine` section of its configuration, `more` beside it.

    `python` may be another interpreter of this version; it gets the libraries of this one.
    """

    def __init__(
        self,
        namespace: Namespace,
        directory: Path,
        settings: Section | None = None,
        more: Section | None = None,
        *,
        datapath: str = "userspace",
        run_directory: Path | None = None,
        python: str = sys.executable,
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.run_directory = run_directory or directory / "run"
        super().__init__(self.run_directory / "ikeengine.vici", directory / "engine.log")
        self.namespace = namespace
        self._python = python
        self.configuration = directory / "config.yml"
        self._settings: dict[str, Any] = {"datapath": datapath, **QUICK, **(settings or {})}
        self.configure(more or {})
        self._process: subprocess.Popen[str] | preforked.Forked | None = None

    @property
    def pid(self) -> int:
        """The process of the daemon."""
        assert self._process is not None
        return self._process.pid

    def configure(self, sections: Section) -> None:
        """Write the configuration file: the `engine` section and these."""
        self.configuration.write_text(yaml.safe_dump({"engine": self._settings, **sections}, sort_keys=False))
        self.configuration.chmod(0o600)

    def start(self) -> None:
        """Start the daemon and wait until it takes commands."""
        self.socket_path.unlink(missing_ok=True)
        arguments = ["run", "--config", str(self.configuration), "--run-dir", str(self.run_directory)]
        self._process = self._started(arguments)
        try:
            wait_until(self._is_up, timeout=START_TIMEOUT)
        except TimeoutError:
            raise TimeoutError(f"ikeengine takes no commands: {self.log()[-2000:]}") from None

    def stop(self) -> int:
        """SIGTERM: the engine deletes its SAs and ends. Returns its exit code."""
        assert self._process is not None
        self._process.terminate()
        code = self._process.wait(60)
        self._process = None
        return code

    def kill(self) -> None:
        """Die as in a crash: no peer is told."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(60)
            self._process = None

    def cli(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a client command of the command line, such as `cli("explain", "net")`."""
        arguments = (*arguments, "--socket", str(self.socket_path))
        if guest.inside():
            result = preforked.run(self.namespace.name, list(arguments))
            if check:
                result.check_returncode()
            return result
        command = self._command(*arguments)
        return self.namespace.run(*command, check=check, env=self._environment())

    def failures(self, connection: str = "") -> list[dict[str, Any]]:
        """Records of failed negotiations, the newest first."""
        answer = self.request("failures", {"connection": connection} if connection else {})
        return list(answer["failures"].values())

    def _started(self, arguments: list[str]) -> subprocess.Popen[str] | preforked.Forked:
        if guest.inside():
            return preforked.Forked(self.namespace.name, arguments, self.log_file)
        with self.log_file.open("a") as output:
            return self.namespace.popen(
                *self._command(*arguments), env=self._environment(), stdout=output, stderr=output
            )

    def _command(self, *arguments: str) -> list[str]:
        return [self._python, "-m", "ikeengine.cli.main", *arguments]

    def _environment(self) -> dict[str, str]:
        libraries = [] if self._python == sys.executable else [sysconfig.get_path("purelib")]
        return {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *libraries])}

    def _is_up(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError(f"ikeengine ended at once: {self.log()[-2000:]}")
        try:
            return bool(self.request("version"))
        except OSError:
            return False


@contextlib.contextmanager
def running(engine: Engine) -> Iterator[Engine]:
    """Run a daemon for the block; its SAs die with it."""
    engine.start()
    try:
        yield engine
    finally:
        engine.kill()
