"""What both sides of Quick Mode do alike: what they want, the keys, the lifetime (RFC 2409 section 5.5)."""

from __future__ import annotations

from dataclasses import replace

from ikeengine.crypto.keymat import ChildKeyMaterial
from ikeengine.errors import NoProposalChosen
from ikeengine.ikev1.keys.keymat import QuickModeSeed, child_keys
from ikeengine.ikev1.proposals.child import Choice
from ikeengine.ikev1.proposals.lifetime import lifetime
from ikeengine.ikev1.proposals.modes import Encapsulation
from ikeengine.ikev1.proposals.wishes import Spis, Wishes
from ikeengine.ikev1.sa import IkeSa
from ikeengine.ikev1.wire.numbers import PayloadType
from ikeengine.model.connection import ChildConfig, Mode
from ikeengine.model.proposal import ChildSuite
from ikeengine.model.status import AhPair
from ikeengine.registry import Protocol
from ikeengine.sa.children.cpi import CPI_OCTETS, new_cpi
from ikeengine.sa.children.data import ChildKeys
from ikeengine.sa.context import Context

SPI_OCTETS = 4


class AhBehindNat(NoProposalChosen):
    """A child wants AH, and there is a NAT between the peers (RFC 3947 section 5.1)."""

    def __init__(self, child: str) -> None:
        super().__init__("AH cannot pass the NAT between the peers; use ESP")
        self.child = child


def check_nat(sa: IkeSa, config: ChildConfig) -> None:
    """Raises AhBehindNat for a child that cannot be on this ISAKMP SA."""
    uses_ah = any(proposal.protocol == Protocol.AH for proposal in (*config.esp_proposals, *config.ah_proposals))
    if uses_ah and sa.uses_nat_t:
        raise AhBehindNat(config.name)


def wishes(sa: IkeSa, config: ChildConfig) -> Wishes:
    """What a child wants, on this ISAKMP SA."""
    mode = Mode.TRANSPORT if config.mode is Mode.TRANSPORT else Mode.TUNNEL
    variant = sa.nat_traversal
    return Wishes(
        proposals=config.esp_proposals,
        encapsulation=Encapsulation(mode, udp=sa.uses_nat_t),
        life=lifetime(config.life_time, config.life_bytes),
        ah=config.ah_proposals,
        ipcomp=config.ipcomp,
        draft=variant is not None and variant.nat_d is PayloadType.NAT_D_DRAFT,
    )


def keys(sa: IkeSa, choice: Choice, seed: QuickModeSeed, spi_in: int, *, is_initiator: bool) -> ChildKeys:
    """The keys of a Child SA. In a bundle each protocol has its own KEYMAT. Raises NoProposalChosen for a bad SPI."""
    first, *around = (
        _pair_keys(sa, suite, seed, (spi_in, spi_of(octets)), is_initiator=is_initiator)
        for suite, octets in zip(choice.suites, choice.peer_spis, strict=True)
    )
    return replace(first, ah_in=around[0].integ_in, ah_out=around[0].integ_out) if around else first


def ah_around(choice: Choice, spi_in: int) -> AhPair | None:
    """The AH of a bundle; None if there is only one protocol."""
    _main, *around = zip(choice.suites, choice.peer_spis, strict=True)
    return AhPair(around[0][0], spi_in, spi_of(around[0][1])) if around else None


def _pair_keys(
    sa: IkeSa, suite: ChildSuite, seed: QuickModeSeed, spis: tuple[int, int], *, is_initiator: bool
) -> ChildKeys:
    """The keys of a pair of SAs. `spis` are in and out."""
    own, peers = (spi.to_bytes(SPI_OCTETS, "big") for spi in spis)
    skeyid_d = sa.keyring.keys.skeyid_d
    if is_initiator:
        made = child_keys(sa.prf_id, skeyid_d, suite, seed, own, peers)
        return ChildKeys(made.encr_r, made.integ_r, made.encr_i, made.integ_i)
    made = child_keys(sa.prf_id, skeyid_d, suite, seed, peers, own)
    return _of_responder(made)


def _of_responder(made: ChildKeyMaterial) -> ChildKeys:
    return ChildKeys(made.encr_i, made.integ_i, made.encr_r, made.integ_r)


def own_spis(ctx: Context, config: ChildConfig, spi_in: int) -> tuple[Spis, int]:
    """Our numbers for every protocol that may be chosen, and the CPI among them, 0 without compression.

    AH around ESP has the same SPI: only SAs of the same protocol must differ in it (RFC 2401 section 4.1).
    """
    octets = spi_in.to_bytes(SPI_OCTETS, "big")
    cpi = new_cpi(ctx) if config.ipcomp else 0
    return {Protocol.ESP: octets, Protocol.AH: octets, Protocol.IPCOMP: cpi.to_bytes(CPI_OCTETS, "big")}, cpi


def spi_of(octets: bytes) -> int:
    """The SPI of a peer. Raises NoProposalChosen for one that cannot be used."""
    spi = int.from_bytes(octets, "big")
    if len(octets) != SPI_OCTETS or spi == 0:
        raise NoProposalChosen(f"the SPI of the peer's proposal is not {SPI_OCTETS} octets or is zero")
    return spi
