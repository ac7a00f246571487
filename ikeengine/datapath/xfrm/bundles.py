"""SAs that are more than one state in the kernel: with IPComp inside, or with AH around (ip-xfrm(8)).

compression   IPComp      in the mode of the Child SA (RFC 3173)
protection    ESP or AH   in the same mode, but in transport mode around compression
AH            AH          in transport mode around ESP (RFC 2401 section 4.3)

Only the innermost is in tunnel mode: what it makes goes from gateway to gateway already.
"""

from __future__ import annotations

from dataclasses import replace

from ikeengine.datapath.xfrm.sad import SecurityAssociations
from ikeengine.errors import DatapathError
from ikeengine.model.connection import Mode
from ikeengine.model.sa import IpsecSa, Limits, SaId, UdpEncap, Usage
from ikeengine.model.secret import EMPTY
from ikeengine.registry import Protocol


def states_of(sa: IpsecSa) -> tuple[IpsecSa, ...]:
    """The states of an SA, the innermost first. One of them has the SA's own name."""
    around = (sa.outermost,) if sa.ah is not None else ()
    if not sa.cpi:
        return (sa, *around)
    compressing = replace(
        sa,
        protocol=Protocol.IPCOMP,
        spi=sa.cpi,
        encr=None,
        encr_key=EMPTY,
        integ=None,
        integ_key=EMPTY,
        encap=None,
        esn=False,
        replay_window=0,
        limits=Limits(),
        cpi=0,
        tfc_padding=0,
        hw_offload="no",
    )
    return (compressing, replace(sa, mode=Mode.TRANSPORT, cpi=0, tfc_padding=0), *around)


class BundledAssociations:
    """SecurityAssociations, with further states for each SA that needs them."""

    def __init__(self, states: SecurityAssociations) -> None:
        self._states = states
        self._further: dict[SaId, list[SaId]] = {}

    def __contains__(self, sa: object) -> bool:
        return sa in self._states

    def install(self, sa: IpsecSa) -> None:
        """Add an SA. Raises DatapathError; then nothing of it is left behind."""
        installed: list[SaId] = []
        try:
            for state in states_of(sa):
                self._states.install(state)
                installed.append(state.id)
        except DatapathError:
            for name in installed:
                self._states.delete(name)
            raise
        self._further[sa.id] = [name for name in installed if name != sa.id]

    def update(self, sa: SaId, source: str, destination: str, encap: UdpEncap | None) -> None:
        """Move an SA to other addresses. Raises DatapathError."""
        further = self._further.get(sa, [])
        for number, name in enumerate(further):
            self._states.update(name, source, destination, None)
            further[number] = name._replace(destination=destination)
        self._states.update(sa, source, destination, encap)
        self._further[sa._replace(destination=destination)] = self._further.pop(sa)

    def delete(self, sa: SaId) -> None:
        """Remove an SA. One that is gone, or not ours, is left alone."""
        for name in (sa, *self._further.pop(sa, ())):
            self._states.delete(name)

    def delete_all(self) -> None:
        """Remove all our states."""
        self._further.clear()
        self._states.delete_all()

    def delete_stale(self, entry: str) -> None:
        """Remove what a predecessor has noted in the journal."""
        self._states.delete_stale(entry)

    def usage(self, sa: SaId) -> Usage | None:
        """The counters of an SA, None if it is gone. Raises NetlinkError. What AH has refused ESP has not seen."""
        usage = self._states.usage(sa)
        for further in map(self._states.usage, self._further.get(sa, ())):
            if usage is not None and further is not None:
                replayed = usage.replay_drops + further.replay_drops
                failed = usage.integrity_failures + further.integrity_failures
                usage = replace(usage, replay_drops=replayed, integrity_failures=failed)
        return usage

    def limits_reached(self) -> list[tuple[SaId, bool]]:
        """SAs that are past a limit, with True for a hard one."""
        return self._states.limits_reached()
