"""SAs and policies that the tests of the kernel datapath use."""

from __future__ import annotations

from ipaddress import ip_network

from ikeengine.model.connection import Mode
from ikeengine.model.path import packed
from ikeengine.model.proposal import Transform
from ikeengine.model.sa import Direction, IpsecSa, PolicyAction, PolicySet
from ikeengine.model.secret import Secret
from ikeengine.model.selector import TrafficSelector
from ikeengine.registry import EncrId, IntegId, Protocol, TransformType

LEFT, RIGHT = "192.0.2.1", "192.0.2.2"
AES_CBC = Transform(TransformType.ENCR, EncrId.AES_CBC, 128)
AES_GCM = Transform(TransformType.ENCR, EncrId.AES_GCM_16, 128)
SHA256 = Transform(TransformType.INTEG, IntegId.HMAC_SHA2_256_128)


def ts(network: str, protocol: int = 0, first_port: int = 0, last_port: int = 65535) -> TrafficSelector:
    net = ip_network(network)
    return TrafficSelector(packed(str(net[0])), packed(str(net[-1])), protocol, first_port, last_port)


def sa(spi: int = 0x1000, **fields) -> IpsecSa:
    given = {
        "direction": Direction.OUT,
        "protocol": Protocol.ESP,
        "source": LEFT,
        "destination": RIGHT,
        "mode": Mode.TUNNEL,
        "reqid": 1,
        "encr": AES_GCM,
        "encr_key": Secret(bytes(range(20))),
        **fields,
    }
    return IpsecSa(spi=spi, **given)


def cbc(spi: int = 0x1000, **fields) -> IpsecSa:
    given = {"encr": AES_CBC, "encr_key": Secret(b"E" * 16), "integ": SHA256, "integ_key": Secret(b"I" * 32), **fields}
    return sa(spi, **given)


def protect(owner: int = 1, network: str = "10.2.0.0/16", **fields) -> PolicySet:
    given = {
        "action": PolicyAction.PROTECT,
        "local_ts": (ts("10.1.0.0/16"),),
        "remote_ts": (ts(network),),
        "reqid": 1,
        "local": LEFT,
        "remote": RIGHT,
        **fields,
    }
    return PolicySet(owner, **given)
