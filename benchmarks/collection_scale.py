"""What a mesh costs Ansible: tasks and seconds per host, with real tunnels and with rendered configuration only.

python -m benchmarks.collection_scale [--tunnels 5] [--rendered 50 500] [--forks 10]    (root, for the tunnels)
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
RECAP = re.compile(r"^(\S+)\s+: ok=(\d+)\s+changed=(\d+) .* failed=(\d+)\s+skipped=(\d+)", re.MULTILINE)


@dataclass(frozen=True)
class Run:
    """What a playbook did."""

    hosts: int
    what: str
    tasks: int
    seconds: float

    def __str__(self) -> str:
        each = self.seconds / self.hosts
        return f"{self.hosts:>5}  {self.what:<24}{self.tasks:>6}{self.seconds:>10.1f}{each:>10.2f}"


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tunnels", type=int, default=5, metavar="N", help="hosts with real tunnels; 0 for none")
    parser.add_argument("--rendered", type=int, nargs="*", default=[50, 500], metavar="N")
    parser.add_argument("--forks", type=int, default=10)
    options = parser.parse_args()
    # Whoever ends us early must not find our namespaces afterwards.
    signal.signal(signal.SIGTERM, lambda *unused: sys.exit(1))
    print("hosts  what                     tasks   seconds  per host", flush=True)
    with tempfile.TemporaryDirectory(prefix="keymesh-scale-") as name:
        for run in _runs(Path(name), options):
            print(run, flush=True)


def _runs(directory: Path, options: argparse.Namespace) -> Iterator[Run]:
    if options.tunnels:
        with _network(options.tunnels) as interpreters:
            inventory = _inventory(directory / "tunnels", options.tunnels, interpreters)
            yield _play("first roll-out", inventory, "keymesh.ike.site_to_site", options)
            yield _play("second, no change", inventory, "keymesh.ike.site_to_site", options)
            _stop(directory / "tunnels", interpreters)
    for count in options.rendered:
        inventory = _inventory(directory / f"rendered-{count}", count, {})
        playbook = directory / "render.yml"
        playbook.write_text(yaml.safe_dump(_render(), sort_keys=False))
        yield _play("rendered only", inventory, str(playbook), options)


def _play(what: str, inventory: Path, playbook: str, options: argparse.Namespace) -> Run:
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": f"{ROOT}/.build",
        "ANSIBLE_PIPELINING": "true",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_LOCALHOST_WARNING": "false",
    }
    started = time.monotonic()
    done = subprocess.run(
        [BIN / "ansible-playbook", "--inventory", inventory, "--forks", str(options.forks), playbook],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.monotonic() - started
    recap = RECAP.findall(done.stdout)
    if done.returncode:
        sys.exit(f"{playbook} failed:\n{done.stdout[-4000:]}\n{done.stderr[-2000:]}")
    tasks = [int(ok) + int(skipped) for host, ok, changed, failed, skipped in recap]
    return Run(len(recap), what, round(sum(tasks) / len(tasks)), seconds)


def _inventory(directory: Path, count: int, interpreters: dict[str, str]) -> Path:
    directory.mkdir(parents=True)
    own = f"{directory}/{{{{ inventory_hostname }}}}"
    shared: dict[str, Any] = {
        "ansible_connection": "local",
        "ansible_python_interpreter": "/usr/bin/python3",
        "engine_service_manager": "supervised",
        "engine_dependencies": "controller",
        "engine_install_packages": False,
        "engine_datapath": "userspace",
        "engine_prefix": f"{directory}/opt",
        "engine_config_dir": f"{own}/etc",
        "engine_state_dir": f"{own}/lib",
        "engine_run_dir": f"{own}/run",
        "psk_store": f"{directory}/store",
        "ike_auth": "psk",
    }
    hosts: dict[str, dict[str, Any]] = {}
    for number in range(1, count + 1):
        host = _name(number)
        high, low = divmod(number, 250)
        hosts[host] = {"ike_address": f"192.0.{2 + high}.{low + 1}", "ike_subnets": [f"10.{high}.{low}.0/24"]}
        hosts[host] |= {"ansible_python_interpreter": interpreters[host]} if interpreters else {}
    path = directory / "hosts.yml"
    path.write_text(yaml.safe_dump({"gateways": {"vars": shared, "hosts": hosts}}, sort_keys=False))
    return path


def _render() -> list[dict[str, Any]]:
    """What depends on the size of the mesh: reading the inventory, and writing the tunnels of the host."""
    role = f"{ROOT}/roles/tunnels"
    write = {"content": "{{ __tunnels_content }}", "dest": "{{ engine_config_dir }}/tunnels.yml", "mode": "0600"}
    folder = {"path": "{{ engine_config_dir }}", "state": "directory", "mode": "0700"}
    return [
        {
            "hosts": "gateways",
            "gather_facts": False,
            "vars_files": [f"{role}/defaults/main.yml", f"{role}/vars/main.yml"],
            "vars": {"tunnels_management_bypass": False},
            "tasks": [
                {"ansible.builtin.import_role": {"name": "keymesh.ike.mesh"}},
                {"ansible.builtin.file": folder},
                {"ansible.builtin.copy": write},
            ],
        }
    ]


@contextmanager
def _network(count: int) -> Iterator[dict[str, str]]:
    """Network namespaces on one bridge; yields an interpreter for each host."""
    prefix = f"scale{os.getpid()}-"
    switch = f"{prefix}switch"
    try:
        _ip(f"netns add {switch}", f"-n {switch} link add wan type bridge", f"-n {switch} link set wan up")
        with tempfile.TemporaryDirectory() as directory:
            interpreters = {}
            for number in range(1, count + 1):
                space = prefix + _name(number)
                _connect(number, space, switch)
                path = Path(directory) / space
                path.write_text(f'#!/bin/sh\nexec ip netns exec {space} /usr/bin/python3 "$@"\n')
                path.chmod(0o755)
                interpreters[_name(number)] = str(path)
            yield interpreters
    finally:
        listed = subprocess.run(["ip", "netns", "list"], check=True, capture_output=True, text=True).stdout
        for space in (line.split()[0] for line in listed.splitlines() if line.startswith(prefix)):
            subprocess.run(["ip", "netns", "delete", space], check=False)


def _connect(number: int, space: str, switch: str) -> None:
    _ip(
        f"netns add {space}",
        f"link add eth0 netns {space} type veth peer name port{number} netns {switch}",
        f"-n {switch} link set port{number} master wan up",
        f"-n {space} address add 192.0.2.{number + 1}/24 dev eth0",
        f"-n {space} address add 10.0.{number}.1/32 dev lo",
        f"-n {space} link set eth0 up",
        f"-n {space} link set lo up",
    )


def _stop(directory: Path, interpreters: dict[str, str]) -> None:
    for host, python in interpreters.items():
        command = [python, f"{directory}/opt/supervise.py", "stop", "--run-dir", f"{directory}/{host}/run"]
        subprocess.run(command, check=False, capture_output=True)


def _ip(*commands: str) -> None:
    for command in commands:
        subprocess.run(["ip", *command.split()], check=True)


def _name(number: int) -> str:
    return f"gw{number:03}"


if __name__ == "__main__":
    main()
