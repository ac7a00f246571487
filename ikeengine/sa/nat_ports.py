"""The NAT-T ports (RFC 3948 section 2.2)."""

from __future__ import annotations

from ikeengine.model.connection import EngineSettings
from ikeengine.model.path import IKE_PORT, NAT_T_PORT, Path


def nat_t_path(settings: EngineSettings, path: Path) -> Path:
    """The path with the NAT-T ports in the place of the usual ones; ports of one's own are left alone."""
    local_port = settings.port_nat_t if path.local_port == settings.port else path.local_port
    remote_port = NAT_T_PORT if path.remote_port == IKE_PORT else path.remote_port
    return Path(path.local, local_port, path.remote, remote_port)
