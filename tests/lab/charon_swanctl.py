"""strongSwan's charon as a peer, in a namespace, with a configuration, sockets and logs of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import textwrap
from pathlib import Path
from typing import Self

from tests.lab.netns import Namespace, wait_until

DAEMON = "/usr/sbin/charon-systemd"
PACKAGES = (
    "charon-systemd strongswan-swanctl strongswan-pki libcharon-extra-plugins libcharon-extauth-plugins "
    "libstrongswan-extra-plugins libstrongswan-standard-plugins"
)

KERNEL_NETLINK = "kernel-netlink"
"""Needs a kernel with ESP."""

KERNEL_LIBIPSEC = "kernel-libipsec kernel-netlink"
"""ESP in userspace: UDP encapsulated tunnels only."""

_CREDENTIALS = "x509 revocation constraints pubkey pkcs1 pkcs7 pkcs8 pem openssl curve25519 eap-identity eap-mschapv2"
_CRYPTO = "random nonce chapoly aes aesni sha1 sha2 hmac md5 md4 kdf gcm ccm cmac xcbc gmp drbg"
_DAEMON_PLUGINS = "socket-default vici updown counters"


class Charon:
    """A running charon. Leaving the `with` block ends it and removes its files."""

    def __init__(self, namespace: Namespace, *, kernel: str = KERNEL_NETLINK, settings: str = "", log: int = 1) -> None:
        """`settings` are further lines for the `charon-systemd` section of strongswan.conf, `log` is a level 0 to 4."""
        self.namespace = namespace
        self.directory = Path(tempfile.mkdtemp(prefix="charon-", dir="/run"))
        self.uri = f"unix://{self.directory}/vici"
        (self.directory / "swanctl").mkdir()
        self._write_settings(kernel, settings, log)
        self._environment = {
            **os.environ,
            "STRONGSWAN_CONF": str(self.directory / "strongswan.conf"),
            "SWANCTL_DIR": str(self.directory / "swanctl"),
        }
        self._output = (self.directory / "output").open("w")
        self._process = namespace.popen(
            DAEMON, env=self._environment, stdout=self._output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
        )
        try:
            wait_until(self._answers, 30)
        except TimeoutError as error:
            self.close()
            raise RuntimeError(f"charon does not start: {self.log()}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """End the daemon; it deletes its SAs."""
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._output.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def file(self, directory: str, name: str, content: bytes) -> None:
        """Put a file into the swanctl directory, such as `x509ca`, `x509` or `private`."""
        target = self.directory / "swanctl" / directory
        target.mkdir(parents=True, exist_ok=True)
        (target / name).write_bytes(content)

    def load(self, configuration: str) -> None:
        """Replace the whole configuration, in the syntax of swanctl.conf(5)."""
        (self.directory / "swanctl" / "swanctl.conf").write_text(textwrap.dedent(configuration))
        self.swanctl("--load-all", "--clear")

    def initiate(self, child: str, *, timeout: int = 20) -> None:
        """Establish a Child SA. Raises RuntimeError with charon's own words if that fails."""
        self.swanctl("--initiate", "--child", child, "--timeout", str(timeout))

    def sas(self) -> str:
        """The SAs, in the one-line form of `swanctl --list-sas --raw`."""
        return self.swanctl("--list-sas", "--raw")

    def swanctl(self, command: str, *arguments: str, check: bool = True) -> str:
        """Run swanctl and return what it prints."""
        line = ("swanctl", command, "--uri", self.uri, *arguments)
        return self.namespace.run(*line, check=check, env=self._environment).stdout

    def log(self) -> str:
        """What charon has logged."""
        path = self.directory / "charon.log"
        output = (self.directory / "output").read_text(errors="replace")
        return (path.read_text(errors="replace") if path.exists() else "") + output

    def _answers(self) -> bool:
        if self._process.poll() is not None:
            raise RuntimeError(f"charon has ended: {self.log()}")
        return (self.directory / "vici").exists() and bool(self.swanctl("--stats", check=False))

    def _write_settings(self, kernel: str, settings: str, log: int) -> None:
        plugins = f"{_CRYPTO} {_CREDENTIALS} {kernel} {_DAEMON_PLUGINS}"
        (self.directory / "strongswan.conf").write_text(
            f"""\
charon-systemd {{
    load = {plugins}
    dos_protection = no
    filelog {{
        main {{
            path = {self.directory}/charon.log
            default = {log}
            flush_line = yes
        }}
    }}
    plugins {{
        vici {{
            socket = {self.uri}
        }}
    }}
    {settings}
}}
"""
        )


def missing() -> str:
    """Why charon cannot run here; empty if it can."""
    if not Path(DAEMON).exists() or shutil.which("swanctl") is None:
        return f"strongSwan is not installed: apt-get install {PACKAGES}"
    return ""
