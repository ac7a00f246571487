"""What a full mesh of N gateways costs on the controller: tasks and seconds per host, with rendered configuration only.

The gateways are this machine (`ansible_connection: local`), the play runs in check mode and there is no daemon, so
nothing is changed and no tunnel comes up. What is measured is reading the inventory, computing and writing the
configuration of every host, and running the modules.

    python -m benchmarks.meshes [--forks 8] [N ...]
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
SIZES = (5, 50, 500)
_RECAP = re.compile(r"^gw\d+ +: ok=(\d+) .* failed=(\d+) +skipped=(\d+)", re.MULTILINE)


@dataclass(frozen=True)
class Result:
    """One run. CPU is that of Ansible and of the modules, on all cores."""

    hosts: int
    tasks: float
    """Per host, skipped ones too."""
    seconds: float
    cpu: float


def measure(hosts: int, forks: int) -> Result:
    """Run the roles `mesh` and `tunnels` for a full mesh."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        link = directory / "ansible_collections" / "keymesh" / "ike"
        link.parent.mkdir(parents=True)
        link.symlink_to(ROOT)
        _write(directory, hosts)
        command = [_ansible(), "--inventory", "inventory.yml", "--check", "--forks", str(forks), "play.yml"]
        environment = {
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": name,
            "ANSIBLE_DISPLAY_SKIPPED_HOSTS": "false",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_PIPELINING": "true",
        }
        before, started = _cpu(), time.monotonic()
        done = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, check=False)
        seconds = time.monotonic() - started
    recaps = _RECAP.findall(done.stdout)
    if len(recaps) != hosts or any(failed != "0" for _, failed, _ in recaps):
        raise SystemExit(done.stdout[-3000:] + done.stderr[-1000:])
    tasks = sum(int(ok) + int(skipped) for ok, _, skipped in recaps) / hosts
    return Result(hosts, tasks, seconds, _cpu() - before)


def _write(directory: Path, hosts: int) -> None:
    gateways = {
        f"gw{n:03}": {
            "ike_address": f"192.0.{n // 250}.{n % 250 + 1}",
            "ike_subnets": [f"10.{n // 250}.{n % 250}.0/24"],
        }
        for n in range(hosts)
    }
    common = {
        "ansible_connection": "local",
        "ansible_python_interpreter": getattr(sys, "_base_executable", sys.executable),
        "tunnels_config_dir": f"{directory}/{{{{ inventory_hostname }}}}",
    }
    roles = ["keymesh.ike.mesh", "keymesh.ike.tunnels"]
    play = {"name": "Render", "hosts": "gateways", "gather_facts": False, "roles": roles}
    (directory / "inventory.yml").write_text(yaml.safe_dump({"gateways": {"vars": common, "hosts": gateways}}))
    (directory / "play.yml").write_text(yaml.safe_dump([play]))


def _ansible() -> str:
    beside = Path(sys.executable).parent / "ansible-playbook"
    found = str(beside) if beside.exists() else shutil.which("ansible-playbook")
    if found is None:
        raise SystemExit("there is no ansible-playbook: pip install -e '.[collection]'")
    return found


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Measure meshes of the sizes that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sizes", nargs="*", type=int, metavar="N", default=SIZES, help="hosts, by default 5 50 500")
    parser.add_argument("--forks", type=int, default=8, help="hosts at a time")
    arguments = parser.parse_args()
    print("hosts  tunnels each  tasks per host  seconds  seconds per host  CPU seconds per host", flush=True)
    for size in arguments.sizes:
        one = measure(size, arguments.forks)
        rates = f"{one.seconds / one.hosts:>16.2f}  {one.cpu / one.hosts:>20.2f}"
        print(f"{size:>5}  {size - 1:>12}  {one.tasks:>14.0f}  {one.seconds:>7.1f}  {rates}", flush=True)


if __name__ == "__main__":
    main()
