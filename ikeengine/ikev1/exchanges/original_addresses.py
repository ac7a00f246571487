"""NAT-OA payloads of Quick Mode, for transport mode through a NAT (RFC 3947 section 5.2).

Both sides tell the addresses as they know them. Ours are sent because peers want them to correct the checksums of
packets; on this host those that come in UDP are right without (RFC 3948 section 3.1.2).
"""

from __future__ import annotations

from ikeengine.ikev1.proposals.modes import Encapsulation
from ikeengine.ikev1.sa import IkeSa
from ikeengine.ikev1.wire.payloads import NatOa
from ikeengine.model.connection import Mode
from ikeengine.model.path import packed


def original_addresses(sa: IkeSa, encapsulation: Encapsulation, *, is_initiator: bool) -> list[NatOa]:
    """NAT-OAi and NAT-OAr; `is_initiator` says whether we have begun the Quick Mode."""
    variant = sa.nat_traversal
    if variant is None or encapsulation != Encapsulation(Mode.TRANSPORT, udp=True):
        return []
    addresses = sa.path.local, sa.path.remote
    return [NatOa(packed(address), variant.nat_oa) for address in (addresses if is_initiator else addresses[::-1])]
