# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The example for NetBox, with host variables as the inventory plugin of NetBox gives them."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
import sys
import typing as t

import pytest
import yaml

from ansible_collections.keymesh.ike.plugins.plugin_utils import _mesh

EXAMPLE = pathlib.Path(__file__).parents[3] / "examples" / "netbox"


def device(name: str, number: int, **changes: t.Any) -> t.Dict[str, t.Any]:
    def prefix(text: str, role: t.Optional[str]) -> t.Dict[str, t.Any]:
        return {"prefix": text, "role": {"slug": role} if role else None}

    found = {
        "primary_ip4": f"192.0.2.{number}",
        "role": "vpn-gateway",
        "tags": [],
        "custom_fields": {"ike_id": None, "ike_address": None, "ike_probe_address": None},
        "site": {
            "slug": name,
            "prefixes": [prefix(f"10.{number}.0.0/16", "vpn"), prefix(f"172.16.{number}.0/24", "guests"), prefix("10.99.0.0/16", None)],
        },
    }
    found.update(changes)
    return found


@pytest.fixture
def hostvars(tmp_path: pathlib.Path) -> t.Dict[str, t.Dict[str, t.Any]]:
    """What Ansible makes of the example, with a static file in place of a NetBox server."""
    shutil.copytree(EXAMPLE, tmp_path / "inventory")
    hosts = {
        "headquarters": device("headquarters", 1, primary_ip6="2001:db8::1"),
        "branch": device("branch", 2, tags=["dynamic"]),
        "factory": device("factory", 3, custom_fields={"ike_address": "198.51.100.3", "ike_id": "f@example.com", "ike_probe_address": "10.3.0.9"}),
        "partner": device("partner", 4, role="vpn-partner"),
    }
    netbox = tmp_path / "inventory" / "1-netbox.yml"
    netbox.write_text(yaml.safe_dump({"all": {"hosts": hosts}}), encoding="utf-8")
    command = [sys.executable, "-m", "ansible.cli.inventory", "-i", str(tmp_path / "inventory"), "--list"]
    environment = dict(os.environ, HOME=str(tmp_path), ANSIBLE_CONFIG=str(tmp_path / "none.cfg"))
    listing = subprocess.run(command, capture_output=True, text=True, check=True, env=environment, cwd=str(tmp_path))
    # What comes from a plugin is marked as unsafe.
    found = json.loads(listing.stdout, object_hook=lambda one: one.get("__ansible_unsafe", one))
    assert sorted(found["gateways"]["hosts"]) == sorted(hosts)
    return t.cast(t.Dict[str, t.Dict[str, t.Any]], found["_meta"]["hostvars"])


def test_the_example_makes_a_mesh(hostvars: t.Dict[str, t.Dict[str, t.Any]]) -> None:
    groups = {"gateways": list(hostvars), "all": list(hostvars)}
    tunnels = {tunnel["peer"]: tunnel for tunnel in _mesh.mesh_tunnels(hostvars, groups, "headquarters")}
    assert list(tunnels) == ["branch", "factory", "partner"]
    assert tunnels["branch"]["remote"]["address"] == "%any"
    assert tunnels["branch"]["remote"]["subnets"] == ["10.2.0.0/16"]
    assert tunnels["branch"]["local"]["subnets"] == ["10.1.0.0/16", "10.3.0.0/16", "10.4.0.0/16"]
    assert tunnels["factory"]["remote"] == {
        "host": "factory",
        "managed": True,
        "dynamic": False,
        "address": "198.51.100.3",
        "local_address": "192.0.2.3",
        "id": "f@example.com",
        "subnets": ["10.3.0.0/16"],
        "probe_address": "10.3.0.9",
    }
    assert not tunnels["partner"]["peer_managed"]
    assert tunnels["partner"]["local"]["id"] == "headquarters.vpn.example.com"
