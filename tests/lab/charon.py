"""A private strongSwan (charon-systemd) in a network namespace."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.lab.control import Control, Section
from tests.lab.netns import Namespace, wait_until

BINARY = "/usr/sbin/charon-systemd"
PLUGIN_DIRECTORY = Path("/usr/lib/ipsec/plugins")
PACKAGES = (
    "charon-systemd strongswan-swanctl strongswan-pki"
    " libstrongswan-standard-plugins libstrongswan-extra-plugins libcharon-extra-plugins"
)
PLUGINS = (
    "random nonce x509 revocation constraints curl pubkey pkcs1 pkcs7 pkcs8 pem openssl curve25519 chapoly aes aesni"
    " sha1 sha2 hmac md5 kdf gcm ccm ctr cmac xcbc gmp drbg {kernel} socket-default vici updown counters"
)
LIBIPSEC = "kernel-libipsec kernel-netlink"
"""ESP in charon's own process, over a TUN device and always in UDP; for machines without ESP in the kernel."""

NETLINK = "kernel-netlink"
"""ESP in the kernel."""


class Charon(Control):
    """One strongSwan daemon. `settings` go to the `charon-systemd` section of its strongswan.conf."""

    def __init__(
        self,
        namespace: Namespace,
        directory: Path,
        settings: Section | None = None,
        *,
        kernel: str = LIBIPSEC,
        run_directory: Path | None = None,
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        super().__init__((run_directory or directory) / "charon.vici", directory / "charon.log")
        self.namespace = namespace
        self._output = directory / "charon.output"
        self._configuration = directory / "strongswan.conf"
        self._kernel, self._settings = kernel, settings or {}
        self._write({})
        self._process: subprocess.Popen[str] | None = None

    @property
    def pid(self) -> int:
        """The process of the daemon."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start the daemon and wait until it takes commands."""
        self.socket_path.unlink(missing_ok=True)
        environment = {**os.environ, "STRONGSWAN_CONF": str(self._configuration)}
        with self._output.open("a") as output:
            self._process = self.namespace.popen(*self._command(), env=environment, stdout=output, stderr=output)
        wait_until(self._is_up)

    def _command(self) -> list[str]:
        return [BINARY]

    def configure(self, settings: Section) -> None:
        """Change settings of the running daemon; the next call forgets these again."""
        self._write(settings)
        self.request("reload_settings")

    def stop(self) -> None:
        """Stop in order: charon closes its SAs and tells the peers."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)
            self._process = None

    def kill(self) -> None:
        """Die as in a crash: no peer is told."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(60)
            self._process = None

    def _is_up(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError(f"charon ended at once: {self._output.read_text()[-2000:]}")
        return self.answers()

    def _write(self, settings: Section) -> None:
        log = {"path": str(self.log_file), "default": "1", "ike": "2", "cfg": "2", "flush_line": "yes"}
        daemon = {
            "load": PLUGINS.format(kernel=self._kernel),
            "retransmit_timeout": "1",
            "filelog": {"log": log},
            "plugins": {"vici": {"socket": f"unix://{self.socket_path}"}},
        }
        lines = _written({"charon-systemd": _merged(_merged(daemon, self._settings), settings)})
        self._configuration.write_text("\n".join(lines) + "\n")


def missing() -> str:
    """Why charon cannot run here; empty if it can."""
    absent = [] if Path(BINARY).exists() else [BINARY]
    absent += [
        name
        for name in ("kernel-libipsec", "vici", "curve25519")
        if not (PLUGIN_DIRECTORY / f"libstrongswan-{name}.so").exists()
    ]
    return f"missing {', '.join(absent)}: apt-get install {PACKAGES}" if absent else ""


@contextlib.contextmanager
def running(charon: Charon) -> Iterator[Charon]:
    """Run a daemon for the block; its SAs die with it."""
    charon.start()
    try:
        yield charon
    finally:
        charon.kill()


def _merged(base: Section, changes: Section) -> dict[str, Any]:
    result = dict(base)
    for key, value in changes.items():
        result[key] = _merged(result.get(key, {}), value) if isinstance(value, Mapping) else value
    return result


def _written(section: Section, indent: str = "") -> Iterator[str]:
    """A section in the syntax of strongswan.conf."""
    for key, value in section.items():
        if isinstance(value, Mapping):
            yield f"{indent}{key} {{"
            yield from _written(value, indent + "  ")
            yield f"{indent}}}"
        else:
            yield f"{indent}{key} = {value}"
