"""Finds out whether the kernel has ESP, by adding a throw-away state and deleting it at once."""

from __future__ import annotations

import errno
import secrets

from ikeengine.datapath.netlink import NLM_F_CREATE, NLM_F_EXCL, NetlinkError, NetlinkSocket
from ikeengine.datapath.xfrm.constants import XfrmMsg
from ikeengine.datapath.xfrm.state import write_state, write_state_id
from ikeengine.errors import DatapathError
from ikeengine.model.connection import Mode
from ikeengine.model.proposal import Transform
from ikeengine.model.sa import Direction, IpsecSa, Limits
from ikeengine.model.secret import Secret
from ikeengine.registry import EncrId, IntegId, Protocol, TransformType

_SMALLEST_SPI = 256
"""Smaller SPIs are reserved (RFC 4303 section 2.1)."""


def check_esp(kernel: NetlinkSocket) -> None:
    """Raises DatapathError if the kernel cannot do ESP tunnels with AES-CBC and HMAC-SHA-256, or we may not."""
    probe = _throw_away_sa()
    try:
        kernel.request(XfrmMsg.NEWSA, write_state(probe), NLM_F_CREATE | NLM_F_EXCL)
        kernel.request(XfrmMsg.DELSA, write_state_id(probe.id))
    except NetlinkError as error:
        if error.code == errno.EPERM:
            raise DatapathError(f"the kernel's IPsec needs CAP_NET_ADMIN ({error})") from error
        raise DatapathError(f"the kernel has no usable ESP ({error})") from error


def _throw_away_sa() -> IpsecSa:
    """Between documentation addresses (RFC 5737), and gone after a second even if nobody deletes it."""
    return IpsecSa(
        direction=Direction.OUT,
        protocol=Protocol.ESP,
        spi=_SMALLEST_SPI + secrets.randbelow(2**32 - _SMALLEST_SPI),
        source="192.0.2.1",
        destination="192.0.2.2",
        mode=Mode.TUNNEL,
        reqid=0,
        encr=Transform(TransformType.ENCR, EncrId.AES_CBC, 128),
        encr_key=Secret(secrets.token_bytes(16)),
        integ=Transform(TransformType.INTEG, IntegId.HMAC_SHA2_256_128),
        integ_key=Secret(secrets.token_bytes(32)),
        limits=Limits(hard_seconds=1),
    )
