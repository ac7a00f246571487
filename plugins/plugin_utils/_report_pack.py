# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The data of the page of a verification, as small as it gets without compression. Private to the collection. Pure functions.

A mesh of fifty gateways has 2450 directions, which agree in most of what is known of them. So this is a table by columns, and
each column is the one value that all rows have, or its different values and which row has which, or simply the list.
"""

from __future__ import annotations

import json
import typing as t

Data = t.Dict[str, t.Any]

_TUNNEL = ("name", "hosts", "mesh", "state", "note", "problems")
_DIRECTION = (
    *("from", "peer", "source", "target", "ok", "problem"),
    *("sent", "received", "milliseconds", "mtu", "tcp", "clear"),
)
_SAS = {
    "ike": ("proposal", "initiator_spi", "responder_spi", "age", "local_host", "remote_host", "nat"),
    "child": (
        *("proposal", "spi_in", "spi_out", "age", "bytes_in", "bytes_out"),
        *("mode", "encap", "local_ts", "remote_ts"),
    ),
}
"""What the script of the page shows; the report as JSON has everything."""


def pack(tunnels: t.Sequence[Data]) -> Data:
    """Tunnels in this order, and their directions, each of which knows the number of its tunnel."""
    rows = [
        {"tunnel": number, **{key: one[key] for key in _DIRECTION}, **_flat(one)}
        for number, tunnel in enumerate(tunnels)
        for one in tunnel["directions"]
    ]
    return {
        "tunnels": _table([{key: tunnel[key] for key in _TUNNEL} for tunnel in tunnels]),
        "directions": _table(rows),
    }


def _flat(direction: Data) -> Data:
    return {
        f"{sa}.{key}": (direction[sa] or {}).get(key) for sa, keys in _SAS.items() for key in keys
    }


def _table(rows: t.Sequence[Data]) -> Data:
    names = list(rows[0]) if rows else []
    return {"rows": len(rows), "columns": {name: _column([row[name] for row in rows]) for name in names}}


def _column(values: t.List[t.Any]) -> t.Any:
    numbers: t.Dict[str, int] = {}
    at = [numbers.setdefault(as_text(value), len(numbers)) for value in values]
    if len(numbers) == 1:
        return {"one": values[0]}
    chosen = {"of": [json.loads(value) for value in numbers], "at": at}
    return min(chosen, values, key=lambda column: len(as_text(column)))


def as_text(value: t.Any) -> str:
    """JSON without spaces."""
    return json.dumps(value, separators=(",", ":"))
