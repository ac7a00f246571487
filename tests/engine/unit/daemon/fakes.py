"""A core that does what a test tells it, and statuses to show."""

from __future__ import annotations

import asyncio
import io
import logging
import threading
from collections.abc import Callable
from typing import Any

from ikeengine.daemon.observer import Observer
from ikeengine.daemon.service import Service
from ikeengine.daemon.udp import UdpSockets
from ikeengine.datapath.memory import MemoryDatapath
from ikeengine.errors import LocalMisuse
from ikeengine.model.commands import Command
from ikeengine.model.connection import ChildConfig, ConnectionConfig, Mode
from ikeengine.model.failure import FailureRecord
from ikeengine.model.identity import Identity
from ikeengine.model.path import Path
from ikeengine.model.proposal import ChildSuite, IkeSuite, Transform
from ikeengine.model.sa import Direction, IpsecSa, SaId
from ikeengine.model.secret import Secret
from ikeengine.model.selector import TrafficSelector
from ikeengine.model.status import ChildStatus, IkeStatus
from ikeengine.negotiate.leases import LeaseTable
from ikeengine.observe.keylog import KeyLog
from ikeengine.observe.log import EngineLog, LogSettings
from ikeengine.outputs import CommandDone, OpId, Output
from ikeengine.registry import EncrId, EsnId, IdType, IntegId, KeId, PrfId, Protocol, TransformType

PATH = Path("192.0.2.1", 4500, "192.0.2.2", 4500)
ENCR_CBC = Transform(TransformType.ENCR, EncrId.AES_CBC, 128)
ENCR_GCM = Transform(TransformType.ENCR, EncrId.AES_GCM_16, 128)
INTEG = Transform(TransformType.INTEG, IntegId.HMAC_SHA2_256_128)
PRF = Transform(TransformType.PRF, PrfId.PRF_HMAC_SHA2_256)
X25519 = Transform(TransformType.KE, KeId.CURVE_25519)
ESN = Transform(TransformType.ESN, EsnId.NO_EXT_SEQ)
NET_1 = TrafficSelector(bytes([10, 1, 0, 0]), bytes([10, 1, 255, 255]))
NET_2 = TrafficSelector(bytes([10, 2, 0, 0]), bytes([10, 2, 255, 255]))


class FakeCore:
    """Keeps what it was told in `calls`; `on_datagram`, `on_command`, `on_complete`, `on_timer` may add outputs."""

    def __init__(self) -> None:
        self.connections: dict[str, ConnectionConfig] = {}
        self.leases = LeaseTable()
        self.calls: list[tuple[Any, ...]] = []
        self.outbox: list[Output] = []
        self.deadline: float | None = None
        self.sas: list[IkeStatus] = []
        self.records: list[FailureRecord] = []
        self.on_datagram: Callable[[bytes, Path], None] = lambda data, path: None
        self.on_command: Callable[[OpId, Command], None] = self.succeed
        self.on_complete: Callable[[OpId, object], None] = lambda op, result: None
        self.on_timer: Callable[[], None] = lambda: None
        self._ops = 1000

    def succeed(self, op: OpId, command: Command) -> None:
        self.outbox.append(CommandDone(op, ok=True, matched=1))

    def load_connection(self, config: ConnectionConfig, now: float) -> None:
        self.calls.append(("load", config.name))
        self.connections[config.name] = config

    def unload_connection(self, name: str, now: float) -> None:
        self.calls.append(("unload", name))
        self.connections.pop(name, None)

    def receive_datagram(self, data: bytes, path: Path, now: float) -> None:
        self.calls.append(("datagram", data, path))
        self.on_datagram(data, path)

    def handle_timer(self, now: float) -> None:
        self.calls.append(("timer", now))
        self.deadline = None
        self.on_timer()

    def next_timeout(self) -> float | None:
        return self.deadline

    def command(self, command: Command, now: float) -> OpId:
        self._ops += 1
        self.calls.append(("command", command))
        self.on_command(self._ops, command)
        return self._ops

    def complete(self, op: OpId, result: object, now: float) -> None:
        self.calls.append(("complete", op, result))
        self.on_complete(op, result)

    def set_settings(self, settings: Any) -> None:
        self.calls.append(("settings", settings))

    def set_wall_offset(self, offset: float) -> None:
        self.calls.append(("wall", offset))

    def take_outputs(self) -> list[Output]:
        outputs, self.outbox = self.outbox, []
        return outputs

    def status(self) -> list[IkeStatus]:
        return list(self.sas)

    def failures(self, connection: str = "") -> list[FailureRecord]:
        return [record for record in self.records if connection in ("", record.connection)]


class FakeSockets(UdpSockets):
    """Keeps what is sent."""

    def __init__(self) -> None:
        super().__init__((), 500, 4500)
        self.sent: list[tuple[bytes, Path, bool]] = []

    def open(self, prepare: Any, *, join_esp: bool = False) -> None:
        return

    def start(self, loop: Any, on_ike: Any, on_esp: Any) -> None:
        self.on_ike, self.on_esp = on_ike, on_esp

    def send(self, data: bytes, path: Path, *, keepalive: bool = False) -> None:
        self.sent.append((data, path, keepalive))


class FakeSigner:
    def __init__(self) -> None:
        self.go_on = threading.Event()
        """Set when the key `slow` may go on."""

    def sign(self, key_id: bytes, scheme: str, data: bytes) -> bytes:
        if key_id == b"missing":
            raise LocalMisuse("there is no private key")
        if key_id == b"broken":
            raise RuntimeError("a bug")
        if key_id == b"slow":
            assert self.go_on.wait(30)
        return b"signed " + data


class LogCapture:
    """The engine's log as text, at any level."""

    def __init__(self, settings: LogSettings | None = None, clock: Callable[[], float] = lambda: 0.0) -> None:
        from ikeengine.observe.log import set_up

        self._stream = io.StringIO()
        settings = settings or LogSettings(default=4)
        set_up(settings, self._stream)
        self.log = EngineLog(settings, clock)

    @property
    def text(self) -> str:
        return self._stream.getvalue()

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()


def quiet_log() -> EngineLog:
    logging.getLogger("ikeengine").handlers[:] = [logging.NullHandler()]
    return EngineLog(LogSettings(default=-1), lambda: 0.0)


class Rig:
    """A service around a fake core, with recording sockets and datapath."""

    def __init__(self, *, log: EngineLog | None = None, keylog: KeyLog | None = None) -> None:
        self.core = FakeCore()
        self.sockets = FakeSockets()
        self.datapath = MemoryDatapath()
        self.signer = FakeSigner()
        self.observer = Observer(log or quiet_log(), keylog)
        self.service = Service(
            self.core,
            sockets=self.sockets,
            datapath=self.datapath,
            signer=self.signer,
            observer=self.observer,
            loop=asyncio.get_running_loop(),
        )


def esp_sa(spi: int, direction: Direction = Direction.OUT, **changes: Any) -> IpsecSa:
    source, destination = ("192.0.2.1", "192.0.2.2") if direction is Direction.OUT else ("192.0.2.2", "192.0.2.1")
    values: dict[str, Any] = {
        "direction": direction,
        "protocol": Protocol.ESP,
        "spi": spi,
        "source": source,
        "destination": destination,
        "mode": Mode.TUNNEL,
        "reqid": 2,
        "encr": ENCR_GCM,
        "encr_key": Secret(bytes(range(20))),
    }
    return IpsecSa(**(values | changes))


def child_status(**changes: Any) -> ChildStatus:
    values: dict[str, Any] = {
        "name": "net-net",
        "unique_id": 3,
        "reqid": 2,
        "state": "INSTALLED",
        "mode": Mode.TUNNEL,
        "protocol": Protocol.ESP,
        "encap": True,
        "spi_in": 0x9568F927,
        "spi_out": 0x77F6B86F,
        "suite": ChildSuite(Protocol.ESP, ENCR_GCM, None, X25519, esn=False),
        "installed_at": 90.0,
        "rekey_at": 2300.0,
        "expires_at": 2600.0,
        "local_ts": (NET_1,),
        "remote_ts": (NET_2,),
        "sa_in": SaId(Protocol.ESP, "192.0.2.1", 0x9568F927),
        "sa_out": SaId(Protocol.ESP, "192.0.2.2", 0x77F6B86F),
    }
    return ChildStatus(**(values | changes))


def ike_status(**changes: Any) -> IkeStatus:
    values: dict[str, Any] = {
        "name": "gw-gw",
        "unique_id": 1,
        "version": 2,
        "state": "ESTABLISHED",
        "path": PATH,
        "local_id": Identity(IdType.ID_FQDN, b"gw1.example.com"),
        "remote_id": Identity(IdType.ID_FQDN, b"gw2.example.com"),
        "initiator": True,
        "spi_i": bytes.fromhex("d46ccc431767779e"),
        "spi_r": bytes.fromhex("228b26281e3963eb"),
        "nat_local": False,
        "nat_remote": True,
        "nat_fake": False,
        "suite": IkeSuite(ENCR_CBC, PRF, INTEG, X25519),
        "established_at": 88.0,
        "rekey_at": 13814.0,
        "reauth_at": None,
        "tasks_queued": (),
        "tasks_active": (),
        "tasks_passive": (),
        "children": (child_status(),),
    }
    return IkeStatus(**(values | changes))


def connection(name: str = "gw-gw", *children: ChildConfig, **changes: Any) -> ConnectionConfig:
    found = children or (ChildConfig("net-net", (), local_ts=(NET_1,), remote_ts=(NET_2,)),)
    values: dict[str, Any] = {"proposals": (), "children": {child.name: child for child in found}}
    return ConnectionConfig(name, **(values | changes))
