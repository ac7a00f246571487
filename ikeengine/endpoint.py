"""The endpoint: routes datagrams to IKE SAs, answers strangers without keeping state, owns timers and commands.

Sans-IO (design D1): every method takes `now`, seconds on the caller's clock; everything that is to be done comes out
of `take_outputs()` in order.
"""

from __future__ import annotations

from collections.abc import Iterable

from ikeengine.auth.credentials import CredentialStore
from ikeengine.crypto.rng import Rng
from ikeengine.errors import InvalidSyntax
from ikeengine.model.commands import Command, UnknownSpi
from ikeengine.model.connection import ConnectionConfig, EngineSettings
from ikeengine.model.failure import FailureRecord
from ikeengine.model.path import Path
from ikeengine.model.secret import Secret
from ikeengine.model.status import IkeStatus
from ikeengine.negotiate.leases import LeaseTable
from ikeengine.outputs import Dropped, DropReason, OpId, Output
from ikeengine.sa.addresses import virtual_ips
from ikeengine.sa.children import succession
from ikeengine.sa.context import FIRST_OP, Context, Wanted
from ikeengine.sa.supervisor import Supervisor
from ikeengine.sa.upkeep.keeper import Keeper, Kept
from ikeengine.timers import DeadlineQueue
from ikeengine.versions import VERSIONS
from ikeengine.wire.header import HEADER_LENGTH, Header, read_header


class Endpoint:
    """Everything IKE of one host."""

    def __init__(
        self, settings: EngineSettings, rng: Rng, credentials: CredentialStore, *, wall_offset: float = 0.0
    ) -> None:
        self._ctx = Context(settings, rng, credentials)
        self._ctx.wall_offset = wall_offset
        self._ctx.versions = {version.number: version(self._ctx) for version in VERSIONS}
        self._deadlines: DeadlineQueue[bytes | Wanted | Kept] = DeadlineQueue()
        self._keeper = Keeper(self._ctx, self._deadlines.schedule)
        self._supervisor = Supervisor(self._ctx, self._keeper)

    @property
    def connections(self) -> dict[str, ConnectionConfig]:
        """The loaded connections by name. Change them with `load_connection` and `unload_connection` only."""
        return self._ctx.connections

    @property
    def credentials(self) -> CredentialStore:
        """The credentials that IKE SAs use."""
        return self._ctx.credentials

    @property
    def leases(self) -> LeaseTable:
        """The pools of virtual IP addresses, and who has which."""
        return self._ctx.leases

    def set_settings(self, settings: EngineSettings) -> None:
        """Obey other settings from now on; deadlines that are set already stay."""
        self._ctx.settings = settings

    def set_qcd_secret(self, secret: Secret) -> None:
        """What tokens of quick crash detection are made from (RFC 6290); the same after each restart."""
        self._ctx.qcd_secret = secret

    def set_wall_offset(self, offset: float) -> None:
        """Seconds from the caller's clock to Unix time; used for the validity of certificates only."""
        self._ctx.wall_offset = offset

    # --- what comes in ----------------------------------------------------------------------------------------

    def receive_datagram(self, data: bytes, path: Path, now: float) -> None:
        """An IKE message, without the non-ESP marker. Never raises for anything that a peer may send."""
        self._ctx.now = now
        try:
            header = read_header(data)
        except InvalidSyntax as error:
            reason = DropReason.TOO_SHORT if len(data) < HEADER_LENGTH else DropReason.BAD_HEADER
            self._drop(reason, path, str(error))
            return
        version = self._ctx.versions.get(header.major)
        if version is None:
            self._wrong_version(header, path)
        else:
            version.receive(header, data, path)
        self._settle()

    def handle_timer(self, now: float) -> None:
        """Do everything that has fallen due."""
        self._ctx.now = now
        while (owner := self._deadlines.take_due(now)) is not None:
            if isinstance(owner, Wanted):
                self._supervisor.bring_up(owner)
            elif isinstance(owner, Kept):
                self._keeper.tend(owner)
            else:
                sa = self._ctx.table.find(owner)
                if sa is not None:
                    self._ctx.touch(sa)
                    sa.version.handle_timers(sa)
            self._settle()

    def next_timeout(self) -> float | None:
        """When to call `handle_timer` at the latest; None for never."""
        return self._deadlines.next_deadline()

    def complete(self, op: OpId, result: object, now: float) -> None:
        """The answer to an Ask output, or the DatapathError of a datapath output. Late answers are ignored."""
        ctx = self._ctx
        ctx.now = now
        if op < FIRST_OP:
            self._supervisor.datapath_failed(op, result)
        elif (child := ctx.confirmations.pop(op, None)) is not None:
            succession.on_confirmed(ctx, child)
        elif not (virtual_ips.failed(ctx, op, result) or self._supervisor.complete(op, result)):
            pending = ctx.ops.pop(op, None)
            sa = None if pending is None else ctx.table.find(pending.local_spi)
            if pending is not None and sa is not None:
                ctx.touch(sa)
                answer = result if pending.subject is None else (pending.subject, result)
                sa.version.take(sa, pending.what, answer)
        self._settle()

    def command(self, command: Command, now: float) -> OpId:
        """Do what an operator or the datapath wants. The number returned comes back in a CommandDone."""
        self._ctx.now = now
        op = self._ctx.new_op()
        if isinstance(command, UnknownSpi):
            for version in self._ctx.versions.values():
                version.complain(command)
            self._ctx.answer((op,), ok=True)
        else:
            self._supervisor.execute(command, op)
        self._settle()
        return op

    def load_connection(self, config: ConnectionConfig, now: float) -> None:
        """Add a connection, or replace the one of the same name without touching what is unchanged."""
        self._ctx.now = now
        self._ctx.candidates.clear()
        self._supervisor.load(config)
        self._settle()

    def unload_connection(self, name: str, now: float) -> None:
        """Remove a connection and close its SAs."""
        self._ctx.now = now
        self._ctx.candidates.clear()
        self._supervisor.unload(name)
        self._settle()

    # --- what comes out ---------------------------------------------------------------------------------------

    def take_outputs(self) -> list[Output]:
        """What is to be done now, in order."""
        outputs, self._ctx.outputs = self._ctx.outputs, []
        return outputs

    def status(self) -> list[IkeStatus]:
        """All IKE SAs."""
        return [sa.status() for sa in self._ctx.table]

    def failures(self, connection: str = "") -> list[FailureRecord]:
        """Why negotiations have failed, the oldest first; of one connection or of all."""
        kept = self._ctx.failures
        records: Iterable[FailureRecord] = (
            kept.get(connection, ()) if connection else (record for records in kept.values() for record in records)
        )
        return sorted(records, key=lambda record: record.at)

    # --- afterwards -------------------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Send what has become possible, bring up what has become wanted, and set the timers anew."""
        ctx = self._ctx
        while ctx.touched or ctx.wanted:
            touched, ctx.touched = ctx.touched, {}
            names = set()
            for local_spi, sa in touched.items():
                sa.version.start_next(sa)
                self._deadlines.schedule(local_spi, sa.timers.next_deadline())
                names.add(sa.name)
            for name in names:
                self._keeper.look_after(name)
            wanted, ctx.wanted = ctx.wanted, []
            for entry in wanted:
                if entry.delay:
                    self._deadlines.schedule(entry, ctx.now + entry.delay)
                else:
                    self._supervisor.bring_up(entry)

    def _wrong_version(self, header: Header, path: Path) -> None:
        self._drop(DropReason.BAD_VERSION, path, f"IKE version {header.major}.{header.minor}")
        newest = max(self._ctx.versions)
        if header.major > newest and not header.is_response:
            self._ctx.versions[newest].refuse_version(header, path)

    def _drop(self, reason: DropReason, path: Path, detail: str) -> None:
        self._ctx.emit(Dropped(reason, path, detail))
