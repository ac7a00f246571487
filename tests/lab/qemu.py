"""A kernel that has XFRM interfaces: Debian's cloud kernel in qemu, on the host's own file system (virtiofs).

The processor is emulated, so everything takes some thirty times as long as outside; it needs no virtualization of the
machine. Kernel and busybox are only unpacked (`tests/lab/provision.sh kernel`), never installed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.lab.guest import Guest, GuestResult
from tests.lab.netns import wait_until

KERNEL = "qemu-system-x86_64"
PACKAGES = "qemu-system-x86 kmod iproute2 iputils-ping"
UNPACKED = Path(__file__).resolve().parents[2] / ".build" / "kernel"
MODULES = UNPACKED / "lib" / "modules"
FILE_SERVERS = (Path("/usr/lib/qemu/virtiofsd"), Path("/usr/libexec/virtiofsd"))
DRIVERS = ("virtio_pci", "virtiofs")
"""What must be loaded to see the host's files; everything else is loaded from there."""

MEMORY = "1024M"
TAG = "host"
NICE = -10
"""More of the CPUs than others get: its clock is that of the world, and tests wait for some seconds only."""

_INIT = f"""#!/bin/busybox sh
busybox() {{ /bin/busybox "$@"; }}
busybox mount -t devtmpfs dev /dev
for driver in /drivers/*; do busybox insmod "$driver"; done
busybox mount -t virtiofs {TAG} /root
busybox mount -o move /dev /root/dev
exec /bin/busybox switch_root /root "$GUEST_DIRECTORY/init"
"""


def missing() -> str:
    """Why no kernel can be booted here; empty if one can."""
    if os.geteuid() != 0:
        return "sharing the host's files with qemu needs root"
    absent = [program for program in (KERNEL, "modprobe", "ip", "ping") if shutil.which(program) is None]
    if not any(server.exists() for server in FILE_SERVERS):
        absent.append("virtiofsd")
    if absent:
        return f"missing {', '.join(absent)}: apt-get install {PACKAGES}"
    if not list(UNPACKED.glob("boot/vmlinuz-*")):
        return f"no kernel below {UNPACKED}: tests/lab/provision.sh kernel {UNPACKED}"
    return ""


def run(
    command: Sequence[str],
    directory: Path,
    *,
    environment: Mapping[str, str] | None = None,
    working_directory: Path | None = None,
    timeout: float = 600,
) -> GuestResult:
    """Boot a kernel, run one command as root, and halt. `directory` takes the files of this run."""
    guest = Guest(directory, MODULES, timeout)
    guest.prepare(command, environment or {}, working_directory or Path.cwd())
    (image,) = UNPACKED.glob("boot/vmlinuz-*")
    archive = directory / "initramfs"
    archive.write_bytes(_initramfs(image.name.removeprefix("vmlinuz-")))
    # Without randomization qemu translates the code of a program once and not for each process again.
    append = ["console=ttyS0", "quiet", "panic=-1", "edd=off", "no_timer_check"]
    append += ["mitigations=off", "nokaslr", "norandmaps"]
    with _file_server() as socket:
        return guest.boot([
            KERNEL, "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-serial", "stdio",
            "-machine", "q35", "-accel", "tcg,tb-size=512", "-cpu", "max",
            "-m", MEMORY, "-object", f"memory-backend-memfd,id=memory,size={MEMORY},share=on",
            "-numa", "node,memdev=memory", "-chardev", f"socket,id=files,path={socket}",
            "-device", f"vhost-user-fs-pci,chardev=files,tag={TAG},queue-size=1024",
            "-kernel", str(image), "-initrd", str(archive), "-append", " ".join([*append, *guest.kernel_arguments()]),
        ], nice=NICE)  # fmt: skip


@contextmanager
def _file_server() -> Iterator[Path]:
    """Shares the root of the host's file system at a socket."""
    program = next(server for server in FILE_SERVERS if server.exists())
    with tempfile.TemporaryDirectory(prefix="ikeengine-files-") as directory:
        socket = Path(directory, "socket")
        arguments = [f"--socket-path={socket}", "-o", "source=/,cache=always,sandbox=chroot,log_level=warn", "-f"]
        server = subprocess.Popen([program, *arguments], stderr=subprocess.DEVNULL)
        try:
            wait_until(lambda: socket.exists() or server.poll() is not None)
            yield socket
        finally:
            server.kill()
            server.wait()


def _initramfs(version: str) -> bytes:
    """The first file system: busybox and the drivers that lead to the second one."""
    archive = b"".join(_entry(name, 0o40755) for name in ("bin", "dev", "drivers", "root"))
    archive += _entry("bin/busybox", 0o100755, (UNPACKED / "bin" / "busybox").read_bytes())
    for number, driver in enumerate(_drivers(version)):
        archive += _entry(f"drivers/{number:02}", 0o100644, driver.read_bytes())
    return archive + _entry("init", 0o100755, _INIT.encode()) + _entry("TRAILER!!!", 0)


def _drivers(version: str) -> list[Path]:
    """The files of the drivers and of what they need, in the order of their loading."""
    command = ["modprobe", "-d", str(UNPACKED), "-S", version, "--show-depends"]
    outputs = [subprocess.run([*command, name], capture_output=True, text=True, check=True).stdout for name in DRIVERS]
    lines = [line.split() for output in outputs for line in output.splitlines()]
    return list(dict.fromkeys(Path(words[1]) for words in lines if words[0] == "insmod"))


def _entry(name: str, mode: int, content: bytes = b"") -> bytes:
    """One file of a cpio archive in the format `newc`."""
    numbers = (0, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0)
    header = b"070701" + b"".join(b"%08x" % number for number in numbers) + name.encode() + b"\0"
    return b"".join(part + bytes(-len(part) % 4) for part in (header, content))
