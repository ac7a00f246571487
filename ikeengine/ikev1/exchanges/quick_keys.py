"""What both sides of Quick Mode do alike: what they want, the keys, the lifetime (RFC 2409 section 5.5)."""

from __future__ import annotations

from ikeengine.crypto.keymat import ChildKeyMaterial
from ikeengine.errors import NoProposalChosen
from ikeengine.ikev1.keys.keymat import QuickModeSeed, child_keys
from ikeengine.ikev1.proposals.lifetime import lifetime
from ikeengine.ikev1.proposals.modes import Encapsulation
from ikeengine.ikev1.proposals.wishes import Spis, Wishes
from ikeengine.ikev1.sa import IkeSa
from ikeengine.ikev1.wire.numbers import PayloadType
from ikeengine.model.connection import ChildConfig, Mode
from ikeengine.model.proposal import ChildSuite
from ikeengine.registry import Protocol
from ikeengine.sa.children.child import ChildKeys
from ikeengine.sa.children.cpi import CPI_OCTETS, new_cpi
from ikeengine.sa.context import Context

SPI_OCTETS = 4


def wishes(sa: IkeSa, config: ChildConfig) -> Wishes:
    """What a child wants, on this ISAKMP SA. Raises NoProposalChosen for AH through a NAT (RFC 3947 section 5.1)."""
    uses_ah = any(proposal.protocol == Protocol.AH for proposal in config.esp_proposals)
    if uses_ah and (sa.nat_local or sa.nat_remote):
        raise NoProposalChosen("AH cannot pass the NAT between the peers; use ESP")
    mode = Mode.TRANSPORT if config.mode is Mode.TRANSPORT else Mode.TUNNEL
    variant = sa.nat_traversal
    return Wishes(
        proposals=config.esp_proposals,
        encapsulation=Encapsulation(mode, udp=sa.uses_nat_t),
        life=lifetime(config.life_time, config.life_bytes),
        ipcomp=config.ipcomp,
        draft=variant is not None and variant.nat_d is PayloadType.NAT_D_DRAFT,
    )


def keys(sa: IkeSa, suite: ChildSuite, seed: QuickModeSeed, spis: tuple[int, int], *, is_initiator: bool) -> ChildKeys:
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
    """Our numbers for every protocol that may be chosen, and the CPI among them, 0 without compression."""
    octets = spi_in.to_bytes(SPI_OCTETS, "big")
    cpi = new_cpi(ctx) if config.ipcomp else 0
    return {Protocol.ESP: octets, Protocol.AH: octets, Protocol.IPCOMP: cpi.to_bytes(CPI_OCTETS, "big")}, cpi


def spi_of(octets: bytes) -> int:
    """The SPI of a peer. Raises NoProposalChosen for one that cannot be used."""
    spi = int.from_bytes(octets, "big")
    if len(octets) != SPI_OCTETS or spi == 0:
        raise NoProposalChosen(f"the SPI of the peer's proposal is not {SPI_OCTETS} octets or is zero")
    return spi
