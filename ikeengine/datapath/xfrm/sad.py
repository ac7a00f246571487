"""The security association database: our states in the kernel, and nobody else's."""

from __future__ import annotations

import errno
import logging
import time
from collections.abc import Callable
from dataclasses import replace

from ikeengine.datapath.netlink import (
    NETLINK_XFRM,
    NLM_F_CREATE,
    NLM_F_EXCL,
    EventSocket,
    NetlinkError,
    NetlinkSocket,
    NoAnswer,
)
from ikeengine.datapath.xfrm.constants import XfrmGroup, XfrmMsg
from ikeengine.datapath.xfrm.journal import Journal
from ikeengine.datapath.xfrm.state import (
    FRESH,
    KernelState,
    Progress,
    read_deleted_state,
    read_state,
    write_state,
    write_state_id,
)
from ikeengine.errors import DatapathError
from ikeengine.model.marks import Mark
from ikeengine.model.sa import Direction, IpsecSa, SaId, UdpEncap, Usage
from ikeengine.registry import Protocol

log = logging.getLogger(__name__)

_REASONS = {
    errno.EEXIST: "another program has an SA of that name",
    errno.ENOSYS: "the kernel lacks the algorithm or the protocol",
    errno.ENOENT: "the kernel lacks the algorithm or the protocol",
    errno.EPROTONOSUPPORT: "the kernel lacks the protocol or the mode",
    errno.EPERM: "the engine has no CAP_NET_ADMIN",
}


class SecurityAssociations:
    """Installs, moves, counts and removes states."""

    def __init__(
        self,
        kernel: NetlinkSocket,
        journal: Journal,
        *,
        listen: Callable[[], EventSocket] = lambda: EventSocket(NETLINK_XFRM, (XfrmGroup.SA,)),
        policy_last_use: Callable[[int, Direction], int] = lambda reqid, direction: 0,
        device_of: Callable[[IpsecSa], int] = lambda sa: 0,
    ) -> None:
        """`listen` opens a socket that hears of deleted states, `policy_last_use` is asked on kernels before 6.2.

        `device_of` names the network card that could do the cryptography of an SA.
        """
        self._device_of = device_of
        self._kernel = kernel
        self._journal = journal
        self._listen = listen
        self._policy_last_use = policy_last_use
        self._sas: dict[SaId, IpsecSa] = {}
        self._seen_packets: dict[SaId, tuple[int, int]] = {}

    def __contains__(self, sa: object) -> bool:
        return sa in self._sas

    def ids(self) -> tuple[SaId, ...]:
        """The names of all SAs that we have installed."""
        return tuple(self._sas)

    def install(self, sa: IpsecSa, progress: Progress = FRESH) -> None:
        """Add a state. Raises DatapathError; then nothing of it is left behind."""
        body = write_state(sa, progress)
        entry = _entry(sa)
        self._journal.add(entry)
        try:
            if not self._is_offloaded(sa, progress):
                self._kernel.request(XfrmMsg.NEWSA, body, NLM_F_CREATE | NLM_F_EXCL)
        except NetlinkError as error:
            if isinstance(error, NoAnswer):
                self._remove_if_identical(sa, progress)
            self._journal.remove(entry)
            raise DatapathError(f"cannot install {_describe(sa)}: {_reason(error)}") from error
        self._sas[sa.id] = sa

    def _is_offloaded(self, sa: IpsecSa, progress: Progress) -> bool:
        """Add a state to a network card, if that is wanted. Raises NetlinkError, unless it may do without."""
        device = self._device_of(sa) if sa.hw_offload != "no" else 0
        if not device:
            return False
        try:
            body = write_state(sa, progress, device=device)
            self._kernel.request(XfrmMsg.NEWSA, body, NLM_F_CREATE | NLM_F_EXCL)
        except NetlinkError as error:
            if sa.hw_offload != "auto" or isinstance(error, NoAnswer):
                raise
            log.info("the network card does not take %s: %s", _describe(sa), error)
            return False
        return True

    def update(self, sa: SaId, source: str, destination: str, encap: UdpEncap | None) -> None:
        """Move a state to other addresses. Raises DatapathError; then it is where it was, if that can be had.

        The kernel cannot change a state's addresses in place. The old state must be gone before its sequence number
        is read, or a packet sent in between would let the new state use a sequence number, and with it an IV, twice.
        """
        old = self._sas.get(sa)
        if old is None:
            raise DatapathError(f"there is no SA {sa.spi:08x} to {sa.destination}")
        moved = replace(old, source=source, destination=destination, encap=encap)
        write_state(moved)
        progress = self._take_out(old)
        try:
            self.install(moved, progress)
        except DatapathError:
            self._put_back(old, progress)
            raise

    def delete(self, sa: SaId) -> None:
        """Remove one of our states. One that is gone, or not ours, is left alone."""
        ours = self._sas.pop(sa, None)
        self._seen_packets.pop(sa, None)
        if ours is None:
            return
        try:
            self._kernel.request(XfrmMsg.DELSA, write_state_id(sa, ours.mark))
        except NetlinkError as error:
            if error.code != errno.ESRCH:
                log.error("cannot remove %s: %s", _describe(ours), error)
                return
        self._journal.remove(_entry(ours))

    def delete_all(self) -> None:
        """Remove all our states."""
        for sa in self.ids():
            self.delete(sa)

    def delete_stale(self, entry: str) -> None:
        """Remove what a predecessor has noted in the journal, unless that name means something else by now."""
        stale = _parse_entry(entry)
        if stale is None:
            return
        sa, source, reqid, mark = stale
        state = self._state(sa, mark)
        if state is not None and (state.source, state.reqid) == (source, reqid):
            log.info("removing SA %08x %s -> %s of an earlier run", sa.spi, source, sa.destination)
            self._kernel.request(XfrmMsg.DELSA, write_state_id(sa, mark))

    def usage(self, sa: SaId) -> Usage | None:
        """The counters of one of our states, None if it is gone. Raises NetlinkError."""
        ours = self._sas.get(sa)
        state = self._state(sa, ours.mark) if ours else None
        if ours is None or state is None:
            return None
        last_use = self._last_use(ours, state)
        return Usage(
            state.octets,
            state.packets,
            max(0.0, time.time() - last_use) if last_use else None,
            state.too_old + state.replayed,
            state.integrity_failed,
        )

    def limits_reached(self) -> list[tuple[SaId, bool]]:
        """Our states that are past a limit, with True for a hard one. For when the kernel's own reports got lost."""
        reached = []
        for sa, ours in self._sas.items():
            limits = ours.limits
            state = self._state(sa, ours.mark)
            if state is None:
                reached.append((sa, True))
            elif (
                0 < limits.soft_bytes <= state.octets or 0 < limits.soft_packets <= state.packets
            ):  # hard ones are gone
                reached.append((sa, False))
        return reached

    def _last_use(self, sa: IpsecSa, state: KernelState) -> int:
        """Unix seconds. Before 6.2 only policies know; their outbound times are late, so count packets as well."""
        if state.last_use or not state.packets:
            return state.last_use
        now = int(time.time())
        packets, seen = self._seen_packets.get(sa.id, (0, 0))
        if state.packets != packets:
            of_policy = self._policy_last_use(sa.reqid, sa.direction)
            seen = of_policy if of_policy > seen else now
            self._seen_packets[sa.id] = (state.packets, seen)
        return seen

    def _state(self, sa: SaId, mark: Mark) -> KernelState | None:
        try:
            return read_state(self._kernel.get(XfrmMsg.GETSA, write_state_id(sa, mark)).body)
        except NetlinkError as error:
            if error.code == errno.ESRCH:
                return None
            raise

    def _take_out(self, sa: IpsecSa) -> Progress:
        """Remove a state and return what it has been through."""
        with self._listen() as listener:
            try:
                self._kernel.request(XfrmMsg.DELSA, write_state_id(sa.id, sa.mark))
            except NetlinkError as error:
                raise DatapathError(f"cannot move {_describe(sa)}: {_reason(error)}") from error
            messages = listener.read().messages
        del self._sas[sa.id]
        self._journal.remove(_entry(sa))
        for message in messages:
            state = read_deleted_state(message.body) if message.type == XfrmMsg.DELSA else None
            if state is not None and state.id == sa.id:
                return state.progress
        raise DatapathError(f"cannot move {_describe(sa)}: the kernel did not report its sequence number")

    def _put_back(self, sa: IpsecSa, progress: Progress) -> None:
        try:
            self.install(sa, progress)
        except DatapathError as error:
            log.error("the SA that could not be moved is lost: %s", error)

    def _remove_if_identical(self, sa: IpsecSa, progress: Progress) -> None:
        """After a lost answer: remove the state if it is the one that we have tried to add, keys and all."""
        try:
            state = self._state(sa.id, sa.mark)
            if state is not None and state.has_keys_of(write_state(sa, progress)):
                self._kernel.request(XfrmMsg.DELSA, write_state_id(sa.id, sa.mark))
        except NetlinkError as error:
            log.error("%s may be left behind: %s", _describe(sa), error)


def _describe(sa: IpsecSa) -> str:
    return f"{sa.protocol.name} SA {sa.spi:08x} {sa.source} -> {sa.destination}"


def _reason(error: NetlinkError) -> str:
    sentence = _REASONS.get(error.code)
    return f"{sentence} ({error})" if sentence else str(error)


def _entry(sa: IpsecSa) -> str:
    mark = f" {sa.mark.value:x}/{sa.mark.mask:x}" if sa.mark else ""
    return f"sa {sa.protocol.name} {sa.spi:08x} {sa.source} {sa.destination} {sa.reqid}{mark}"


def _parse_entry(entry: str) -> tuple[SaId, str, int, Mark] | None:
    """Name, source, reqid and mark of a journal entry; None if it is torn."""
    try:
        _unused, protocol, spi, source, destination, reqid, *mark = entry.split(" ")
        value, mask = (int(part, 16) for part in (mark or ["0/0"])[0].split("/"))
        return SaId(Protocol[protocol], destination, int(spi, 16)), source, int(reqid), Mark(value, mask)
    except (ValueError, KeyError):
        return None
