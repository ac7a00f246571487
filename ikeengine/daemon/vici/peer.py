"""Who may use the control socket: root, the user we run as, and members of the socket's group (SO_PEERCRED)."""

from __future__ import annotations

import os
import socket
import struct

from ikeengine.model.immutable import immutable

_UCRED = struct.Struct("=iII")
_GID = struct.Struct("=I")
_SO_PEERGROUPS = 59
_GROUPS_SPACE = 1024
"""Octets: the most that Python asks the kernel for, enough for 256 groups."""


@immutable
class Peer:
    """The process at the other end, as the kernel knows it since it connected."""

    pid: int
    uid: int
    gids: frozenset[int]

    def __str__(self) -> str:
        return f"uid {self.uid} pid {self.pid}"


def peer_of(sock: socket.socket) -> Peer:
    """The process that connected a unix socket. Raises OSError."""
    pid, uid, gid = _UCRED.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    return Peer(pid, uid, frozenset({gid, *_supplementary_groups(sock)}))


def _supplementary_groups(sock: socket.socket) -> list[int]:
    try:
        groups = sock.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, _GROUPS_SPACE)
    except OSError:
        # More than 256 groups: then only the primary one counts.
        return []
    return [group for (group,) in _GID.iter_unpack(groups)]


def may_control(peer: Peer, socket_group: int) -> bool:
    """Whether this process may use a control socket that belongs to `socket_group`."""
    return peer.uid in (0, os.geteuid()) or socket_group in peer.gids
