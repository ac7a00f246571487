"""IPComp in the kernel: a state of its own beside the one that protects (RFC 3173, ip-xfrm(8)).

The compressing state is in the mode of the Child SA, the protecting one then in transport mode: what it protects is
the compressed packet, which goes from gateway to gateway already.
"""

from __future__ import annotations

from dataclasses import replace

from ikeengine.datapath.xfrm.sad import SecurityAssociations
from ikeengine.errors import DatapathError
from ikeengine.model.connection import Mode
from ikeengine.model.sa import IpsecSa, Limits, SaId, UdpEncap, Usage
from ikeengine.model.secret import EMPTY
from ikeengine.registry import Protocol


def split(sa: IpsecSa) -> tuple[IpsecSa, IpsecSa]:
    """The state that compresses, and the one that protects."""
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
    return compressing, replace(sa, mode=Mode.TRANSPORT, cpi=0, tfc_padding=0)


class CompressedAssociations:
    """SecurityAssociations, with a second state for each SA that has a CPI."""

    def __init__(self, states: SecurityAssociations) -> None:
        self._states = states
        self._compressing: dict[SaId, SaId] = {}

    def __contains__(self, sa: object) -> bool:
        return sa in self._states

    def install(self, sa: IpsecSa) -> None:
        """Add an SA. Raises DatapathError; then nothing of it is left behind."""
        if not sa.cpi:
            self._states.install(sa)
            return
        compressing, protecting = split(sa)
        self._states.install(compressing)
        try:
            self._states.install(protecting)
        except DatapathError:
            self._states.delete(compressing.id)
            raise
        self._compressing[sa.id] = compressing.id

    def update(self, sa: SaId, source: str, destination: str, encap: UdpEncap | None) -> None:
        """Move an SA to other addresses. Raises DatapathError."""
        compressing = self._compressing.get(sa)
        if compressing is not None:
            self._states.update(compressing, source, destination, None)
        self._states.update(sa, source, destination, encap)
        if compressing is not None:
            del self._compressing[sa]
            self._compressing[replace(sa, destination=destination)] = replace(compressing, destination=destination)

    def delete(self, sa: SaId) -> None:
        """Remove an SA. One that is gone, or not ours, is left alone."""
        self._states.delete(sa)
        compressing = self._compressing.pop(sa, None)
        if compressing is not None:
            self._states.delete(compressing)

    def delete_all(self) -> None:
        """Remove all our states."""
        self._compressing.clear()
        self._states.delete_all()

    def delete_stale(self, entry: str) -> None:
        """Remove what a predecessor has noted in the journal."""
        self._states.delete_stale(entry)

    def usage(self, sa: SaId) -> Usage | None:
        """The counters of an SA, None if it is gone. Raises NetlinkError."""
        return self._states.usage(sa)

    def limits_reached(self) -> list[tuple[SaId, bool]]:
        """SAs that are past a limit, with True for a hard one."""
        return self._states.limits_reached()
