# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the tunnels of a host to the keys that it accepts. Private to the collection.

Both ends of a pair come to the same keys in the same order. The first one of each pair is used, all are accepted.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.keymesh.ike.plugins.plugin_utils._psk_derive import WeakSecret, derived_psk, mesh_secret
from ansible_collections.keymesh.ike.plugins.plugin_utils._psk_ring import Ring
from ansible_collections.keymesh.ike.plugins.plugin_utils._psk_store import PskStore, StoreError, is_key

Data = t.Dict[str, t.Any]

_EPOCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class PskError(ValueError):
    """The keys of a host cannot be had. The text names the variable and never contains a key."""


class Source(t.NamedTuple):
    """Where keys come from. With a C(secret) they are derived, otherwise they are random and in the C(store)."""

    store: PskStore
    keys: t.Mapping[str, t.Any] = {}
    """Keys by pair that are neither: one, or a list of which the first is used."""
    secret: str = ""
    epoch: str = "1"
    keep: bool = True
    """Whether to note what had to be generated; not in check mode."""

    @property
    def derives(self) -> bool:
        return bool(self.secret)


class PairKeys(t.NamedTuple):
    """The keys of one pair by the names of their secrets, in the order of preference."""

    pair: str
    identities: t.List[str]
    keys: t.Dict[str, str]

    @property
    def used(self) -> str:
        """Name of the one that is used."""
        return next(iter(self.keys))


def psk_tunnels(tunnels: t.Iterable[Data]) -> t.List[Data]:
    """Those with a pre-shared key, ordered by name."""
    return sorted((one for one in tunnels if one["auth"] == "psk"), key=lambda one: str(one["name"]))


def secrets_section(tunnels: t.Iterable[Data], source: Source) -> Data:
    """The C(secrets) of a configuration: a key for each pair, and during a rotation two. Raises PskError."""
    return {
        name: {"id": one.identities, "secret": key}
        for one in all_keys(tunnels, source)
        for name, key in one.keys.items()
    }


def all_keys(tunnels: t.Iterable[Data], source: Source) -> t.List[PairKeys]:
    """The keys of all pairs. Raises PskError."""
    try:
        epochs = wanted_epochs(source) if source.derives else None
        return [pair_keys(tunnel, source, epochs) for tunnel in psk_tunnels(tunnels)]
    except (StoreError, ValueError) as error:
        raise PskError(str(error)) from None


def pair_keys(tunnel: Data, source: Source, epochs: t.Optional[Ring]) -> PairKeys:
    """The keys of one tunnel. Raises PskError and StoreError."""
    pair, identities = tunnel["name"], sorted((tunnel["local"]["id"], tunnel["remote"]["id"]))
    if pair in source.keys:
        keys = {f"ike-{pair}-{number}": key for number, key in enumerate(_given(pair, source.keys[pair]), 1)}
    elif epochs is not None:
        keys = {
            f"ike-{pair}-e{epoch}": derived_psk(source.secret, tunnel.get("mesh") or "default", epoch, identities)
            for unused, epoch in epochs.accepted()
        }
    else:
        ring = source.store.ring(pair, source.keep)
        keys = {f"ike-{pair}-{generation}": key for generation, key in ring.accepted()}
    return PairKeys(pair, identities, keys)


def wanted_epochs(source: Source) -> Ring:
    """The epochs that are accepted now. A new one is accepted at once, but used only after C(rotate_psk).

    Raises PskError for a weak secret, or for an epoch that contradicts a rotation under way.
    """
    try:
        mesh_secret(source.secret)
    except WeakSecret as error:
        raise PskError(f"ike_psk_secret {error}") from None
    wanted = str(source.epoch)
    if not _EPOCH.fullmatch(wanted):
        raise PskError(f"ike_psk_epoch: {wanted!r} is not a number or a word, such as 2 or 2026-11")
    unused, ring = source.store.change_epochs(wanted, lambda known: _with_epoch(known, wanted), source.keep)
    return ring


def _with_epoch(ring: Ring, wanted: str) -> Ring:
    if ring.current == wanted:
        # Nobody uses a next one yet, so it can go.
        return ring._replace(next=None)
    if ring.previous is not None:
        raise PskError(
            f"ike_psk_epoch is {wanted}, but the rotation from {ring.previous} to {ring.current} is not over; "
            f"set it to {ring.current} and run keymesh.ike.rotate_psk first"
        )
    return ring._replace(next=wanted)


def _given(pair: str, value: t.Any) -> t.List[str]:
    keys = list(value) if isinstance(value, (list, tuple)) else [value]
    if not keys or not all(is_key(key) for key in keys):
        raise PskError(f"psk_keys: {pair}: a key of at least 128 bits (16 characters) is wanted, or a list of them")
    return [str(key) for key in keys]
