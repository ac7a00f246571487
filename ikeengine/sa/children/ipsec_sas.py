"""The pair of IPsec SAs that a Child SA is in the datapath."""

from __future__ import annotations

from ikeengine.crypto.rng import fraction
from ikeengine.model.marks import NO_MARK
from ikeengine.model.sa import Direction, IpsecSa, Limits, OuterAh, UdpEncap
from ikeengine.model.status import AhPair
from ikeengine.negotiate.truncation import truncated
from ikeengine.sa.children.data import ChildKeys, ChildSa
from ikeengine.sa.context import Context
from ikeengine.sa.ike_sa import IkeSa

RENEW_AT = 0.9
"""Part of a limit of the peer after which we rekey, if our own configuration does not say so before."""


def ipsec_sa(sa: IkeSa, child: ChildSa, direction: Direction, keys: ChildKeys, most: Limits) -> IpsecSa:
    """One direction of a Child SA."""
    inbound = direction is Direction.IN
    config, path, tags = child.config, sa.traffic_path, child.tags
    return IpsecSa(
        direction=direction,
        protocol=child.suite.protocol,
        spi=child.spi_in if inbound else child.spi_out,
        source=path.remote if inbound else path.local,
        destination=path.local if inbound else path.remote,
        mode=child.mode,
        reqid=child.reqid,
        encr=child.suite.encr,
        encr_key=keys.encr_in if inbound else keys.encr_out,
        integ=truncated(child.suite.integ, old=config.sha256_96),
        integ_key=keys.integ_in if inbound else keys.integ_out,
        encap=encap(sa, child, direction),
        esn=child.suite.esn,
        replay_window=config.replay_window,
        limits=most,
        copy_df=config.copy_df,
        copy_ecn=config.copy_ecn,
        copy_dscp=config.copy_dscp,
        cpi=child.cpi_in if inbound else child.cpi_out,
        tfc_padding=child.tfc_padding,
        hw_offload=config.hw_offload,
        mark=(tags.mark_in if config.mark_in_sa else NO_MARK) if inbound else tags.mark_out,
        set_mark=tags.set_mark_in if inbound else tags.set_mark_out,
        if_id=tags.if_id_in if inbound else tags.if_id_out,
        interface=sa.connection.interface_name,
        local_ts=child.local_ts,
        remote_ts=child.remote_ts,
        ah=_outer_ah(child, child.ah, keys, direction) if child.ah is not None else None,
    )


def _outer_ah(child: ChildSa, pair: AhPair, keys: ChildKeys, direction: Direction) -> OuterAh:
    inbound = direction is Direction.IN
    return OuterAh(
        spi=pair.spi_in if inbound else pair.spi_out,
        integ=truncated(pair.suite.integ, old=child.config.sha256_96),
        integ_key=keys.ah_in if inbound else keys.ah_out,
        esn=pair.suite.esn,
    )


def encap(sa: IkeSa, child: ChildSa, direction: Direction) -> UdpEncap | None:
    """The ports of the UDP encapsulation, if there is one (RFC 3948)."""
    if not child.encap:
        return None
    path = sa.traffic_path
    if direction is Direction.IN:
        return UdpEncap(path.remote_port, path.local_port)
    return UdpEncap(path.local_port, path.remote_port)


def limits(ctx: Context, child: ChildSa) -> Limits:
    """When each of the two is to be replaced, and when it ends."""
    config, most = child.config, child.most_bytes
    soft = _soft(ctx, config.rekey_bytes, config.rand_bytes)
    return Limits(
        soft_bytes=_least(soft, int(most * RENEW_AT)),
        hard_bytes=_least(config.life_bytes, most),
        soft_packets=_soft(ctx, config.rekey_packets, config.rand_packets),
        hard_packets=config.life_packets,
        # Twice the lifetime: the kernel drops the SA only if the daemon did not.
        hard_seconds=int(2 * config.life_time),
    )


def _least(ours: int, peers: int) -> int:
    """The smaller of two limits, where 0 is none."""
    return min(ours, peers) if ours and peers else ours or peers


def _soft(ctx: Context, limit: int, rand: int) -> int:
    """A volume after which to rekey, less a random part, so that not all Child SAs are rekeyed at once."""
    return max(1, limit - int(rand * fraction(ctx.rng))) if limit else 0
