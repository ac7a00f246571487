"""The notifies that go with a Child SA: transport mode, IPComp, padding (RFC 7296 sections 1.3.1, 2.22 and 3.10.1)."""

from __future__ import annotations

from ikeengine.ikev2.messages.received import Received
from ikeengine.model.connection import ChildConfig, Mode
from ikeengine.registry import NotifyType
from ikeengine.sa.children.cpi import CPI_OCTETS, FIRST_CPI, LAST_CPI
from ikeengine.wire.payloads import Notify

IPCOMP_DEFLATE = 2
"""The only transform that anybody uses (RFC 2394); 1 is OUI, 3 is LZS."""


def child_notifies(mode: Mode, cpi: int) -> list[Notify]:
    """What an offer or an answer says about a Child SA beside its payloads. `cpi` is our own, 0 without IPComp."""
    notifies = []
    if cpi:
        notifies.append(Notify(NotifyType.IPCOMP_SUPPORTED, cpi.to_bytes(CPI_OCTETS, "big") + bytes([IPCOMP_DEFLATE])))
    if mode is Mode.TRANSPORT:
        notifies.append(Notify(NotifyType.USE_TRANSPORT_MODE))
        # Nothing in a transport mode packet tells where it ends and padding begins (RFC 4303 section 2.7).
        notifies.append(Notify(NotifyType.ESP_TFC_PADDING_NOT_SUPPORTED))
    return notifies


def peer_cpi(message: Received) -> int:
    """The peer's CPI for DEFLATE, 0 if it offers none. Of several offers the first that we know counts."""
    for notify in message.all(Notify):
        if notify.kind == NotifyType.IPCOMP_SUPPORTED and notify.data[CPI_OCTETS:] == bytes([IPCOMP_DEFLATE]):
            cpi = int.from_bytes(notify.data[:CPI_OCTETS], "big")
            if FIRST_CPI <= cpi <= LAST_CPI:
                return cpi
    return 0


def allowed_padding(config: ChildConfig, mode: Mode, message: Received) -> int:
    """Traffic flow confidentiality padding that we may send."""
    refused = message.notify(NotifyType.ESP_TFC_PADDING_NOT_SUPPORTED) is not None
    return 0 if refused or mode is Mode.TRANSPORT else config.tfc_padding
