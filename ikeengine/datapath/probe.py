"""Chooses the datapath of this host (design D9)."""

from __future__ import annotations

import logging
import pathlib

from ikeengine.datapath.base import Datapath
from ikeengine.datapath.netlink import NETLINK_XFRM, NetlinkSocket
from ikeengine.datapath.none import NoDatapath
from ikeengine.datapath.userspace.datapath import UserspaceDatapath
from ikeengine.datapath.userspace.settings import UserspaceSettings
from ikeengine.datapath.xfrm.datapath import XfrmDatapath
from ikeengine.datapath.xfrm.esp_check import check_esp
from ikeengine.errors import DatapathError, LocalMisuse
from ikeengine.model.path import IKE_PORT, NAT_T_PORT

log = logging.getLogger(__name__)

NAMES = ("auto", "xfrm", "userspace", "none")
"""What `engine.datapath` may be."""


def choose(
    name: str,
    *,
    journal: pathlib.Path | None = None,
    install_routes: bool = True,
    ike_ports: tuple[int, ...] = (IKE_PORT, NAT_T_PORT),
) -> Datapath:
    """The datapath of that name, not started. `auto` takes the kernel's ESP if there is one, else the userspace.

    `journal` is a file in the run directory for what must be cleaned up after a crash; on `ike_ports` the daemon
    listens. Raises LocalMisuse for a name
    that does not exist.
    """
    if name == "none":
        return NoDatapath()
    if name == "userspace":
        return UserspaceDatapath(UserspaceSettings(ike_ports=ike_ports))
    if name == "xfrm" or (name == "auto" and kernel_has_esp()):
        return XfrmDatapath(journal=journal, install_routes=install_routes)
    if name == "auto":
        return UserspaceDatapath(UserspaceSettings(ike_ports=ike_ports))
    raise LocalMisuse(f"there is no datapath {name!r}, only {', '.join(NAMES)}")


def kernel_has_esp() -> bool:
    """Whether the kernel takes ESP SAs from us."""
    try:
        with NetlinkSocket(NETLINK_XFRM) as kernel:
            check_esp(kernel)
    except DatapathError as error:
        log.info("packets will be protected in userspace: %s", error)
        return False
    return True
