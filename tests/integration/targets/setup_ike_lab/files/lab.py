# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two hosts in network namespaces, each with a daemon that knows two connections to the other one.

a--b has a pre-shared key. a--c has certificates; there the second host calls itself c, and the first one gets a
virtual address of its pool.

lab.py up DIRECTORY ikeengine|strongswan BINARY     the control sockets are DIRECTORY/{a,b}/vici
                                                    and DIRECTORY/{a,b}/python is an interpreter in the host's network
lab.py down DIRECTORY
"""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time
import typing as t

KEY = "0x" + "5c" * 32
CERTIFIED = {"a": "a", "b": "c"}
"""What the hosts call themselves in their certificates."""
NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
POOL = "10.4.0.1-10.4.0.14"
PROPOSAL = "aes256gcm16-prfsha384-x25519"
PLUGINS = (
    "random nonce x509 constraints pubkey pkcs1 pkcs8 pem openssl curve25519 aes sha1 sha2 hmac kdf gcm drbg"
    " kernel-libipsec kernel-netlink socket-default vici counters"
)
CHARON = """
charon-systemd {
  load = %(plugins)s
  plugins { vici { socket = unix://%(directory)s/vici } }
  filelog { log { path = %(directory)s/log } }
}
"""
SWANCTL = """
connections { a--b {
  version = 2
  encap = yes
  local_addrs = %(local)s
  remote_addrs = %(remote)s
  proposals = %(proposal)s
  local { auth = psk
    id = %(id)s }
  remote { auth = psk
    id = %(peer)s }
  children {
    net { local_ts = %(local_net)s
      remote_ts = %(remote_net)s
      esp_proposals = aes256gcm16-x25519 }
    mismatch { local_ts = 10.99.0.0/24
      remote_ts = 10.98.%(number)s.0/24
      esp_proposals = aes256gcm16 }
  }
}
a--c {
  version = 2
  encap = yes
  local_addrs = %(local)s
  remote_addrs = %(remote)s
  proposals = %(proposal)s
  %(address)s
  local { auth = pubkey
    certs = host.pem
    id = %(cert_id)s }
  remote { auth = pubkey
    id = %(cert_peer)s }
  children {
    net { %(address_ts)s
      esp_proposals = aes256gcm16-x25519 }
    mismatch { local_ts = 10.97.0.0/24
      remote_ts = 10.96.%(number)s.0/24
      esp_proposals = aes256gcm16 }
  }
} }
%(pools)s
secrets { ike-a--b { secret = %(key)s } }
"""


def run(*command: t.Union[str, pathlib.Path], **options: t.Any) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)


class Host:
    """One end, C(a) or C(b)."""

    def __init__(self, root: pathlib.Path, name: str) -> None:
        number = {"a": 1, "b": 2}[name]
        other = 3 - number
        self.name = name
        self.directory = root / name
        # Several labs can exist at once.
        self.namespace = f"kl{hashlib.sha256(str(root).encode()).hexdigest()[:6]}{name}"
        self.values = {
            "directory": str(self.directory),
            "number": number,
            "local": f"192.0.2.{number}",
            "remote": f"192.0.2.{other}",
            "id": f"{name}.example",
            "peer": f"{'ab'[other - 1]}.example",
            "local_net": f"10.{number}.0.0/16",
            "remote_net": f"10.{other}.0.0/16",
            "proposal": PROPOSAL,
            "key": KEY,
            "plugins": PLUGINS,
            "cert_id": f"{CERTIFIED[name]}.example",
            "cert_peer": f"{CERTIFIED['ab'[other - 1]]}.example",
            "address": "vips = 0.0.0.0" if name == "a" else "pools = guests",
            "address_ts": "remote_ts = 10.3.0.0/16" if name == "a" else "local_ts = 10.3.0.0/16",
            "pools": f"pools {{ guests {{ addrs = {POOL} }} }}" if name == "b" else "",
        }

    def create(self) -> None:
        self.directory.mkdir(parents=True)
        run("ip", "netns", "add", self.namespace)
        interpreter = self.directory / "python"
        interpreter.write_text(f'#!/bin/sh\nexec ip netns exec {self.namespace} {sys.executable} "$@"\n')
        interpreter.chmod(0o755)

    def address(self) -> None:
        run("ip", "-n", self.namespace, "address", "add", f"{self.values['local']}/24", "dev", "eth0")
        run("ip", "-n", self.namespace, "address", "add", f"10.{self.values['number']}.0.1/32", "dev", "lo")
        if self.name == "b":
            run("ip", "-n", self.namespace, "address", "add", "10.3.0.1/32", "dev", "lo")
        for device in ("lo", "eth0"):
            run("ip", "-n", self.namespace, "link", "set", device, "up")

    def certify(self, authority: pathlib.Path) -> None:
        """A key and a certificate, where swanctl and ikeengine look for them."""
        root = self.directory / "swanctl"
        for name in ("private", "x509", "x509ca"):
            (root / name).mkdir(parents=True)
        key, request, certificate = root / "private/host.key", self.directory / "request", root / "x509/host.pem"
        identity = self.values["cert_id"]
        run("openssl", "req", "-new", *NEW_KEY, "-keyout", key, "-subj", f"/CN={identity}", "-out", request)
        extensions = self.directory / "extensions"
        extensions.write_text(f"subjectAltName=DNS:{identity}\n")
        issuer = ("-CA", authority / "ca.pem", "-CAkey", authority / "ca.key", "-CAcreateserial")
        signed = ("-days", "30", "-extfile", extensions, "-out", certificate)
        run("openssl", "x509", "-req", "-in", request, *issuer, *signed)
        key.chmod(0o600)
        (root / "x509ca/ca.pem").write_bytes((authority / "ca.pem").read_bytes())

    def remove(self) -> None:
        pid_file = self.directory / "pid"
        if pid_file.exists():
            stop(int(pid_file.read_text()))
        subprocess.run(["ip", "netns", "delete", self.namespace], check=False, stderr=subprocess.DEVNULL)

    def start(self, *command: str, **environment: str) -> None:
        with open(self.directory / "output", "wb") as output:
            process = subprocess.Popen(
                ["ip", "netns", "exec", self.namespace, *command],
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        (self.directory / "pid").write_text(str(process.pid))
        self._await_socket(process)

    def _await_socket(self, process: subprocess.Popen) -> None:
        for unused in range(200):
            with socket.socket(socket.AF_UNIX) as client:
                if client.connect_ex(str(self.directory / "vici")) == 0:
                    return
            if process.poll() is not None:
                break
            time.sleep(0.1)
        sys.exit((self.directory / "output").read_text(errors="replace") + "\nthe daemon did not start")


def stop(pid: int) -> None:
    """End a daemon, gently at first."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.kill(pid, number)
            for unused in range(100):
                os.kill(pid, 0)
                time.sleep(0.1)
        except ProcessLookupError:
            return


def start_strongswan(host: Host) -> None:
    settings = host.directory / "strongswan.conf"
    settings.write_text(CHARON % host.values)
    swanctl = host.directory / "swanctl"
    (swanctl / "swanctl.conf").write_text(SWANCTL % host.values)
    host.start("/usr/sbin/charon-systemd", STRONGSWAN_CONF=str(settings))
    environment = {**os.environ, "STRONGSWAN_CONF": str(settings), "SWANCTL_DIR": str(swanctl)}
    uri = f"unix://{host.directory}/vici"
    run("/usr/sbin/swanctl", "--load-all", "--uri", uri, env=environment)


def start_ikeengine(host: Host, binary: str) -> None:
    values = host.values
    config = host.directory / "etc"
    shutil.copytree(host.directory / "swanctl", config)
    (config / "psk").mkdir()
    (config / "psk" / "a--b.psk").write_text(KEY)
    (config / "psk" / "a--b.psk").chmod(0o600)
    # JSON is YAML, and needs no library.
    (config / "engine.yml").write_text(json.dumps({"engine": {"datapath": "userspace"}}))
    connection = {
        "local_addrs": [values["local"]],
        "remote_addrs": [values["remote"]],
        "proposals": [PROPOSAL],
        "local": {"auth": "psk", "id": values["id"]},
        "remote": {"auth": "psk", "id": values["peer"]},
        "children": {
            "net": {
                "local_ts": [values["local_net"]],
                "remote_ts": [values["remote_net"]],
                "esp_proposals": ["aes256gcm16-x25519"],
            },
            "mismatch": {
                "local_ts": ["10.99.0.0/24"],
                "remote_ts": [f"10.98.{values['number']}.0/24"],
                "esp_proposals": ["aes256gcm16"],
            },
        },
    }
    secrets = {
        "ike-a--b": {"file": "psk/a--b.psk", "id": ["a.example", "b.example"]},
        "private-host": {"file": "host.key"},
    }
    first = host.name == "a"
    certified = {
        **connection,
        **({"vips": ["0.0.0.0"]} if first else {"pools": ["guests"]}),
        "local": {"auth": "pubkey", "certs": ["host.pem"], "id": values["cert_id"]},
        "remote": {"auth": "pubkey", "id": values["cert_peer"]},
        "children": {
            "net": {"remote_ts" if first else "local_ts": ["10.3.0.0/16"], "esp_proposals": ["aes256gcm16-x25519"]},
            "mismatch": {
                "local_ts": ["10.97.0.0/24"],
                "remote_ts": [f"10.96.{values['number']}.0/24"],
                "esp_proposals": ["aes256gcm16"],
            },
        },
    }
    everything = {
        "connections": {"a--b": connection, "a--c": certified},
        "secrets": secrets,
        "authorities": {"lab": {"cacert": "ca.pem"}},
        "pools": {} if first else {"guests": {"addrs": POOL}},
    }
    (config / "tunnels.yml").write_text(json.dumps(everything, indent=2))
    socket_path = str(host.directory / "vici")
    host.start(binary, "--socket", socket_path, "run", "--config", str(config), "--run-dir", str(host.directory / "run"))


def main() -> None:
    action, root = sys.argv[1], pathlib.Path(sys.argv[2])
    hosts = [Host(root, name) for name in "ab"]
    if action == "down":
        for host in hosts:
            host.remove()
        return
    daemon, binary = sys.argv[3:]
    authority = root / "ca"
    authority.mkdir(parents=True)
    ca = ("-x509", "-days", "30", "-subj", "/CN=Lab CA", "-keyout", authority / "ca.key", "-out", authority / "ca.pem")
    run("openssl", "req", "-new", *NEW_KEY, *ca)
    for host in hosts:
        host.create()
        host.certify(authority)
    here, there = (("name", "eth0", "netns", host.namespace) for host in hosts)
    run("ip", "link", "add", *here, "type", "veth", "peer", *there)
    for host in hosts:
        host.address()
    for host in hosts:
        if daemon == "ikeengine":
            start_ikeengine(host, binary)
        else:
            start_strongswan(host)


if __name__ == "__main__":
    main()
