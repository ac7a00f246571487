"""The TUN device: packets of the host for the tunnel, and of the tunnel for the host."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from struct import Struct

from ikeengine.datapath.userspace.raw import BATCH
from ikeengine.datapath.userspace.rtnetlink import RouteSocket
from ikeengine.errors import DatapathError

QUEUE_LENGTH = 1000
"""Packets that the kernel keeps for us before it drops some."""

_TUN = "/dev/net/tun"
_TUNSETIFF = 0x400454CA
_TUNSETPERSIST = 0x400454CB
_IFF_TUN = 0x0001
_IFF_NAPI = 0x0010
_IFF_NO_PI = 0x1000
_IFF_TUN_EXCL = 0x8000
_REQUEST = Struct("16sH22x")
_LONGEST_NAME = 15
_BIGGEST = 65535
_GRO_FLUSH_NANOSECONDS = 20_000


class TunDevice:
    """One TUN device without addresses. It goes away, with its routes, when it is closed or the process ends."""

    def __init__(self, name: str, mtu: int, routes: RouteSocket, *, replace: bool = True) -> None:
        """Create the device and set it up; `replace` removes one that is there already but unused. DatapathError."""
        self.name = name
        self.mtu = mtu
        self.fd = _open(name, replace=replace)
        try:
            _disable_link_local_addresses(name)
            _receive_in_bulk(name)
            self.index: int = routes.call(lambda ip: ip.link_lookup(ifname=name))[0]
            routes.call(lambda ip: ip.link("set", index=self.index, mtu=mtu, txqlen=QUEUE_LENGTH, state="up"))
        except DatapathError:
            os.close(self.fd)
            raise

    def close(self) -> None:
        """Remove the device."""
        os.close(self.fd)


def drain(fd: int, process: Callable[[bytes], None]) -> None:
    """Process the packets that are there now, `BATCH` at most. Raises OSError if the device is gone."""
    for _unused in range(BATCH):
        try:
            packet = os.read(fd, _BIGGEST)
        except BlockingIOError:
            return
        process(packet)


def _open(name: str, *, replace: bool) -> int:
    if not 0 < len(name.encode()) <= _LONGEST_NAME:
        raise DatapathError(f"`{name}` cannot be the name of a network device")
    try:
        try:
            return _create(name)
        except OSError as error:
            if error.errno != errno.EBUSY or not replace:
                raise
        _remove_abandoned(name)
        return _create(name)
    except OSError as error:
        raise DatapathError(f"cannot create the TUN device {name}: {error.strerror}") from error


def _create(name: str) -> int:
    try:
        return _attach(name, _IFF_TUN_EXCL | _IFF_NAPI)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    return _attach(name, _IFF_TUN_EXCL)  # Linux before 4.15


def _remove_abandoned(name: str) -> None:
    """Remove a device of our name that a predecessor made persistent. Raises OSError if somebody has it open."""
    fd = _attach(name, 0)
    fcntl.ioctl(fd, _TUNSETPERSIST, 0)
    os.close(fd)


def _attach(name: str, flags: int) -> int:
    fd = os.open(_TUN, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.ioctl(fd, _TUNSETIFF, _REQUEST.pack(name.encode(), _IFF_TUN | _IFF_NO_PI | flags))
    except OSError:
        os.close(fd)
        raise
    return fd


def _disable_link_local_addresses(name: str) -> None:
    """Nobody answers IPv6 neighbour chatter here. Where there is no IPv6, there is no such switch either."""
    with contextlib.suppress(OSError):
        Path(f"/proc/sys/net/ipv6/conf/{name}/addr_gen_mode").write_text("1")


def _receive_in_bulk(name: str) -> None:
    """Let a kernel thread take what we write, and join TCP segments first (Linux 5.12).

    Otherwise each write runs the host's whole IP and TCP stack inside our system call.
    """
    with contextlib.suppress(OSError):
        Path(f"/sys/class/net/{name}/gro_flush_timeout").write_text(str(_GRO_FLUSH_NANOSECONDS))
        Path(f"/sys/class/net/{name}/threaded").write_text("1")
