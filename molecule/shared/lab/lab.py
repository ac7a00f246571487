"""Gateways for a scenario: containers with a systemd of their own on the /usr of this machine, without any image.
A description can give a host the root directory of another distribution (`images`), of which it gets a copy in memory.

    lab.py create ROOT <DESCRIPTION     boots them all at once and waits until they are up
    lab.py rebuild ROOT HOST            replaces one by a new one, with nothing of what was on it
    lab.py destroy ROOT JOURNALS        takes them down, and keeps what their daemons wrote in the directory JOURNALS

Each gateway is a systemd-nspawn container in a network namespace; one more namespace with a bridge connects them. Under
ROOT, which they all see under the same path, each has a directory with `python3`, the interpreter for Ansible.
"""

import hashlib
import ipaddress
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

from control_groups import control_groups, remove_control_groups, within
from processes import child_of, command_line, inside, is_running, run

HERE = os.path.dirname(os.path.abspath(__file__))
PATIENCE = 180
"""Seconds that the containers may take to boot."""

INOTIFY_INSTANCES = 1024
"""What some tens of containers need."""

# What the machine has installed would start in the containers too. Nobody logs in there: no D-Bus is needed.
MASKED = """
apt-daily-upgrade.timer apt-daily.timer console-getty.service dbus.service dbus.socket dpkg-db-backup.timer
e2scrub_all.timer e2scrub_reap.service exim4.service fstrim.timer getty.target iperf3.service man-db.timer
nftables.service openiked.service postgresql.service ssh.service ssh.socket strongswan-starter.service
strongswan.service systemd-firstboot.service systemd-logind.service systemd-networkd.service
systemd-networkd.socket systemd-resolved.service systemd-timesyncd.service systemd-tmpfiles-clean.timer
systemd-update-utmp.service ufw.service
""".split()


class Lab:
    """The gateways of one scenario. Several labs can exist at once: their names hold a hash of ROOT."""

    def __init__(self, root):
        self.root = root
        self.prefix = f"km{hashlib.sha1(root.encode()).hexdigest()[:6]}-"

    def create(self, description):
        """Connect, boot, and wait."""
        self.destroy()
        hosts = list(description["outside"])
        self._connect(description["outside"], description["inside"])
        for script in ("interpreter.py", "pings.py"):
            shutil.copy(os.path.join(HERE, script), self.root)
        shutil.copytree(
            description["module_utils"],
            os.path.join(self.root, "library", "ansible", "module_utils"),
            ignore=shutil.ignore_patterns("__pycache__", "*.ps1", "*.psm1", "*.cs"),
            dirs_exist_ok=True,
        )
        with open(os.path.join(self.root, "library", "ansible", "__init__.py"), "wb"):
            pass
        allow_inotify_instances(INOTIFY_INSTANCES)
        self._serve_controller(description["module_utils"])
        images = description["images"]
        self._await({host: self._boot(host, description["releases"], images.get(host, "/")) for host in hosts})

    def rebuild(self, host):
        """A new gateway at the same place in the network."""
        self._stop(host, None)
        shutil.rmtree(self._path(host))
        self._await({host: self._boot(host, "", "/")})

    def destroy(self, journals=None):
        """Take down what there is of the lab."""
        names = os.listdir(self.root) if os.path.isdir(self.root) else []
        for host in names:
            if os.path.exists(self._path(host, "leader")):
                self._stop(host, journals)
                remove_control_groups(self.prefix + host)
        for line in run("ip", "netns", "list").splitlines():
            if line.startswith(self.prefix):
                run("ip", "netns", "delete", line.split()[0])
        self._stop_controller()
        for name in names:
            if os.path.isdir(self._path(name)) and name != "inventory":
                shutil.rmtree(self._path(name))

    def _stop_controller(self):
        try:
            with open(self._path("controller", "pid"), encoding="ascii") as file:
                server = int(file.read())
        except FileNotFoundError:
            return
        if self._path("controller") in command_line(server):
            os.kill(server, signal.SIGTERM)

    def _connect(self, outside, inside):
        switch = self.prefix + "switch"
        batch([f"netns add {switch}", *(f"netns add {self.prefix}{host}" for host in outside)])
        batch(["link add wan type bridge", "link set wan up"], switch)
        for number, (host, addresses) in enumerate(outside.items()):
            namespace = self.prefix + host
            batch([f"link add eth0 netns {namespace} type veth peer name port{number}"], switch)
            batch([f"link set port{number} master wan up"], switch)
            batch(
                [
                    *(f"address add {with_length(one)} dev eth0" for one in addresses),
                    *(f"address add {one} dev lo" for one in inner_addresses(inside[host])),
                    "link set eth0 up",
                    "link set lo up",
                ],
                namespace,
            )

    def _boot(self, host, releases, image):
        # Of this machine /usr is used, of another distribution everything, with what is written kept in memory.
        volatile = "yes" if image == "/" else "overlay"
        command = ["systemd-nspawn", f"--directory={image}", f"--volatile={volatile}", "--register=no", "--keep-unit"]
        command += ["--console=read-only", f"--network-namespace-path=/run/netns/{self.prefix}{host}"]
        command += [f"--machine={host}", "--capability=CAP_NET_ADMIN,CAP_NET_RAW", "--bind=/dev/net/tun"]
        os.makedirs(self._path(host, "tmp"))
        if releases:
            # Links, so that a gateway that removes or adds a release does not change what the others have.
            shutil.copytree(releases, self._path(host, "releases"), symlinks=True, copy_function=link)
            command += [f"--bind={self._path(host, 'releases')}:/opt/ikeengine/releases"]
        command += [f"--bind={self.root}", "--boot", "systemd.firstboot=no", "systemd.unit=multi-user.target"]
        command += [f"systemd.mask={unit}" for unit in MASKED]
        # The containers get the kind of control groups that the machine has.
        unified = "1" if os.path.exists("/sys/fs/cgroup/cgroup.controllers") else "0"
        groups = control_groups(self.prefix + host)
        for group in groups:
            os.makedirs(group, exist_ok=True)
        with open(self._path(host, "console"), "wb") as console:
            return subprocess.Popen(
                within(groups, command),
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                start_new_session=True,
                # Their network is their own, and so are its settings in the kernel.
                env={
                    **os.environ,
                    "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": unified,
                    "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network",
                },
            ).pid

    def _await(self, processes):
        leaders = {
            host: self._wait(host, lambda process=process: child_of(process)) for host, process in processes.items()
        }
        for host, leader in leaders.items():
            self._write(host, "leader", str(leader))
            self._wait(host, lambda leader=leader: is_running(leader))
            # Every host has it; here it would come with the first service that wants a /tmp of its own.
            run(*inside(leader), "mkdir", "--parents", "--mode=1777", "/var/tmp")
            self._serve([*inside(leader), "/usr/bin/python3"], self._path(host, "python"), self._path("library"))
            self._write_interpreter(host, leader)
        for host in leaders:
            self._wait(host, lambda host=host: os.path.exists(self._path(host, "python.socket")))
        self._wait("controller", lambda: os.path.exists(self._path("controller", "python.socket")))

    def _serve_controller(self, module_utils):
        """An interpreter for what a playbook runs on the controller; see bin/controller-python."""
        installed = os.path.dirname(os.path.dirname(module_utils))
        os.makedirs(self._path("controller"))
        server = self._serve([sys.executable], self._path("controller", "python"), installed)
        self._write("controller", "pid", str(server.pid))

    def _serve(self, python, name, library):
        with open(f"{name}.log", "wb") as log:
            return subprocess.Popen(
                [*python, self._path("interpreter.py"), "serve", f"{name}.socket", library],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _write_interpreter(self, host, leader):
        script, socket = self._path("interpreter.py"), self._path(host, "python.socket")
        self._write(host, "python3", f'#!/bin/sh\nexec /usr/bin/python3 -I -S {script} run {socket} "$@"\n', 0o755)
        self._write(host, "enter", f'#!/bin/sh\nexec {" ".join(inside(leader))} "$@"\n', 0o755)

    def _stop(self, host, journals):
        with open(self._path(host, "leader"), encoding="ascii") as file:
            leader = int(file.read())
        if "systemd.unit=multi-user.target" not in command_line(leader):
            return
        if journals:
            os.makedirs(journals, exist_ok=True)
            with open(os.path.join(journals, f"{host}.journal"), "wb") as journal:
                command = [
                    *inside(leader),
                    "journalctl",
                    "--no-pager",
                    "--no-hostname",
                    "--output=short-precise",
                    "-p6",
                ]
                subprocess.run(command, stdout=journal, stderr=subprocess.STDOUT, check=False)
        # With its first process everything in the container goes; nothing in it is worth an orderly shutdown.
        os.kill(leader, signal.SIGKILL)
        self._wait(host, lambda: not command_line(leader))

    def _wait(self, host, condition):
        deadline = time.monotonic() + PATIENCE
        while not (result := condition()):
            if time.monotonic() > deadline:
                sys.exit(f"{host} does not come up:\n{self._tail(host, 'python.log') or self._tail(host, 'console')}")
            time.sleep(0.1)
        return result

    def _tail(self, host, name):
        try:
            with open(self._path(host, name), encoding="utf-8", errors="replace") as file:
                return file.read()[-3000:]
        except FileNotFoundError:
            return ""

    def _path(self, *parts):
        return os.path.join(self.root, *parts)

    def _write(self, host, name, content, mode=0o644):
        with open(self._path(host, name), "w", encoding="utf-8") as file:
            file.write(content)
        os.chmod(self._path(host, name), mode)


def allow_inotify_instances(wanted):
    """The containers share the limit of the machine, which is made for one systemd."""
    limit = pathlib.Path("/proc/sys/fs/inotify/max_user_instances")
    if int(limit.read_text(encoding="ascii")) < wanted:
        limit.write_text(str(wanted), encoding="ascii")


def link(source, target):
    """A hard link, or a copy where the file system cannot have one."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)


def batch(lines, namespace=None):
    """Several commands of ip, in one process."""
    where = ["-netns", namespace] if namespace else []
    run("ip", *where, "-batch", "-", input="\n".join(lines) + "\n")


def with_length(address):
    """All gateways are in one network outside."""
    if "/" in address:
        return address
    return f"{address}/24" if ipaddress.ip_address(address).version == 4 else f"{address}/64 nodad"


def inner_addresses(subnets):
    """An address of the host in each of its networks, which may be a list or lists by mesh."""
    if isinstance(subnets, dict):
        subnets = [one for some in subnets.values() for one in some]
    found = []
    for subnet in subnets:
        interface = ipaddress.ip_interface(subnet)
        network = interface.network
        given = interface.ip != network.network_address or network.num_addresses == 1
        found.append(str(interface.ip if given else network[1]))
    return list(dict.fromkeys(found))


if __name__ == "__main__":
    lab = Lab(sys.argv[2])
    if sys.argv[1] == "create":
        lab.create(json.load(sys.stdin))
    else:
        {"rebuild": lab.rebuild, "destroy": lab.destroy}[sys.argv[1]](sys.argv[3])
