"""The inventory of the demo: what a user would write, plus what makes two hosts out of one machine."""

from __future__ import annotations

import sys
from pathlib import Path

import yaml

from tests.lab.demo.topology import PREFIX, SITES


def write(directory: Path, *, auth: str, wheels: Path) -> Path:
    """Write `inventory.yml` into the directory and return its path. `auth` is `psk` or `cert`."""
    inventory = {"gateways": {"vars": _common(directory, auth, wheels), "hosts": {}}}
    for site in SITES:
        inventory["gateways"]["hosts"][site.gateway] = {
            "ike_address": site.outer,
            "ike_id": f"{site.gateway}.example.com",
            "ike_subnets": [site.subnet],
            "ike_probe_address": site.inner,
            "ansible_python_interpreter": str(_interpreter(directory, site.gateway)),
        }
    path = directory / "inventory.yml"
    path.write_text(yaml.safe_dump(inventory, sort_keys=False))
    return path


def _common(directory: Path, auth: str, wheels: Path) -> dict[str, object]:
    host = f"{directory}/hosts/{{{{ inventory_hostname }}}}"
    return {
        "ike_auth": auth,
        "ansible_connection": "local",
        "ansible_remote_tmp": f"{host}/tmp",
        "engine_service_manager": "supervised",
        "engine_python": getattr(sys, "_base_executable", sys.executable),
        "engine_install_packages": False,
        "pki_install_packages": False,
        "engine_wheel_dir": str(wheels),
        "engine_build_dir": f"{directory}/build",
        "engine_prefix": f"{host}/opt",
        "engine_config_dir": f"{host}/etc",
        "engine_state_dir": f"{host}/var",
        "engine_run_dir": f"{host}/run",
        "psk_store": f"{directory}/store/psk",
        "pki_store": f"{directory}/store/pki",
    }


def _interpreter(directory: Path, gateway: str) -> Path:
    """A Python that runs inside the gateway's namespace: what makes it a host of its own for Ansible."""
    path = directory / f"python-{gateway}"
    path.write_text(f'#!/bin/sh\nexec ip netns exec {PREFIX}{gateway} {sys.executable} "$@"\n')
    path.chmod(0o755)
    return path
