# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the role engine takes for each distribution, from the facts that Ansible finds there."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import typing as t

import pytest

ROLE = pathlib.Path(__file__).parents[3] / "roles" / "engine"
FACTS = ("os_family", "distribution", "distribution_version", "distribution_major_version")
UBUNTU_2204 = ("/usr/bin/python3.11", ["python3.11", "python3.11-venv"], "/etc/nftables.conf")
DEBIAN = ("/usr/bin/python3", ["python3-venv"], "/etc/nftables.conf")
RHEL_9 = ("/usr/bin/python3.11", ["python3.11"], "/etc/sysconfig/nftables.conf")
RHEL = ("/usr/bin/python3", ["python3"], "/etc/sysconfig/nftables.conf")
CASES = {
    "debian12": (("Debian", "Debian", "12.11"), DEBIAN),
    "debian13": (("Debian", "Debian", "13.1"), DEBIAN),
    "ubuntu2204": (("Debian", "Ubuntu", "22.04"), UBUNTU_2204),
    "ubuntu2404": (("Debian", "Ubuntu", "24.04"), DEBIAN),
    "rhel9": (("RedHat", "RedHat", "9.6"), RHEL_9),
    "rocky9": (("RedHat", "Rocky", "9.6"), RHEL_9),
    "alma9": (("RedHat", "AlmaLinux", "9.6"), RHEL_9),
    "rhel10": (("RedHat", "RedHat", "10.0"), RHEL),
    "fedora": (("RedHat", "Fedora", "42"), RHEL),
    "alpine": (("Alpine", "Alpine", "3.22"), ("/usr/bin/python3", [], "/etc/nftables.conf")),
}


@pytest.fixture(scope="module", name="answers")
def fixture_answers(tmp_path_factory: pytest.TempPathFactory) -> t.Dict[str, t.Any]:
    """The variables that a playbook sees on a host with such facts, all distributions in one run."""
    directory = tmp_path_factory.mktemp("distributions")
    hosts = {
        name: {
            "facts": {
                "os_family": family,
                "distribution": distribution,
                "distribution_version": version,
                "distribution_major_version": version.partition(".")[0],
            }
        }
        for name, ((family, distribution, version), unused) in CASES.items()
    }
    play = {
        "hosts": "all",
        "gather_facts": False,
        "vars_files": [str(ROLE / "defaults/main.yml"), str(ROLE / "vars/main.yml")],
        "vars": {"role_path": str(ROLE)},
        "tasks": [
            {
                "ansible.builtin.set_fact": {
                    **{name: f"{{{{ facts.{name} }}}}" for name in FACTS},
                    "cacheable": True,
                }
            },
            {
                "ansible.builtin.copy": {
                    "content": "{{ [engine_python, engine_packages, engine_firewall_nftables_conf] | to_json }}",
                    "dest": f"{directory}/{{{{ inventory_hostname }}}}.json",
                    "mode": "0600",
                },
                "delegate_to": "localhost",
            },
        ],
    }
    (directory / "hosts.json").write_text(json.dumps({"all": {"hosts": hosts}}))
    (directory / "play.json").write_text(json.dumps([play]))
    subprocess.run(
        [
            sys.executable,
            "-m",
            "ansible.cli.playbook",
            "-i",
            str(directory / "hosts.json"),
            str(directory / "play.json"),
        ],
        check=True,
        env=dict(os.environ, ANSIBLE_LOCALHOST_WARNING="false", ANSIBLE_PYTHON_INTERPRETER=sys.executable),
    )
    return {name: json.loads((directory / f"{name}.json").read_text()) for name in CASES}


@pytest.mark.parametrize("name", CASES)
def test_distribution(answers: t.Dict[str, t.Any], name: str) -> None:
    assert answers[name] == list(CASES[name][1])
