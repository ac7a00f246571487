"""A control socket in front of a fake core, served by a thread, for clients that block."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import vici

from ikeengine.auth.credentials import CredentialStore
from ikeengine.daemon.control import Control
from ikeengine.daemon.credentials import Credentials
from ikeengine.daemon.keystore import KeyStore
from ikeengine.daemon.reload import Loader
from ikeengine.daemon.trial import Trial
from ikeengine.daemon.vici.bridge import EventBridge
from ikeengine.daemon.vici.hub import EventHub
from ikeengine.daemon.vici.server import ViciServer
from ikeengine.observe.log import EngineLog
from tests.engine.unit.daemon.fakes import Rig
from tests.lab.needs import give_up


class ViciRig:
    """`core`, `service`, `loader`, `credentials` and `observer` as in the daemon; `do` runs something in its thread."""

    def __init__(self, directory: Path, *, log: EngineLog | None = None) -> None:
        self.socket_path = directory / "test.vici"
        self.config_path = directory / "engine.yml"
        if not self.config_path.exists():
            self.config_path.write_text("connections: {}\n")
            self.config_path.chmod(0o600)
        self._log = log
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(60)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(60)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)

    async def _start(self) -> None:
        rig = Rig(log=self._log)
        self.core, self.service, self.datapath, self.observer = rig.core, rig.service, rig.datapath, rig.observer
        self.service.start()
        self.store, keys = CredentialStore(), KeyStore()
        self.credentials = Credentials(self.store, keys)
        self.engines: list[Any] = []
        self.loader = Loader(self.config_path, self.service, self.credentials, self.engines.append)
        self.hub = EventHub()
        self.bridge = EventBridge(self.service, self.hub)
        self.observer.listeners.append(self.bridge)
        self.said: list[str] = []
        self.trial = Trial(self.loader, self.said.append)
        now = self.service.now()
        control = Control(self.service, self.loader, self.credentials, self.observer, self.bridge, self.trial, now)
        self.server = ViciServer(self.socket_path, self.hub, control.find_command, self.observer.say)
        await self.server.start()
        await self.server.serve()

    async def _stop(self) -> None:
        await self.server.stop()
        self.service.stop()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        if tasks:
            await asyncio.wait(tasks, timeout=60)

    def do(self, action: Callable[[], Any]) -> Any:
        async def run() -> Any:
            return action()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(60)

    def emit(self, *outputs: Any) -> None:
        """Let the core have these outputs, and carry them out."""

        def action() -> None:
            self.core.outbox += outputs
            self.service.pump()

        self.do(action)

    def connect(self, timeout: float = 60.0) -> socket.socket:
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(timeout)
        sock.connect(str(self.socket_path))
        return sock

    def session(self) -> vici.Session:
        return vici.Session(self.connect())

    def swanctl(self, command: str, *arguments: str, environment: Mapping[str, str] | None = None) -> tuple[int, str]:
        """Run the real swanctl; its exit code and what it printed, without its complaints about plugins."""
        program = shutil.which("swanctl", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        if program is None:
            give_up("swanctl is not installed")
        process = subprocess.run(
            [program, command, "--uri", f"unix://{self.socket_path}", *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, **(environment or {})},
        )
        errors = [line for line in process.stderr.splitlines() if not line.startswith(("TPM", "plugin", "opening"))]
        return process.returncode, process.stdout + "\n".join(errors)


def text(value: Any) -> Any:
    """What the PyPI client returns, with strings for octets."""
    if isinstance(value, Mapping):
        return {key: text(item) for key, item in value.items()}
    if isinstance(value, list):
        return [text(item) for item in value]
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value
