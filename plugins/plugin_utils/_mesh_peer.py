# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the operator of a peer that is not ours has to configure. Private to the collection. Pure functions."""

from __future__ import annotations

import typing as t

from ansible_collections.keymesh.ike.plugins.plugin_utils._mesh_tunnels import CHILD
from ansible_collections.keymesh.ike.plugins.plugin_utils._proposals import GROUP_NUMBERS
from ansible_collections.keymesh.ike.plugins.plugin_utils._switches import is_on

Data = t.Dict[str, t.Any]

IKE_LIFETIME, CHILD_LIFETIME = "4h", "1h"
"""What ikeengine does if nothing else is said."""


def settings(tunnel: Data, secret_in: str, secrets: t.Mapping[str, t.Any]) -> Data:
    """The settings of one tunnel in words that do not belong to any product.

    C(tunnel) is the peer's view of it. C(secret_in) says where the pre-shared key is kept, C(secrets) is a section of the
    configuration with the key itself, or empty.
    """
    local, remote = tunnel["local"], tunnel["remote"]
    found: Data = {
        "tunnel": tunnel["name"],
        "mesh": tunnel["mesh"],
        "peer": local["host"],
        "gateway": remote["host"],
        "ike_version": tunnel["version"],
        "aggressive": tunnel["version"] == 1 and is_on(tunnel["connection"].get("aggressive")),
        "authentication": {"psk": "pre-shared key", "cert": "certificate"}[tunnel["auth"]],
        "your_address": local["address"],
        "your_local_address": local["local_address"],
        "your_identity": local["id"],
        "our_address": remote["address"],
        "our_identity": remote["id"],
        "you_begin": tunnel["initiator"],
        "ike_proposals": tunnel["proposal"]["ike"],
        "ike_lifetime": str(tunnel["connection"].get("rekey_time", IKE_LIFETIME)),
        "mode": tunnel["child"].get("mode", "tunnel"),
        "your_networks": local["subnets"],
        "our_networks": remote["subnets"],
        "esp_proposals": tunnel["proposal"]["esp"],
        "esp_lifetime": str(tunnel["child"].get("rekey_time", CHILD_LIFETIME)),
        "dh_groups": {
            word: GROUP_NUMBERS[word.split("_")[-1]]
            for proposal in tunnel["proposal"]["ike"] + tunnel["proposal"]["esp"]
            for word in proposal.lower().split("-")
            if word.split("_")[-1] in GROUP_NUMBERS
        },
    }
    if tunnel["auth"] == "psk":
        found["secret_in"] = secret_in
        owners = sorted((local["id"], remote["id"]))
        # During a rotation a pair has two keys; the first one is used.
        found.update({"secret": str(one["secret"]) for one in [*secrets.values()][::-1] if sorted(one["id"]) == owners})
    return found


def text(one: Data) -> str:
    """The settings for a person."""
    groups = ", ".join(f"{word} is group {number}" for word, number in one["dh_groups"].items())
    rows = [
        ("IKE version", _version(one)),
        ("Your address", _address(one["your_address"])),
        ("Your identity", one["your_identity"]),
        ("Our address", _address(one["our_address"])),
        ("Our identity", one["our_identity"]),
        ("Authentication", one["authentication"]),
        *([("Pre-shared key", one.get("secret", f"in {one['secret_in']} on our controller"))] if "secret_in" in one else []),
        ("IKE proposals", ", ".join(one["ike_proposals"])),
        ("IKE lifetime", one["ike_lifetime"]),
        ("Who begins", "you" if one["you_begin"] else "we"),
        ("ESP mode", one["mode"]),
        ("Your networks", ", ".join(one["your_networks"])),
        ("Our networks", ", ".join(one["our_networks"])),
        ("ESP proposals", ", ".join(one["esp_proposals"])),
        ("ESP lifetime", one["esp_lifetime"]),
        ("Key exchange", groups),
    ]
    title = f"{one['peer']}: tunnel {one['tunnel']} with {one['gateway']}"
    return "\n".join([title, *(f"  {name + ':':<16}{value}" for name, value in rows)]) + "\n"


def swanctl(one: Data) -> str:
    """The settings as sections of swanctl.conf. Without the key, its section is a comment."""
    certificate = one["authentication"] == "certificate"
    lines = [
        f"# {one['peer']}: tunnel {one['tunnel']} with {one['gateway']}",
        "connections {",
        f"  {one['tunnel']} {{",
        f"    version = {one['ike_version']}",
        *(["    aggressive = yes"] if one["aggressive"] else []),
        f"    local_addrs = {one['your_local_address']}",
        f"    remote_addrs = {one['our_address']}",
        f"    proposals = {', '.join(one['ike_proposals'])}",
        f"    rekey_time = {one['ike_lifetime']}",
        "    local {",
        *_auth(one["your_identity"], ["certs = host.pem  # yours, with your identity as subject alternative name"] if certificate else []),
        "    }",
        "    remote {",
        *_auth(one["our_identity"], ["cacerts = mesh.pem  # of our certification authority"] if certificate else []),
        "    }",
        "    children {",
        f"      {CHILD} {{",
        f"        mode = {one['mode']}",
        f"        local_ts = {', '.join(one['your_networks'])}",
        f"        remote_ts = {', '.join(one['our_networks'])}",
        f"        esp_proposals = {', '.join(one['esp_proposals'])}",
        f"        rekey_time = {one['esp_lifetime']}",
        f"        start_action = {'start' if one['you_begin'] else 'none'}",
        "      }",
        "    }",
        "  }",
        "}",
        *_secrets(one),
    ]
    return "\n".join(lines) + "\n"


def _version(one: Data) -> str:
    if one["ike_version"] != 1:
        return str(one["ike_version"])
    return f"1, {'Aggressive' if one['aggressive'] else 'Main'} Mode"


def _address(address: str) -> str:
    return "not known" if address == "%any" else address


def _auth(identity: str, more: t.List[str]) -> t.Iterator[str]:
    yield f"      auth = {'pubkey' if more else 'psk'}"
    yield f"      id = {_quoted(identity)}"
    yield from (f"      {line}" for line in more)


def _secrets(one: Data) -> t.Iterator[str]:
    if "secret_in" not in one:
        return
    comment = "" if "secret" in one else "# "
    if comment:
        yield f"# The pre-shared key is in {one['secret_in']} on our controller."
    yield f"{comment}secrets {{"
    yield f"{comment}  ike-{one['tunnel']} {{"
    yield f"{comment}    id-1 = {_quoted(one['your_identity'])}"
    yield f"{comment}    id-2 = {_quoted(one['our_identity'])}"
    yield f"{comment}    secret = {_quoted(one.get('secret', '...'))}"
    yield f"{comment}  }}"
    yield f"{comment}}}"


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
