"""What our configuration wants of a Child SA, in the words of Quick Mode."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ikeengine.ikev1.proposals.child_transforms import groups, suites
from ikeengine.ikev1.proposals.lifetime import Lifetime
from ikeengine.ikev1.proposals.modes import Encapsulation
from ikeengine.model.immutable import immutable
from ikeengine.model.proposal import ChildSuite, Proposal
from ikeengine.registry import Protocol

Spis = Mapping[Protocol, bytes]
"""Our inbound SPIs, four octets each; that of IPCOMP is the CPI in two octets."""


@immutable
class Wishes:
    """A Child SA as we want it. `proposals` are for ESP or for AH alone; `ah` are for AH around ESP."""

    proposals: tuple[Proposal, ...]
    encapsulation: Encapsulation
    life: Lifetime
    ah: tuple[Proposal, ...] = ()
    ipcomp: bool = False
    draft: bool = False
    """Whether modes in UDP have the numbers of the drafts before RFC 3947."""

    def bundles(self) -> Iterator[tuple[Protocol, ...]]:
        """The protocols that will do together, the best first: the main one, then what goes with it."""
        for with_ipcomp in (True, False) if self.ipcomp else (False,):
            for main in dict.fromkeys(proposal.protocol for proposal in self.proposals):
                around = (Protocol.AH,) if self.ah and main == Protocol.ESP else ()
                yield (main, *around, *((Protocol.IPCOMP,) if with_ipcomp else ()))

    def main_suites(self, protocol: Protocol, *, with_ke: bool) -> Iterator[ChildSuite]:
        """Our suites for the main protocol of a bundle: with each group that we want, or without one."""
        for proposal in self.proposals:
            if proposal.protocol == protocol:
                for group in groups(proposal):
                    if (group is not None) == with_ke:
                        yield from suites(proposal, group)

    def ah_suites(self, group: int | None) -> Iterator[ChildSuite]:
        """Our suites for AH around ESP. The ESP proposals alone decide on PFS."""
        for proposal in self.ah:
            yield from suites(proposal, group)


def pfs_group(proposals: Sequence[Proposal]) -> int | None:
    """The group to offer, None for no PFS.

    All transforms of one Quick Mode have the same group, or all have none. So where our first proposal says that PFS
    may be left out (`none`) we leave it out: a peer without PFS could not choose anything else.
    """
    ours = groups(proposals[0])
    return None if None in ours else ours[0]
