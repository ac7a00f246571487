"""Cisco's own UDP encapsulation: a client asks for a port by mode config (UDP_NATT_PORT), and sends its ESP there.

It is no NAT traversal (RFC 3947): IKE stays at its port, Quick Mode says nothing of it, and the client's port is not
known before its first packet. The packets are those of RFC 3948, so our port for NAT traversal is the one to name.
"""

from __future__ import annotations

from collections.abc import Iterable

from ikeengine.ikev1.sa import IkeSa
from ikeengine.ikev1.wire.attributes import Attribute
from ikeengine.model.commands import NatMappingChanged
from ikeengine.model.path import Path
from ikeengine.outputs import LogLine
from ikeengine.registry import CpAttribute
from ikeengine.sa.children import child as child_sa
from ikeengine.sa.context import Context

CLIENT_PORT = 10000
"""Where clients send from, unless they are configured otherwise or a NAT changes it."""


def tell_port(ctx: Context, sa: IkeSa, asked: Iterable[Attribute]) -> tuple[Attribute, ...]:
    """The port, if the client asks for one, as only those do that will use it. NAT traversal needs none."""
    wanted = any(attribute.kind == CpAttribute.UNITY_NATT_PORT for attribute in asked)
    if not wanted or sa.uses_nat_t:
        return ()
    port = ctx.settings.port_nat_t
    if sa.cisco_udp is None:
        sa.cisco_udp = Path(sa.path.local, port, sa.path.remote, CLIENT_PORT)
        ctx.emit(LogLine(1, "IKE", f"the client sends ESP within UDP to port {port}", sa.name, sa.unique_id))
    return (Attribute(CpAttribute.UNITY_NATT_PORT, port),)


def follow(ctx: Context, sa: IkeSa, event: NatMappingChanged) -> None:
    """The client's packets, which are authentic, come from another port than we thought, or from another address."""
    if sa.cisco_udp is not None:
        sa.cisco_udp = sa.cisco_udp._replace(remote=event.address, remote_port=event.port)
        for child in list(sa.children.values()):
            child_sa.update_path(ctx, sa, child)
