"""Finding a way to a peer: names to addresses, and the source address that the routing table would choose.

Literal addresses are answered at once. Host names are resolved in threads, so that a name server that does not
answer delays nobody else (`Resolver.workers` names at a time, `Resolver.timeout` seconds each).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from ipaddress import ip_address

from ikeengine.daemon.network import HostAddresses
from ikeengine.daemon.udp import UdpSockets
from ikeengine.errors import DatapathError, LocalMisuse
from ikeengine.model.path import IKE_PORT, Path
from ikeengine.negotiate.addresses import RANGE, is_range, match
from ikeengine.outputs import AskPath, AskRoutes

RESOLVE_TIMEOUT = 10.0
RESOLVE_WORKERS = 16
_DISCARD_PORT = 9

Answer = Callable[[Path | LocalMisuse], None]
Lookup = Callable[[str], Sequence[str]]


def lookup(name: str) -> Sequence[str]:
    """Addresses of a host name, in the order of the system's resolver. Raises OSError. Blocks."""
    found = socket.getaddrinfo(name, None, type=socket.SOCK_DGRAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class PathFinder:
    """Answers AskPath."""

    def __init__(
        self,
        sockets: UdpSockets,
        prepare: Callable[[socket.socket, bool], None],
        *,
        resolve: Lookup = lookup,
        timeout: float = RESOLVE_TIMEOUT,
    ) -> None:
        self._sockets = sockets
        self._prepare = prepare
        self._resolve = resolve
        self._timeout = timeout
        self._threads = ThreadPoolExecutor(RESOLVE_WORKERS, thread_name_prefix="resolve")
        self._tasks: set[asyncio.Task[None]] = set()

    def close(self) -> None:
        """Stop; look-ups under way are abandoned and not answered."""
        for task in self._tasks:
            task.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def find(self, ask: AskPath, answer: Answer) -> None:
        """Call `answer` with a Path or the reason why there is none: now, or once names are resolved."""
        names = [text for text in ask.remote_addrs + ask.local_addrs if _is_name(text)]
        if not names:
            answer(self._choose(ask, {}))
            return
        task = asyncio.get_running_loop().create_task(self._find_names(ask, names, answer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _find_names(self, ask: AskPath, names: list[str], answer: Answer) -> None:
        known: dict[str, Sequence[str]] = {}
        problems: list[str] = []
        for name in names:
            try:
                known[name] = await self._addresses(name)
            except OSError as error:
                problems.append(f"{name}: {error.strerror or error}")
        result = self._choose(ask, known)
        if isinstance(result, LocalMisuse) and problems:
            result = LocalMisuse(f"cannot resolve {'; '.join(problems)}")
        answer(result)

    async def _addresses(self, name: str) -> Sequence[str]:
        loop = asyncio.get_running_loop()
        try:
            return await asyncio.wait_for(loop.run_in_executor(self._threads, self._resolve, name), self._timeout)
        except TimeoutError:
            raise OSError(0, f"no answer from the name servers within {self._timeout:g} s") from None

    def routes(self, ask: AskRoutes, host: HostAddresses | None) -> dict[str, str]:
        """The local address for each peer address that can be reached. `host` is None if nobody knows the host's."""
        found = {}
        for remote in ask.remotes:
            try:
                local = self._route(ask.preferred, remote, host)
            except (OSError, DatapathError):
                continue
            if local:
                found[remote] = local
        return found

    def _route(self, preferred: str, remote: str, host: HostAddresses | None) -> str:
        """`preferred`, unless the host would send from another interface. Raises OSError without a route."""
        routed = self._routed_source(remote)
        if routed == preferred:
            return preferred
        if _same_family(preferred, remote) and (host is None or host.shares_interface(preferred, routed)):
            with contextlib.suppress(OSError):
                return self._routed_source(remote, preferred)
        usable = self._sockets.addresses
        known = host is None or routed in host.interface_of
        return routed if known and (not usable or routed in usable) else ""

    def _choose(self, ask: AskPath, known: dict[str, Sequence[str]]) -> Path | LocalMisuse:
        remotes = _destinations(ask.remote_addrs, known)
        if not remotes:
            return LocalMisuse(f"no address to connect to in remote_addrs {', '.join(ask.remote_addrs)}")
        port = self._local_port(ask.local_port)
        problem = ""
        for step in range(len(remotes)):
            remote = remotes[(ask.attempt + step) % len(remotes)]
            try:
                local = self._source(ask.local_addrs, remote, known)
            except OSError as error:
                problem = problem or f"no route to {remote}: {error.strerror}"
                continue
            except DatapathError as error:
                return LocalMisuse(str(error))
            if local:
                return Path(local, port, remote, ask.remote_port)
        return LocalMisuse(problem or f"none of local_addrs {', '.join(ask.local_addrs)} can reach {remotes[0]}")

    def _local_port(self, wanted: int) -> int:
        """500 is what a connection has by default; it stands for whatever port the engine listens on."""
        return self._sockets.port if wanted == IKE_PORT or not self._sockets.serves(wanted) else wanted

    def _source(self, local_addrs: tuple[str, ...], remote: str, known: dict[str, Sequence[str]]) -> str:
        routed = self._routed_source(remote)
        usable = self._sockets.addresses
        if usable and routed not in usable:
            routed = next((address for address in usable if _same_family(address, remote)), "")
        for local in local_addrs:
            if local == "%any" or (routed and _contains(local, routed)):
                return routed
            for address in known.get(local, (local,)):
                if _address(address) and _same_family(address, remote):
                    return _address(address)
        return ""

    def _routed_source(self, remote: str, bound: str = "") -> str:
        """The address that the routing table gives to a packet for `remote`. Raises OSError without a route.

        `bound` names the source address beforehand, which must be one of this host.
        """
        family = socket.AF_INET6 if ":" in remote else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            # Without the exemption a trap policy for the peer's own address would be hit by the connect.
            self._prepare(probe, False)
            if bound:
                probe.bind((bound, 0))
            probe.connect((remote, _DISCARD_PORT))
            return _address(probe.getsockname()[0])


def _destinations(remote_addrs: tuple[str, ...], known: dict[str, Sequence[str]]) -> list[str]:
    """Addresses that one can send to, in order: `%any`, subnets and ranges only say whom we accept."""
    addresses = [address for text in remote_addrs for address in known.get(text, (text,))]
    return [canonical for address in addresses if (canonical := _address(address))]


def _is_name(text: str) -> bool:
    return not (text.startswith("%") or "/" in text or _address(text) or is_range(text))


@lru_cache(maxsize=4096)
def _address(text: str) -> str:
    """The canonical form of an address, empty if the text is none."""
    try:
        return str(ip_address(text))
    except ValueError:
        return ""


def _same_family(address: str, other: str) -> bool:
    return (":" in address) == (":" in other)


def _contains(several: str, address: str) -> bool:
    """Whether a subnet or a range contains an address."""
    return match((several,), address) == RANGE
