# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Results of a verification, for the tests of what is made of them."""

from __future__ import annotations

import typing as t

Data = t.Dict[str, t.Any]

SUITE = "AES_GCM_16-256/PRF_HMAC_SHA2_384/CURVE_25519"


def tunnel(host: str = "a", peer: str = "b", managed: bool = True) -> Data:
    """The tunnel of one host with another."""
    return {
        "name": "--".join(sorted((host, peer))),
        "mesh": "backbone",
        "peer": peer,
        "peer_managed": managed,
        "local": {"host": host, "probe_address": "10.1.0.1"},
        "remote": {"host": peer, "probe_address": "10.2.0.1"},
        "proposal": {"ike": ["aes256gcm16-prfsha384-x25519"], "esp": ["aes256gcm16-x25519"]},
    }


def sas(
    *children: t.Tuple[int, int],
    name: str = "a--b",
    child: str = "net",
    state: str = "INSTALLED",
    esp: str = "AES_GCM_16-256",
) -> t.List[Data]:
    """An IKE SA with Child SAs of these unique numbers and packets."""
    found = [
        {
            "name": child,
            "state": state,
            "unique_id": number,
            "packets_in": packets,
            "packets_out": packets,
            "proposal": esp,
        }
        for number, packets in children
    ]
    return [{"name": name, "state": "ESTABLISHED", "proposal": SUITE, "children": found}]


def probe(before: t.List[Data], after: t.List[Data], name: str = "a--b", **changes: t.Any) -> Data:
    """What ike_probe returns if all is well, with changes."""
    one: Data = {
        "name": name,
        "error": "",
        "clear": 0,
        "ping": {"sent": 3, "received": 3, "milliseconds": 0.5},
        "mtu": {"size": 1400, "passed": True, "largest": 1400},
        "tcp": {"port": 7500, "result": "ok", "milliseconds": 1.0, "octets": 49152, "error": ""},
    }
    return {"probes": [dict(one, **changes)], "before": before, "after": after}
