# Copyright (c) 2026, keymesh.ike contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which keys of a host are replaced, and how far that is. Private to the collection.

Both ends of a pair compute the same; only one of them writes to the store, so that no two hosts change a pair at once.
"""

from __future__ import annotations

import typing as t

from ansible_collections.keymesh.ike.plugins.plugin_utils._psk_ring import Ring
from ansible_collections.keymesh.ike.plugins.plugin_utils._psk_secrets import (
    Data,
    PskError,
    Source,
    pair_keys,
    psk_tunnels,
    wanted_epochs,
)
from ansible_collections.keymesh.ike.plugins.plugin_utils._psk_store import StoreError, new_key


class Rotation(t.NamedTuple):
    """What a step has done at one host."""

    changed: bool
    pairs: t.List[str]
    """Tunnels whose key is being replaced."""
    used: t.List[str]
    """Names of the secrets that their IKE SAs have to be authenticated with now."""
    kept: t.Dict[str, str]
    """Tunnels that keep their key, with the reason."""
    unmanaged: t.List[str]
    """What the operators of peers that are not ours have to do."""


def step(
    tunnels: t.Iterable[Data], source: Source, state: str, hosts: t.Sequence[str], confirmed: t.Sequence[str]
) -> Rotation:
    """Take the pairs of a host, or all epochs, one step further. Raises PskError before anything is changed.

    C(hosts) are in the play, C(confirmed) are unmanaged peers that use the new key already.
    """
    mine = psk_tunnels(tunnels)
    try:
        if source.derives:
            return _step_epochs(mine, source, state, hosts, confirmed)
        return _step_pairs(mine, source, state, hosts, confirmed)
    except StoreError as error:
        raise PskError(str(error)) from None


def _step_pairs(
    tunnels: t.Sequence[Data], source: Source, state: str, hosts: t.Sequence[str], confirmed: t.Sequence[str]
) -> Rotation:
    changed, pairs, used, unmanaged = False, [], [], []
    kept: t.Dict[str, str] = {}
    for tunnel in tunnels:
        name = tunnel["name"]
        reason = _why_not(tunnel, source, hosts)
        if reason:
            kept[name] = reason
            continue
        if _is_foreign(tunnel) and tunnel["peer"] not in confirmed and state != "begun":
            unmanaged.append(_letter(tunnel, f"the key `next` of {name} in psk_store"))
            continue
        before, after = source.store.change(name, _change(state, new_key()), source.keep and _writes(tunnel))
        changed |= before != after
        pairs.append(name)
        used.append(f"ike-{name}-{after.generation}")
    return Rotation(changed, pairs, used, kept, unmanaged)


def _step_epochs(
    tunnels: t.Sequence[Data], source: Source, state: str, hosts: t.Sequence[str], confirmed: t.Sequence[str]
) -> Rotation:
    """All pairs of all meshes at once, because there is one epoch."""
    known = wanted_epochs(source)
    mine = [tunnel for tunnel in tunnels if tunnel["name"] not in source.keys]
    absent = sorted(tunnel["peer"] for tunnel in mine if not _is_foreign(tunnel) and tunnel["peer"] not in hosts)
    if absent and not known.is_settled:
        raise PskError(
            f"derived keys change for all hosts at once, but {', '.join(absent)} would be left behind; "
            "run the rotation without --limit, or take these hosts out of the inventory"
        )
    foreign = [tunnel for tunnel in mine if _is_foreign(tunnel) and tunnel["peer"] not in confirmed]
    unmanaged = (
        [] if known.next is None else [_letter(one, f"the derived key of epoch {known.next}") for one in foreign]
    )
    if unmanaged and state == "switched":
        raise PskError("the new epoch would cut off peers that are not ours: " + "; ".join(unmanaged))
    if state == "begun":
        after = known
    else:
        unused, after = source.store.change_epochs(source.epoch, _change(state, ""), source.keep)
    pairs = [] if known.is_settled else [tunnel["name"] for tunnel in mine]
    kept = {tunnel["name"]: _GIVEN for tunnel in tunnels if tunnel["name"] in source.keys}
    used = [pair_keys(tunnel, source, after).used for tunnel in mine if tunnel["name"] in pairs]
    return Rotation(after != known, pairs, used, kept, unmanaged)


_GIVEN = "its key is in psk_keys; list the new and the old one there, then only the new one"


def _why_not(tunnel: Data, source: Source, hosts: t.Sequence[str]) -> str:
    """Why a pair keeps its key."""
    if tunnel["name"] in source.keys:
        return _GIVEN
    if not _is_foreign(tunnel) and tunnel["peer"] not in hosts:
        return f"{tunnel['peer']} is not in this run, and both ends have to be"
    return ""


def _is_foreign(tunnel: Data) -> bool:
    return not tunnel.get("peer_managed", True)


def _writes(tunnel: Data) -> bool:
    return bool(tunnel["initiator"]) or _is_foreign(tunnel)


def _letter(tunnel: Data, where: str) -> str:
    local, remote = tunnel["local"], tunnel["remote"]
    return (
        f"{tunnel['peer']}: its operator sets {where} as the pre-shared key of {local['id']} and {remote['id']}; "
        f"{local['host']} accepts it already. Then run this again with -e psk_confirmed_peers={tunnel['peer']}"
    )


def _change(state: str, value: str) -> t.Callable[[Ring], Ring]:
    changes: t.Dict[str, t.Callable[[Ring], Ring]] = {
        "begun": lambda ring: ring.begun(value),
        "switched": Ring.switched,
        "retired": Ring.retired,
    }
    return changes[state]
