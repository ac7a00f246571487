"""Which child comes closest to an offer of traffic selectors that none of them accepts, and what is in the way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ikeengine.model.connection import ChildConfig
from ikeengine.model.selector import TrafficSelector
from ikeengine.negotiate.selectors import format_selector, narrow, resolve

Selectors = Sequence[TrafficSelector]
_Half = tuple[str, Selectors, Selectors]


def nearest_child(
    offered_remote: Selectors,
    offered_local: Selectors,
    configs: Sequence[ChildConfig],
    own: Iterable[str],
    peers: Iterable[str],
) -> str:
    """Such as `net: remote_ts fits, local_ts does not: offered 10.3.0.0/16, here 10.2.0.0/16`; empty without children.

    `offered_local` is what the peer wants to reach here (TSr of an initiator's offer), `offered_remote` its own side.
    `own` and `peers` are the addresses that `dynamic` stands for.
    """
    best, score = "", -1
    for config in configs:
        halves: list[_Half] = [
            ("local_ts", offered_local, resolve(config.local_ts, *own)),
            ("remote_ts", offered_remote, resolve(config.remote_ts, *peers)),
        ]
        misfits = [half for half in halves if not narrow(half[1], half[2])]
        fitting = [half[0] for half in halves if half not in misfits]
        if misfits and len(fitting) > score:
            best, score = _described(config.name, fitting, misfits), len(fitting)
    return best


def _described(name: str, fitting: list[str], misfits: list[_Half]) -> str:
    wrong = [f"{option} does not: offered {_text(ours)}, here {_text(theirs)}" for option, ours, theirs in misfits]
    return f"{name}: " + ", ".join([*(f"{option} fits" for option in fitting), *wrong])


def _text(selectors: Selectors) -> str:
    return " ".join(format_selector(ts) for ts in selectors)
