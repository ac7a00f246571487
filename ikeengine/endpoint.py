"""The endpoint: routes datagrams to IKE SAs, answers strangers without keeping state, owns timers and commands.

Sans-IO (design D1): every method takes `now`, seconds on the caller's clock; everything that is to be done comes out
of `take_outputs()` in order.
"""

from __future__ import annotations

from collections.abc import Iterable

from ikeengine.auth.credentials import CredentialStore
from ikeengine.cookies import CookieJar
from ikeengine.crypto.rng import Rng
from ikeengine.errors import InvalidKeGroup, InvalidSyntax, NoProposalChosen, UnsupportedCriticalPayload
from ikeengine.ikev2 import machine, reasons, tasks
from ikeengine.ikev2.addresses import virtual_ips
from ikeengine.ikev2.context import FIRST_OP, Context, Wanted
from ikeengine.ikev2.exchanges import delete, ike_sa_init
from ikeengine.ikev2.messages import transport
from ikeengine.ikev2.messages.received import Received
from ikeengine.ikev2.sa import IkeSa
from ikeengine.ikev2.states import IkeState
from ikeengine.ikev2.supervisor import Supervisor
from ikeengine.ikev2.upkeep.crash_detection import CrashDetector
from ikeengine.ikev2.upkeep.keeper import Keeper, Kept
from ikeengine.limits import TokenBucket
from ikeengine.model.commands import Command, UnknownSpi
from ikeengine.model.connection import ConnectionConfig, EngineSettings
from ikeengine.model.failure import FailureRecord
from ikeengine.model.path import Path
from ikeengine.model.secret import Secret
from ikeengine.model.status import IkeStatus
from ikeengine.negotiate.addresses import match
from ikeengine.negotiate.leases import LeaseTable
from ikeengine.outputs import Dropped, DropReason, OpId, Output, Transmit
from ikeengine.registry import ExchangeType, NotifyType
from ikeengine.timers import DeadlineQueue
from ikeengine.wire import rules
from ikeengine.wire.header import FLAG_RESPONSE, Header, read_header
from ikeengine.wire.message import parse, write_message
from ikeengine.wire.payloads import Nonce, Notify, Sa

MAJOR_VERSION = 2
NO_SPI = bytes(8)
HEADER_OCTETS = 28
ERROR_REPLY_RATE = 50.0
"""Errors per second that strangers get at most; what exceeds it is dropped in silence."""

MATCHES_CACHED = 4096
"""Address pairs for which the fitting connections are remembered."""


class Endpoint:
    """Everything IKE of one host."""

    def __init__(
        self, settings: EngineSettings, rng: Rng, credentials: CredentialStore, *, wall_offset: float = 0.0
    ) -> None:
        self._ctx = Context(settings, rng, credentials)
        self._ctx.wall_offset = wall_offset
        self._cookies = CookieJar(rng)
        self._deadlines: DeadlineQueue[bytes | Wanted | Kept] = DeadlineQueue()
        self._keeper = Keeper(self._ctx, self._deadlines.schedule)
        self._supervisor = Supervisor(self._ctx, self._keeper)
        self._crashes = CrashDetector(self._ctx)
        self._replies = TokenBucket(ERROR_REPLY_RATE, ERROR_REPLY_RATE)
        self._matches: dict[tuple[str, str], tuple[ConnectionConfig, ...]] = {}

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
            reason = DropReason.TOO_SHORT if len(data) < HEADER_OCTETS else DropReason.BAD_HEADER
            self._drop(reason, path, str(error))
            return
        if header.major != MAJOR_VERSION:
            self._wrong_version(header, path)
        elif header.exchange == ExchangeType.IKE_SA_INIT and not header.is_response:
            self._receive_init_request(header, data, path)
        else:
            self._receive_for_sa(header, data, path)
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
                    machine.handle_timers(self._ctx, sa)
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
            delete.on_confirmed(ctx, child)
        elif not (virtual_ips.failed(ctx, op, result) or self._supervisor.complete(op, result)):
            pending = ctx.ops.pop(op, None)
            sa = None if pending is None else ctx.table.find(pending.local_spi)
            if pending is not None and sa is not None:
                ctx.touch(sa)
                answer = result if pending.subject is None else (pending.subject, result)
                machine.trigger(ctx, sa, pending.trigger, answer)
        self._settle()

    def command(self, command: Command, now: float) -> OpId:
        """Do what an operator or the datapath wants. The number returned comes back in a CommandDone."""
        self._ctx.now = now
        op = self._ctx.new_op()
        if isinstance(command, UnknownSpi):
            self._crashes.complain(command, self._matching(command.path))
            self._ctx.answer((op,), ok=True)
        else:
            self._supervisor.execute(command, op)
        self._settle()
        return op

    def load_connection(self, config: ConnectionConfig, now: float) -> None:
        """Add a connection, or replace the one of the same name without touching what is unchanged."""
        self._ctx.now = now
        self._matches.clear()
        self._supervisor.load(config)
        self._settle()

    def unload_connection(self, name: str, now: float) -> None:
        """Remove a connection and close its SAs."""
        self._ctx.now = now
        self._matches.clear()
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

    # --- strangers --------------------------------------------------------------------------------------------

    def _receive_init_request(self, header: Header, data: bytes, path: Path) -> None:
        ctx = self._ctx
        if header.message_id != 0 or header.spi_r != NO_SPI or header.spi_i == NO_SPI or not header.is_initiator:
            self._drop(DropReason.BAD_HEADER, path, "an IKE_SA_INIT request with wrong SPIs, flags or message ID")
            return
        if ctx.table.find(header.spi_i) is not None:
            self._drop(DropReason.REFLECTED, path, "an IKE_SA_INIT request with our own SPI")
            return
        known = ctx.table.find_by_init(path, header.spi_i)
        if known is not None:
            if not transport.repeat_response(ctx, known, data, path):
                self._drop(DropReason.UNEXPECTED, path, "another IKE_SA_INIT request with the same SPI")
            return
        try:
            parsed = parse(data, header)
            rules.check(ExchangeType.IKE_SA_INIT, False, parsed.payloads, ())
        except UnsupportedCriticalPayload as error:
            self._drop(DropReason.BAD_PAYLOADS, path, str(error))
            self._reply(header, path, Notify(NotifyType.UNSUPPORTED_CRITICAL_PAYLOAD, error.data))
            return
        except InvalidSyntax as error:
            self._drop(DropReason.BAD_PAYLOADS, path, str(error))
            return
        message = Received(ExchangeType.IKE_SA_INIT, False, parsed.payloads, data, path)
        if self._admit(header, message, path):
            self._answer_init(header, message, path)

    def _admit(self, header: Header, message: Received, path: Path) -> bool:
        """Hold the limits: silence for a source with too many half-open SAs, a cookie when there are many."""
        ctx, settings, limits = self._ctx, self._ctx.settings, self._ctx.table.limits
        of_source = limits.of_source(path.remote)
        over_limit = settings.ikesa_limit and len(ctx.table) >= settings.ikesa_limit
        if over_limit or self._supervisor.is_shutting_down:
            self._drop(DropReason.LIMIT, path, "no more IKE SAs are accepted")
            return False
        if settings.block_threshold and of_source >= settings.block_threshold:
            self._drop(DropReason.LIMIT, path, f"{of_source} half-open IKE SAs from this source")
            return False
        nonce = message.require(Nonce).data
        many = settings.cookie_threshold and limits.total >= settings.cookie_threshold
        many_here = settings.cookie_threshold_ip and of_source >= settings.cookie_threshold_ip
        if not (many or many_here):
            return True
        cookie = message.notify(NotifyType.COOKIE)
        if cookie is not None and self._cookies.check(cookie.data, nonce, header.spi_i, path, ctx.now):
            return True
        if cookie is not None:
            self._drop(DropReason.BAD_COOKIE, path, "the cookie is not one of ours, or too old")
        fresh = self._cookies.make(nonce, header.spi_i, path, ctx.now)
        self._transmit_reply(header, path, Notify(NotifyType.COOKIE, fresh))
        return False

    def _answer_init(self, header: Header, message: Received, path: Path) -> None:
        ctx = self._ctx
        connections = self._matching(path)
        if not connections:
            self._drop(DropReason.NO_CONNECTION, path, f"no connection is configured for {path}")
            self._reply(header, path, Notify(NotifyType.NO_PROPOSAL_CHOSEN))
            return
        try:
            sa = ike_sa_init.answer(ctx, message, connections)
        except NoProposalChosen as error:
            # Only what is answered is recorded: a flood must not push the useful records out.
            if self._reply(header, path, Notify(error.notify)):
                self._record_mismatch(message, path, connections)
        except InvalidKeGroup as error:
            self._reply(header, path, Notify(error.notify, error.data))
        except InvalidSyntax as error:
            self._drop(DropReason.BAD_PAYLOADS, path, str(error))
        else:
            ctx.touch(sa)

    def _record_mismatch(self, message: Received, path: Path, connections: tuple[ConnectionConfig, ...]) -> None:
        offered = message.require(Sa).proposals
        configured = tuple(dict.fromkeys(p for connection in connections for p in connection.proposals))
        name = connections[0].name
        phase = "IKE_SA_INIT request"
        self._ctx.fail(reasons.proposal_mismatch(self._ctx, name, path, phase, offered, configured))

    def _matching(self, path: Path) -> tuple[ConnectionConfig, ...]:
        """The connections for these addresses, the most specific first."""
        key = (path.local, path.remote)
        found = self._matches.get(key)
        if found is None:
            ranked = []
            for connection in self._ctx.connections.values():
                local = match(connection.local_addrs, path.local)
                remote = match(connection.remote_addrs, path.remote)
                if local and remote:
                    ranked.append((local + remote, connection))
            ranked.sort(key=lambda entry: -entry[0])
            found = tuple(connection for _unused, connection in ranked)
            if len(self._matches) >= MATCHES_CACHED:
                self._matches.clear()
            self._matches[key] = found
        return found

    def _wrong_version(self, header: Header, path: Path) -> None:
        self._drop(DropReason.BAD_VERSION, path, f"IKE version {header.major}.{header.minor}")
        if header.major > MAJOR_VERSION and not header.is_response:
            self._reply(header, path, Notify(NotifyType.INVALID_MAJOR_VERSION))

    def _reply(self, header: Header, path: Path, notify: Notify) -> bool:
        """Answer a stranger with an error, without keeping anything. False if that is over the limit."""
        allowed = self._replies.take(self._ctx.now)
        if allowed:
            self._transmit_reply(header, path, notify)
        return allowed

    def _transmit_reply(self, header: Header, path: Path, notify: Notify) -> None:
        data = write_message(header.spi_i, header.spi_r, header.exchange, FLAG_RESPONSE, header.message_id, [notify])
        self._ctx.emit(Transmit(data, path))

    # --- acquaintances ----------------------------------------------------------------------------------------

    def _receive_for_sa(self, header: Header, data: bytes, path: Path) -> None:
        sa = self._ctx.table.find(header.spi_r if header.is_initiator else header.spi_i)
        if sa is None or not _belongs(sa, header):
            self._drop(DropReason.UNKNOWN_SPI, path, f"{header.spi_i.hex()}_i {header.spi_r.hex()}_r")
            self._crashes.hear_stray(header, data, path)
            self._crashes.answer(header, path, self._matching(path))
            return
        self._ctx.touch(sa)
        if not self._crashes.hear(sa, header, data, path):
            machine.receive(self._ctx, sa, header, data, path)

    def _settle(self) -> None:
        """Send what has become possible, bring up what has become wanted, and set the timers anew."""
        ctx = self._ctx
        while ctx.touched or ctx.wanted:
            touched, ctx.touched = ctx.touched, {}
            for local_spi, sa in touched.items():
                if sa.queue:
                    tasks.start_next(ctx, sa)
                self._deadlines.schedule(local_spi, sa.timers.next_deadline())
            for name in {sa.name for sa in touched.values()}:
                self._keeper.look_after(name)
            wanted, ctx.wanted = ctx.wanted, []
            for entry in wanted:
                if entry.delay:
                    self._deadlines.schedule(entry, ctx.now + entry.delay)
                else:
                    self._supervisor.bring_up(entry)

    def _drop(self, reason: DropReason, path: Path, detail: str) -> None:
        self._ctx.emit(Dropped(reason, path, detail))


def _belongs(sa: IkeSa, header: Header) -> bool:
    """Whether both SPIs of a message are those of the IKE SA; before the responder's is known, one is enough."""
    if sa.spi_i != header.spi_i:
        return False
    return sa.spi_r == header.spi_r or (sa.state is IkeState.INIT_SENT and sa.is_initiator)
