"""The asyncio shell around the core: carries out its outputs strictly in order and brings back the answers (design D2).

This loop is the hot path of the daemon: one pass per datagram, one dictionary look-up per output.
"""

from __future__ import annotations

import asyncio
import socket
import traceback
from collections.abc import Callable, Sequence
from typing import Any

from ikeengine.config.weakness import weaknesses
from ikeengine.daemon.core import Core
from ikeengine.daemon.fetch import Fetcher
from ikeengine.daemon.interfaces import Interfaces
from ikeengine.daemon.network import HostAddresses
from ikeengine.daemon.observer import Observer
from ikeengine.daemon.paths import PathFinder
from ikeengine.daemon.signing import Signer, SigningThreads
from ikeengine.daemon.udp import UdpSockets
from ikeengine.daemon.virtual_ips import VirtualIps
from ikeengine.daemon.xauth import XauthProgram
from ikeengine.datapath.base import PLAIN, Datapath, DatapathEvent, OuterFields
from ikeengine.errors import DatapathError, LocalMisuse
from ikeengine.model.commands import Command, NetworkChanged, Shutdown, Unreachable
from ikeengine.model.connection import ConnectionConfig
from ikeengine.model.path import Path
from ikeengine.model.sa import PolicySet, SaId, Usage
from ikeengine.observe.limiter import RateLimiter
from ikeengine.observe.log import PACKET_LEVEL
from ikeengine.outputs import (
    AskConfirmation,
    AskFetch,
    AskPath,
    AskRoutes,
    AskSignature,
    AskUsage,
    AskXauth,
    ChildRekeyed,
    ChildUpdown,
    CommandDone,
    Counted,
    CrlVerified,
    DeleteAddress,
    DeleteNameServers,
    DeletePolicies,
    DeleteSa,
    Dropped,
    Failed,
    IkeKeys,
    IkeMoved,
    IkeRekeyed,
    IkeUpdown,
    InstallAddress,
    InstallNameServers,
    InstallPolicies,
    InstallSa,
    IsakmpKeys,
    LeaseChanged,
    LogLine,
    OpId,
    StateChanged,
    Transmit,
    UpdateSa,
)
from ikeengine.registry import ExchangeType

FINAL_USAGES = 256
"""Counters of deleted SAs that are kept for the events that report their end."""


class Service:
    """One core, its sockets, its datapath and one timer. Also what the daemon lends to the datapath."""

    def __init__(
        self,
        core: Core,
        *,
        sockets: UdpSockets,
        datapath: Datapath,
        signer: Signer,
        observer: Observer,
        virtual_ips: VirtualIps | None = None,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.core = core
        self.datapath = datapath
        self.observer = observer
        self.loop = loop
        self.policies: dict[int, PolicySet] = {}
        """Installed policies by owner."""
        self.host_addresses: HostAddresses | None = None
        """The host's addresses with their interfaces, once they are known."""
        self.keep_final_usage = False
        """Whether somebody wants to know the counters of SAs that are gone."""
        self.virtual_ips = virtual_ips or VirtualIps(None, install=False)
        self.interfaces = Interfaces(datapath)
        self._sockets = sockets
        self._signing = SigningThreads(signer)
        self.fetcher = Fetcher()
        self.xauth = XauthProgram()
        self.keep_crl: Callable[[CrlVerified], None] = lambda output: None
        """Writes verified CRLs to the disk."""
        self._paths = PathFinder(sockets, self._prepare_socket)
        self._waiting: dict[OpId, asyncio.Future[CommandDone]] = {}
        self._final_usage: dict[SaId, Usage] = {}
        self._limiter = RateLimiter()
        self._pumping = False
        self._timer: asyncio.TimerHandle | None = None
        self._armed = 0.0
        self._carry_out: dict[type, Callable[[Any], None]] = {
            Transmit: self._transmit,
            InstallSa: self._install_sa,
            UpdateSa: self._update_sa,
            DeleteSa: self._delete_sa,
            InstallPolicies: self._install_policies,
            DeletePolicies: self._delete_policies,
            InstallAddress: self.virtual_ips.install,
            DeleteAddress: self.virtual_ips.delete,
            InstallNameServers: self.virtual_ips.use_name_servers,
            DeleteNameServers: self.virtual_ips.forget_name_servers,
            AskSignature: self._ask_signature,
            AskXauth: self._ask_xauth,
            AskPath: self._ask_path,
            AskFetch: self._ask_fetch,
            AskRoutes: self._ask_routes,
            AskUsage: self._ask_usage,
            AskConfirmation: self._ask_confirmation,
            CrlVerified: self._crl_verified,
            CommandDone: self._command_done,
            Counted: observer.counted,
            LogLine: observer.log_line,
            Dropped: observer.dropped_datagram,
            IkeKeys: observer.ike_keys,
            IsakmpKeys: observer.isakmp_keys,
        }
        for kind in (StateChanged, IkeUpdown, ChildUpdown, IkeRekeyed, IkeMoved, ChildRekeyed, LeaseChanged, Failed):
            self._carry_out[kind] = observer.event

    def start(self) -> None:
        """Open the datapath and the sockets, and begin to serve. Raises LocalMisuse and DatapathError."""
        self._sockets.on_error = self._socket_error
        self._sockets.on_unreachable = self._unreachable
        self.datapath.start(self)
        try:
            self.virtual_ips.start(lambda op, error: self.core.complete(op, error, self.now()))
            self._sockets.open(self._prepare_socket, join_esp=self.datapath.name == "userspace")
        except BaseException:
            self.virtual_ips.stop()
            self.datapath.stop()
            raise
        self._sockets.start(self.loop, self._receive_ike, self.datapath.receive_esp)
        self.pump()

    def stop(self) -> None:
        """Stop serving at once and remove everything from the datapath."""
        if self._timer is not None:
            self._timer.cancel()
        self._paths.close()
        self._signing.close()
        self.fetcher.close()
        self.xauth.close()
        self._sockets.close()
        self.virtual_ips.stop()
        self.datapath.stop()

    async def shut_down(self, timeout: float) -> None:
        """Delete all SAs, for `timeout` seconds at most, and stop."""
        try:
            await asyncio.wait_for(self.execute(Shutdown()), timeout)
        except TimeoutError:
            self.observer.say("DMN", 1, f"not every peer has answered within {timeout:g} s")
        self.stop()

    # --- what others ask of the core

    def now(self) -> float:
        """The core's clock: monotonic seconds."""
        return self.loop.time()

    def load_connection(self, config: ConnectionConfig) -> None:
        """Add or replace a connection. Raises DatapathError if its device cannot be had; then nothing has changed."""
        old = self.interfaces.prepare(config)
        for weakness in weaknesses(config):
            self.observer.say("CFG", 1, f"{config.name}: {weakness.key}: {weakness.message}")
        self.core.load_connection(config, self.now())
        self.pump()
        self.interfaces.remove(old)

    def unload_connection(self, name: str) -> None:
        """Forget a connection."""
        self.core.unload_connection(name, self.now())
        self.pump()
        self.interfaces.remove(self.interfaces.forget(name))

    def execute(self, command: Command) -> asyncio.Future[CommandDone]:
        """Begin a command. Cancelling the future stops the waiting, not the command."""
        op = self.core.command(command, self.now())
        done: asyncio.Future[CommandDone] = self.loop.create_future()
        done.add_done_callback(lambda _unused: self._waiting.pop(op, None))
        self._waiting[op] = done
        self.pump()
        return done

    def usage(self, sa: SaId | None) -> Usage | None:
        """The counters of an SA, also of one that was deleted a moment ago."""
        if sa is None:
            return None
        return self.datapath.usage(sa) or self._final_usage.get(sa)

    # --- DatapathHost

    def send_encapsulated(self, packet: bytes, path: Path, outer: OuterFields = PLAIN) -> None:
        """Send an ESP packet from the NAT-T socket."""
        self._sockets.send_encapsulated((packet,), path, outer)

    def send_encapsulated_batch(self, packets: Sequence[bytes], path: Path, outer: OuterFields = PLAIN) -> None:
        """Send ESP packets from the NAT-T socket, with as few system calls as possible."""
        self._sockets.send_encapsulated(packets, path, outer)

    def event(self, event: DatapathEvent) -> None:
        """A packet needs an SA, an SA is at its limit, or a peer's NAT mapping has changed."""
        self.core.command(event, self.now())
        self.pump()

    def network_changed(self, host: HostAddresses) -> None:
        """The host has other addresses or routes."""
        self.host_addresses = host
        try:
            self.datapath.network_changed()
        except DatapathError as error:
            self.observer.say("KNL", 0, f"the routes of tunnels cannot follow the network: {error}")
        self.core.command(NetworkChanged(host.addresses), self.now())
        self.pump()

    # --- the loop

    def _receive_ike(self, data: bytes, path: Path) -> None:
        if self.observer.log.packets:
            self._trace("received", "from", path, data)
        try:
            self.core.receive_datagram(data, path, self.loop.time())
        except Exception:  # noqa: BLE001 - no datagram may stop the daemon, not even one that finds a bug
            self._bug(f"a datagram from {path.remote}[{path.remote_port}]")
        self.pump()

    def _timer_fired(self) -> None:
        self._timer = None
        now = self.loop.time()
        due = self.core.next_timeout()
        if due is not None and due <= now:
            try:
                self.core.handle_timer(now)
            except Exception:  # noqa: BLE001 - as above, for timers
                self._bug("a timer")
        self.pump()

    def pump(self) -> None:
        """Carry out what the core wants, until it wants nothing more, and set the timer."""
        if self._pumping:
            return
        self._pumping = True
        try:
            while outputs := self.core.take_outputs():
                for output in outputs:
                    try:
                        self._carry_out[type(output)](output)
                    except Exception:  # noqa: BLE001 - the outputs after a failed one are still due
                        self._bug(f"an output {type(output).__name__}")
        finally:
            self._pumping = False
        self._set_timer()

    def _set_timer(self) -> None:
        """Arm the timer for the core's next deadline. One that fires too early costs less than moving it each time."""
        due = self.core.next_timeout()
        if due is None or (self._timer is not None and self._armed <= due):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._armed = due
        self._timer = self.loop.call_at(due, self._timer_fired)

    # --- outputs

    def _transmit(self, output: Transmit) -> None:
        if self.observer.log.packets:
            self._trace("sending", "to", output.path, output.data)
        self._sockets.send(output.data, output.path, keepalive=output.keepalive)

    def _install_sa(self, output: InstallSa) -> None:
        self.observer.esp_keys(output.sa)
        self._to_datapath(output.op, lambda: self.datapath.install_sa(output.sa))

    def _update_sa(self, output: UpdateSa) -> None:
        self.observer.esp_moved(output.sa, output.source, output.destination)
        self._to_datapath(
            output.op,
            lambda: self.datapath.update_sa(output.sa, output.source, output.destination, output.encap),
        )

    def _delete_sa(self, output: DeleteSa) -> None:
        if self.keep_final_usage:
            self._remember_usage(output.sa)
        self.observer.esp_gone(output.sa)
        try:
            self.datapath.delete_sa(output.sa)
        except DatapathError as error:
            self.observer.say("KNL", 0, f"cannot remove SA {output.sa.spi:08x}: {error}")

    def _install_policies(self, output: InstallPolicies) -> None:
        def install() -> None:
            self.datapath.install_policies(output.policies)
            self.policies[output.policies.owner] = output.policies

        self._to_datapath(output.op, install)

    def _delete_policies(self, output: DeletePolicies) -> None:
        self.policies.pop(output.owner, None)
        try:
            self.datapath.delete_policies(output.owner)
        except DatapathError as error:
            self.observer.say("KNL", 0, f"cannot remove policies: {error}")

    def _to_datapath(self, op: OpId, call: Callable[[], None]) -> None:
        """Carry out a datapath output; the core hears of it only if it failed."""
        try:
            call()
        except DatapathError as error:
            self.core.complete(op, error, self.now())
        except OSError as error:
            self.core.complete(op, DatapathError(str(error)), self.now())

    def _remember_usage(self, sa: SaId) -> None:
        usage = self.datapath.usage(sa)
        if usage is not None:
            if len(self._final_usage) >= FINAL_USAGES:
                self._final_usage.pop(next(iter(self._final_usage)))
            self._final_usage[sa] = usage

    def _ask_signature(self, output: AskSignature) -> None:
        def answer(result: bytes | LocalMisuse) -> None:
            self.core.complete(output.op, result, self.now())
            self.pump()

        self._signing.sign(output, answer)

    def _ask_xauth(self, output: AskXauth) -> None:
        def answer(result: bool | LocalMisuse) -> None:
            self.core.complete(output.op, result, self.now())
            self.pump()

        self.xauth.check(output, answer)

    def _ask_path(self, output: AskPath) -> None:
        def answer(result: Path | LocalMisuse) -> None:
            self.core.complete(output.op, result, self.now())
            self.pump()

        self._paths.find(output, answer)

    def _ask_fetch(self, output: AskFetch) -> None:
        def answer(result: bytes | LocalMisuse) -> None:
            self.core.complete(output.op, result, self.now())
            self.pump()

        self.fetcher.fetch(output, answer)

    def _ask_routes(self, output: AskRoutes) -> None:
        self.core.complete(output.op, self._paths.routes(output, self.host_addresses), self.now())

    def _ask_usage(self, output: AskUsage) -> None:
        try:
            usage = self.datapath.usage(output.sa)
        except DatapathError:
            usage = None
        self.core.complete(output.op, usage, self.now())

    def _ask_confirmation(self, output: AskConfirmation) -> None:
        self.core.complete(output.op, None, self.now())

    def _crl_verified(self, output: CrlVerified) -> None:
        self.keep_crl(output)

    def _command_done(self, output: CommandDone) -> None:
        done = self._waiting.get(output.op)
        if done is not None and not done.done():
            done.set_result(output)

    def _prepare_socket(self, sock: socket.socket, nat_t: bool) -> None:
        self.datapath.prepare_socket(sock, nat_t=nat_t)

    # --- trouble

    def _trace(self, verb: str, preposition: str, path: Path, data: bytes) -> None:
        remote, local = f"{path.remote}[{path.remote_port}]", f"{path.local}[{path.local_port}]"
        exchange = ExchangeType(data[18]).name if len(data) > 18 else "datagram"
        text = f"{verb} {exchange} {preposition} {remote} at {local}, {len(data)} bytes"
        self.observer.say("NET", PACKET_LEVEL, text)

    def _socket_error(self, path: Path | None, error: OSError) -> None:
        what = f"sending to {path.remote}[{path.remote_port}]" if path else "receiving"
        self._limited(("socket", error.errno), f"{what} failed: {error.strerror or error}")
        if path is not None:
            self._unreachable(path, f"sending failed: {error.strerror or error}")

    def _unreachable(self, path: Path, reason: str) -> None:
        """Tell the core, which looks through all its SAs for whom this is: not more often than it is worth."""
        if self._limiter.admit("unreachable", self.now()) is not None:
            self.core.command(Unreachable(path, reason), self.now())
            self.pump()

    def _bug(self, where: str) -> None:
        """Called from an except block: the daemon goes on, and tells where it should be repaired."""
        self._limited(("bug", where.partition(" from ")[0]), f"internal error with {where}: {traceback.format_exc()}")

    def _limited(self, reason: tuple[str, object], text: str) -> None:
        suppressed = self._limiter.admit(reason, self.now())
        if suppressed is not None:
            self.observer.say("DMN", 0, text + (f" ({suppressed} similar suppressed)" if suppressed else ""))
