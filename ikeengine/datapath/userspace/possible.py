"""What the userspace datapath cannot do."""

from __future__ import annotations

from ikeengine.errors import DatapathError
from ikeengine.model.sa import IpsecSa
from ikeengine.registry import Protocol


def check_possible(sa: IpsecSa) -> None:
    """Raises DatapathError for what only a kernel can do, and for what nobody can."""
    if sa.outermost.protocol is Protocol.AH and sa.encap is not None:
        raise DatapathError("AH cannot pass a NAT: it covers the addresses, and there is no UDP encapsulation for it")
    if sa.mark or sa.set_mark or (sa.if_id and not sa.interface):
        raise DatapathError("the userspace datapath knows no Netfilter marks, and no interface IDs without `interface`")
    if sa.hw_offload not in ("no", "auto"):
        raise DatapathError("the userspace datapath has no hardware offload; `hw_offload: auto` does without")
