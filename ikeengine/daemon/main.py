"""The life of the daemon: start, signals, end."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
import time
from collections.abc import Container
from dataclasses import replace
from functools import partial
from pathlib import Path

from ikeengine import __version__
from ikeengine.auth.credentials import CredentialStore
from ikeengine.config.configuration import Configuration, EngineConfig
from ikeengine.config.problems import ConfigErrors
from ikeengine.config.revocation_files import CRLS
from ikeengine.daemon import crash_secret
from ikeengine.daemon.control import Control
from ikeengine.daemon.credentials import Credentials
from ikeengine.daemon.crl_files import write_crl
from ikeengine.daemon.host import SystemRng, keep_memory_private, make_run_dir
from ikeengine.daemon.keystore import KeyStore
from ikeengine.daemon.lease_file import LeaseFile
from ikeengine.daemon.network import InterfaceFilter, NetworkWatch
from ikeengine.daemon.observer import Observer
from ikeengine.daemon.reload import Loader
from ikeengine.daemon.scrape import MetricsServer
from ikeengine.daemon.service import Service
from ikeengine.daemon.systemd import Notifier
from ikeengine.daemon.trial import Trial, starting_configuration
from ikeengine.daemon.udp import UdpSockets
from ikeengine.daemon.vici.bridge import EventBridge
from ikeengine.daemon.vici.hub import EventHub
from ikeengine.daemon.vici.server import ViciServer
from ikeengine.daemon.virtual_ips import VirtualIps
from ikeengine.datapath import probe
from ikeengine.datapath.userspace.settings import UserspaceSettings
from ikeengine.endpoint import Endpoint
from ikeengine.errors import IkeError
from ikeengine.observe.keylog import KeyLog
from ikeengine.observe.log import EngineLog, LogSettings, set_up
from ikeengine.observe.metrics import Snapshot, render
from ikeengine.outputs import CrlVerified

EXIT_DONE, EXIT_FAILED, EXIT_INVALID = 0, 1, 2
SOCKET_NAME = "ikeengine.vici"
JOURNAL_NAME = "xfrm.journal"
"""What the kernel datapath has installed, for the case that we are killed."""
ADDRESS_JOURNAL_NAME = "addresses.journal"
"""The virtual IP addresses that this host has, for the same case."""
LEASES_NAME = "leases.json"
SHUTDOWN_TIMEOUT = 5.0
"""Seconds that peers have to answer our Deletes: time for one retransmission with the default settings."""
GARBAGE_THRESHOLDS = (20_000, 10, 50)
WALL_CLOCK_INTERVAL = 10.0
"""Seconds between two looks at the calendar, which only the validity of certificates depends on."""
STUCK = 10.0
"""Seconds by which a deadline of the core may be missed before the watchdog is no longer fed."""


def run(config_path: str, run_dir: str, socket_path: str | None = None) -> int:
    """Run in the foreground until SIGTERM. The exit code: 0 done, 1 cannot run here, 2 invalid configuration."""
    keep_memory_private()
    try:
        configuration = starting_configuration(Path(config_path))
    except ConfigErrors as error:
        print(error, file=sys.stderr)
        return EXIT_INVALID
    try:
        make_run_dir(Path(run_dir))
        asyncio.run(_live(configuration, Path(config_path), Path(run_dir), socket_path))
    except IkeError as error:
        print(error, file=sys.stderr)
        return EXIT_FAILED
    return EXIT_DONE


def log_settings(engine: EngineConfig) -> LogSettings:
    """How a configuration wants the log."""
    levels = dict(engine.log)
    return LogSettings(levels.pop("default", 1), levels, json=engine.log_json)


def interface_filter(engine: EngineConfig, routed: Container[str] = ()) -> InterfaceFilter:
    """Whose addresses a configuration lets peers know."""
    return InterfaceFilter(engine.interfaces_use, engine.interfaces_ignore, (UserspaceSettings().device,), routed)


async def _live(configuration: Configuration, config_path: Path, run_dir: Path, socket_path: str | None) -> None:
    daemon = Daemon(configuration, config_path, run_dir, Path(socket_path) if socket_path else run_dir / SOCKET_NAME)
    await daemon.start()
    await daemon.until_stopped()
    await daemon.stop()


class Daemon:
    """Everything put together."""

    def __init__(self, configuration: Configuration, config_path: Path, run_dir: Path, socket_path: Path) -> None:
        engine = configuration.engine
        self.loop = asyncio.get_running_loop()
        self._notifier = Notifier()
        self._stop = asyncio.Event()
        self._reloads: set[asyncio.Task[None]] = set()
        self._configuration = configuration
        set_up(log_settings(engine))
        self._log = EngineLog(log_settings(engine), self.loop.time)
        self.observer = Observer(self._log, KeyLog(Path(engine.keylog)) if engine.keylog else None)
        store, keys = CredentialStore(), KeyStore()
        endpoint = Endpoint(engine.settings, SystemRng(), store, wall_offset=time.time() - self.loop.time())
        secret_file = Path(engine.qcd_secret) if engine.qcd_secret else run_dir / crash_secret.FILE_NAME
        endpoint.set_qcd_secret(crash_secret.load(secret_file, SystemRng()))
        self.service = Service(
            endpoint,
            sockets=UdpSockets(engine.listen, engine.port, engine.port_nat_t),
            datapath=probe.choose(
                engine.datapath,
                journal=run_dir / JOURNAL_NAME,
                ike_ports=(engine.port, engine.port_nat_t),
            ),
            signer=keys,
            observer=self.observer,
            virtual_ips=VirtualIps(
                run_dir / ADDRESS_JOURNAL_NAME,
                install=engine.install_virtual_ip and engine.datapath != "none",
                interface=engine.install_virtual_ip_on,
            ),
            loop=self.loop,
        )
        self._network = NetworkWatch(
            interface_filter(engine, self.service.interfaces),
            self.service.network_changed,
            partial(self.observer.say, "KNL", 0),
        )
        credentials = Credentials(store, keys)
        self.loader = Loader(config_path, self.service, credentials, self._apply_engine)
        self.service.keep_crl = self._keep_crl
        hub = EventHub()
        bridge = EventBridge(self.service, hub)
        self.observer.listeners.append(bridge)
        lease_path = Path(engine.lease_file) if engine.lease_file else run_dir / LEASES_NAME
        self._leases = LeaseFile(lease_path, self.service.core.leases, self.loop)
        self.observer.listeners.append(self._leases)
        self._started = self.service.now()
        self._trial = Trial(self.loader, partial(self.observer.say, "CFG", 0))
        control = Control(self.service, self.loader, credentials, self.observer, bridge, self._trial, self._started)
        self._server = ViciServer(socket_path, hub, control.find_command, self.observer.say)
        self._metrics = MetricsServer(engine.metrics, self._metrics_page) if engine.metrics else None

    async def start(self) -> None:
        """Listen, load the configuration, and say that we are ready. Raises LocalMisuse and DatapathError."""
        if self._metrics is not None:
            await self._metrics.start()
        # The control socket first: it is what keeps a second daemon from touching what the first one has installed.
        await self._server.start()
        try:
            await self._network.start()
            self._serve()
            await self._server.serve()
        except BaseException:
            self._network.stop()
            await self._server.stop()
            raise
        for number, handler in (
            (signal.SIGTERM, self._on_stop),
            (signal.SIGINT, self._on_stop),
            (signal.SIGHUP, self._on_reload),
        ):
            self.loop.add_signal_handler(number, handler)
        # What was built so far lives as long as the daemon, and a handshake makes thousands of short-lived objects:
        # looking for garbage as rarely as this saves an eighth of the CPU time of a busy gateway.
        gc.freeze()
        gc.set_threshold(*GARBAGE_THRESHOLDS)
        self._feed_watchdog()
        self._follow_wall_clock()
        self._trial.resume()
        self._ready()

    def _serve(self) -> None:
        self.service.start()
        try:
            self.loader.start(self._configuration)
            self._leases.restore()
        except BaseException:
            self.service.stop()
            raise

    async def until_stopped(self) -> None:
        """Serve until SIGTERM or SIGINT."""
        await self._stop.wait()

    async def stop(self) -> None:
        """Delete all SAs and leave nothing behind. A second SIGTERM ends the waiting for peers."""
        self._notifier.stopping()
        self._network.stop()
        await self._server.stop()
        if self._metrics is not None:
            self._metrics.stop()
        self._stop.clear()
        impatient = self.loop.create_task(self._stop.wait())
        orderly = self.loop.create_task(self.service.shut_down(SHUTDOWN_TIMEOUT))
        await asyncio.wait([impatient, orderly], return_when=asyncio.FIRST_COMPLETED)
        if impatient.done() and not orderly.done():
            orderly.cancel()
            self.service.stop()
        impatient.cancel()
        await asyncio.wait([orderly])
        self._leases.close()
        if self.observer.keylog is not None:
            self.observer.keylog.close()

    def _on_stop(self) -> None:
        self._stop.set()

    def _on_reload(self) -> None:
        task = self.loop.create_task(self._reload())
        self._reloads.add(task)
        task.add_done_callback(self._reloads.discard)

    async def _reload(self) -> None:
        self._notifier.reloading()
        try:
            plan = await self.loader.apply()
            self.observer.say("CFG", 1, f"configuration reloaded: {plan}")
        except ConfigErrors as error:
            for one in error.errors:
                self.observer.say("CFG", 0, f"configuration not reloaded: {one}")
        except IkeError as error:
            self.observer.say("CFG", 0, f"configuration not reloaded: {error}")
        finally:
            self._ready()

    def _apply_engine(self, engine: EngineConfig) -> None:
        """What needs no restart. Raises LocalMisuse if the key log cannot be written; then nothing has changed."""
        self._change_keylog(engine.keylog)
        set_up(log_settings(engine))
        self._log.configure(log_settings(engine))
        self.service.xauth.configure(engine.xauth_command, engine.xauth_timeout)
        self.service.virtual_ips.name_servers.configure(engine.resolv_conf, engine.resolvectl)
        self._network.interfaces = interface_filter(engine, self.service.interfaces)
        self.service.core.set_settings(replace(engine.settings, keylog=self.observer.keylog is not None))

    def _keep_crl(self, output: CrlVerified) -> None:
        try:
            write_crl(self.loader.configuration.base / CRLS, output)
        except OSError as error:
            self.observer.say("CFG", 1, f"cannot write a CRL to {CRLS}: {error.strerror}")

    def _change_keylog(self, directory: str) -> None:
        old, wanted = self.observer.keylog, Path(directory) if directory else None
        if wanted == (old.directory if old is not None else None):
            return
        self.observer.keylog = KeyLog(wanted) if wanted is not None else None
        if old is not None:
            old.close()

    def _metrics_page(self) -> str:
        core = self.service.core
        snapshot = Snapshot(
            version=__version__,
            uptime=self.service.now() - self._started,
            connections=core.connections,
            sas=core.status(),
            counters=self.observer.counters,
            dropped=self.observer.dropped,
            usage=self.service.usage,
            fetches=self.service.fetcher.outcomes,
        )
        return render(snapshot)

    def _ready(self) -> None:
        engine = self.loader.configuration.engine
        connections = len(self.service.core.connections)
        status = (
            f"listening on UDP {engine.port} and {engine.port_nat_t}, datapath {self.service.datapath.name}, "
            f"{connections} connection{'' if connections == 1 else 's'}"
        )
        self.observer.say("DMN", 1, status)
        self._notifier.ready(status)

    def _feed_watchdog(self) -> None:
        """Only while the core's deadlines are met: a loop that turns but does no work deserves a restart."""
        interval = self._notifier.watchdog_interval
        if not interval:
            return
        due = self.service.core.next_timeout()
        if due is None or due > self.loop.time() - STUCK:
            self._notifier.watchdog()
        self.loop.call_later(interval / 2, self._feed_watchdog)

    def _follow_wall_clock(self) -> None:
        """The calendar may be set while we run, as by NTP after a start without a battery-backed clock."""
        self.service.core.set_wall_offset(time.time() - self.loop.time())
        self.loop.call_later(WALL_CLOCK_INTERVAL, self._follow_wall_clock)
