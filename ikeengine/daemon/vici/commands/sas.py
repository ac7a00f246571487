"""list-sas."""

from __future__ import annotations

from ikeengine.daemon.vici.messages import Section, sa_section
from ikeengine.daemon.vici.request import Handler, Request
from ikeengine.model.status import ChildStatus, IkeStatus


async def list_sas(request: Request) -> Section:
    """Stream IKE SAs as `list-sa` events. Filters: ike, ike-id, child, child-id. We never block, so noblock is void."""
    ike, ike_id = request.text("ike"), request.number("ike-id")
    child, child_id = request.text("child"), request.number("child-id")
    service = request.control.service
    for status in service.core.status():
        if ike not in ("", status.name) or ike_id not in (0, status.unique_id):
            continue
        children = _children(status, child, child_id)
        if children or not (child or child_id):
            await request.session.stream("list-sa", sa_section(status, children, service.usage, service.now()))
    return {}


def _children(status: IkeStatus, child: str, child_id: int) -> list[ChildStatus]:
    return [c for c in status.children if child in ("", c.name) and child_id in (0, c.unique_id)]


COMMANDS: dict[str, Handler] = {"list-sas": list_sas}
