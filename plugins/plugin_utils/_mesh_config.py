# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From tunnels to the configuration of ikeengine. Private to the collection. Pure functions."""

from __future__ import annotations

import typing as t

import yaml

from ansible_collections.keymesh.ike.plugins.plugin_utils._mesh_tunnels import CHILD

Data = t.Dict[str, t.Any]

WAIT = {"start_action": "none", "dpd_action": "clear", "close_action": "none"}
"""Actions for a peer without a known address: nobody can call it, so only wait for it."""


def connections(tunnels: t.Iterable[Data], options: t.Mapping[str, t.Any]) -> Data:
    """The C(connections) of ikeengine's configuration.

    Of C(options): C(certificate) and C(authority) are files, C(initiator) and C(responder) are what a Child SA gets
    in that role (C(start_action) and so on), C(connection) and C(child) are merged into every connection and child.
    Those of the mesh come last.
    """
    return {tunnel["name"]: _connection(tunnel, options) for tunnel in tunnels}


def secrets(tunnels: t.Iterable[Data], options: t.Mapping[str, t.Any]) -> Data:
    """The C(secrets): the C(private_key) if certificates are used. The role psk has a file of its own for its keys."""
    return {
        "private-" + tunnel["local"]["host"]: {"file": options["private_key"]}
        for tunnel in tunnels
        if tunnel["auth"] == "cert"
    }


def authorities(tunnels: t.Iterable[Data], options: t.Mapping[str, t.Any]) -> Data:
    """The C(authorities): the one in C(authority) if certificates are used."""
    if any(tunnel["auth"] == "cert" for tunnel in tunnels):
        return {"mesh": {"file": options["authority"]}}
    return {}


def configuration(tunnels: t.Sequence[Data], options: t.Mapping[str, t.Any]) -> Data:
    """All sections."""
    return {
        "connections": connections(tunnels, options),
        "secrets": secrets(tunnels, options),
        "authorities": authorities(tunnels, options),
    }


def file_text(
    tunnels: t.Sequence[Data], options: t.Mapping[str, t.Any], more: t.Optional[t.Mapping[str, t.Any]] = None
) -> str:
    """The configuration as a file. C(more) are connections that are not tunnels."""
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    sections = configuration(tunnels, options)
    sections["connections"].update(more or {})
    text = yaml.dump(sections, Dumper=dumper, indent=2, sort_keys=False, width=120)
    return f"# Managed by Ansible: keymesh.ike.tunnels\n{text}"


def _connection(tunnel: Data, options: t.Mapping[str, t.Any]) -> Data:
    local, remote = tunnel["local"], tunnel["remote"]
    ours: Data = {"auth": "psk", "id": local["id"]}
    theirs: Data = {"auth": "psk", "id": remote["id"]}
    if tunnel["auth"] == "cert":
        ours.update(auth="pubkey", certs=[options["certificate"]])
        theirs.update(auth="pubkey", cacerts=[options["authority"]])
    return {
        **({"version": tunnel["version"]} if tunnel["version"] != 2 else {}),
        "local_addrs": [local["local_address"]],
        "remote_addrs": [remote["address"]],
        "proposals": list(tunnel["proposal"]["ike"]),
        **options.get("connection", {}),
        **tunnel["connection"],
        "local": ours,
        "remote": theirs,
        "children": {
            CHILD: {
                "local_ts": list(local["subnets"]),
                "remote_ts": list(remote["subnets"]),
                "esp_proposals": list(tunnel["proposal"]["esp"]),
                **_actions(tunnel, options),
                **options.get("child", {}),
                **tunnel["child"],
            }
        },
    }


def _actions(tunnel: Data, options: t.Mapping[str, t.Any]) -> Data:
    if tunnel["initiator"]:
        return dict(options.get("initiator", {}))
    return {**options.get("responder", {}), **(WAIT if tunnel["remote"]["dynamic"] else {})}
