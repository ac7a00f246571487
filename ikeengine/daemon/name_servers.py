"""The name servers of peers, for those who resolve names on this host: a resolv.conf, or systemd-resolved.

Nothing is written without a setting. As strongSwan's resolve plugin does it, our lines are marked, come first, and are
the only ones that ever go again.
"""

from __future__ import annotations

import logging
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ikeengine.model.immutable import immutable

log = logging.getLogger(__name__)

MARK = "   # by ikeengine"
_RESOLVECTL = "/usr/bin/resolvectl"
_TIMEOUT = 5
"""Seconds that systemd-resolved has for its answer."""


@immutable
class _Offer:
    """What one peer offers."""

    servers: tuple[str, ...]
    domains: tuple[str, ...]
    interface: str


class NameServers:
    """The name servers in use. `configure` says where they are to be known; at first nowhere."""

    def __init__(self) -> None:
        self._offers: dict[int, _Offer] = {}
        self._file: Path | None = None
        self._resolvectl = False
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="resolvectl")
        """One command after the other, and none of them keeps the daemon waiting."""

    def configure(self, resolv_conf: str, resolvectl: bool) -> None:
        """Tell the name servers there from now on, and no longer where they have been told before."""
        target = Path(resolv_conf) if resolv_conf else None
        if target != self._file:
            self._write(())
            self._file = target
            self._write(self._servers())
        self._resolvectl = resolvectl

    def add(self, owner: int, servers: tuple[str, ...], domains: tuple[str, ...], interface: str) -> None:
        """Use these servers, for these domains or for all names."""
        offer = self._offers[owner] = _Offer(servers, domains, interface)
        log.info("name servers %s for %s", ", ".join(servers), ", ".join(domains) or "all names")
        self._write(self._servers())
        if self._resolvectl and offer.interface:
            routed = (f"~{domain}" for domain in offer.domains or (".",))
            self._worker.submit(_run, "dns", offer.interface, *offer.servers)
            self._worker.submit(_run, "domain", offer.interface, *routed)

    def remove(self, owner: int) -> None:
        """Do not use the servers of this owner any more."""
        offer = self._offers.pop(owner, None)
        if offer is None:
            return
        self._write(self._servers())
        if self._resolvectl and offer.interface:
            self._worker.submit(_run, "revert", offer.interface)

    def clear(self) -> None:
        """Use nobody's servers any more."""
        for owner in list(self._offers):
            self.remove(owner)
        self._worker.shutdown()

    def _servers(self) -> tuple[str, ...]:
        """The servers for a resolv.conf, which knows no domains: only those that are for all names."""
        return tuple(
            dict.fromkeys(s for offer in reversed(self._offers.values()) if not offer.domains for s in offer.servers)
        )

    def _write(self, servers: tuple[str, ...]) -> None:
        if self._file is None:
            return
        try:
            _rewrite(self._file, servers)
        except OSError as error:
            log.warning("the name servers cannot be written to %s: %s", self._file, error.strerror)


def _rewrite(file: Path, servers: tuple[str, ...]) -> None:
    """Put our lines at the top of a resolv.conf, in the place of those that were there."""
    target = file.resolve()
    old = target.read_text(errors="surrogateescape").splitlines() if target.exists() else []
    kept = [line for line in old if not line.endswith(MARK)]
    lines = [f"nameserver {server}{MARK}" for server in servers] + kept
    if lines == old:
        return
    mode = target.stat().st_mode & 0o777 if target.exists() else 0o644
    new = target.with_name(f"{target.name}.ikeengine")
    new.write_text("".join(f"{line}\n" for line in lines), errors="surrogateescape")
    new.chmod(mode)
    os.replace(new, target)


def _run(*arguments: str) -> None:
    try:
        command = [_RESOLVECTL, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT, check=False)  # noqa: S603 - checked words
    except (OSError, subprocess.TimeoutExpired) as error:
        log.warning("resolvectl %s failed: %s", arguments[0], error)
        return
    if done.returncode:
        log.warning("resolvectl %s failed: %s", arguments[0], done.stderr.strip())
