# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Probes all tunnels of a host at once: the work of the module C(ike_probe). Private to the collection."""

from __future__ import annotations

import time
import typing as t
from concurrent.futures import ThreadPoolExecutor

from ansible_collections.keymesh.ike.plugins.module_utils._probe_clear import Watch
from ansible_collections.keymesh.ike.plugins.module_utils._probe_icmp import Pinger
from ansible_collections.keymesh.ike.plugins.module_utils._probe_tcp import exchange
from ansible_collections.keymesh.ike.plugins.module_utils._sa import Data, established_children, list_sas
from ansible_collections.keymesh.ike.plugins.module_utils._vici import ViciSession

AT_ONCE = 32
"""Tunnels that are probed at the same time."""
_POLL = 0.2


class Settings(t.NamedTuple):
    """How to probe."""

    timeout: float
    """Seconds to wait for the tunnels."""
    patience: float
    """Seconds to wait for an answer."""
    pings: int
    port: int
    mtu: bool


def probe(session: ViciSession, tunnels: t.Sequence[Data], settings: Settings) -> Data:
    """Wait for the tunnels, send traffic through those that are up, and read the SAs before and after."""
    before = wait(session, tunnels, settings.timeout)
    ready = [tunnel for tunnel in tunnels if is_up(before, tunnel)]
    with Watch((tunnel["source"], tunnel["target"]) for tunnel in ready) as watch:
        with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
            traffic = list(pool.map(lambda tunnel: _traffic(tunnel, settings), ready))
        after = list_sas(session)
    found = {tunnel["name"]: one for tunnel, one in zip(ready, traffic)}
    probes = []
    for tunnel in tunnels:
        one = found.get(tunnel["name"], {"ping": None, "mtu": None, "tcp": None, "error": ""})
        probes.append(dict(one, name=tunnel["name"], clear=watch.count((tunnel["source"], tunnel["target"]))))
    return {"before": before, "after": after, "probes": probes}


def wait(session: ViciSession, tunnels: t.Sequence[Data], timeout: float) -> t.List[Data]:
    """The SAs, once all tunnels are up or the time is over."""
    deadline = time.monotonic() + timeout
    while True:
        sas = list_sas(session)
        if time.monotonic() >= deadline or all(is_up(sas, tunnel) for tunnel in tunnels):
            return sas
        time.sleep(_POLL)


def is_up(sas: t.Sequence[Data], tunnel: Data) -> bool:
    """Whether the tunnel has a Child SA that protects packets."""
    return bool(established_children(sas, tunnel["name"], tunnel["child"]))


def _traffic(tunnel: Data, settings: Settings) -> Data:
    """Pings, then large ones, then TCP if somebody listens. What goes wrong in one tunnel does not stop the others."""
    found: Data = {"ping": None, "mtu": None, "tcp": None, "error": ""}
    try:
        with Pinger(tunnel["source"], tunnel["target"]) as pinger:
            found["ping"] = pinger.pings(settings.pings, settings.patience)
            if settings.mtu and found["ping"]["received"]:
                found["mtu"] = pinger.largest(settings.patience)
        if tunnel["listens"]:
            found["tcp"] = exchange(tunnel["source"], tunnel["target"], settings.port, settings.patience)
    except OSError as error:
        found["error"] = f"{tunnel['source']} to {tunnel['target']}: {error.strerror or error}"
    return found
