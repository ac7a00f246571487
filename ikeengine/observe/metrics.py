"""The state of the engine in Prometheus' text format (version 0.0.4).

A connection that is configured but down shows as 0, and counters survive rekeys: the two things that exporters on top
of strongSwan's VICI cannot know.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from ikeengine.model.connection import ConnectionConfig, Mode
from ikeengine.model.immutable import field, immutable
from ikeengine.model.sa import SaId, Usage
from ikeengine.model.status import ChildStatus, IkeStatus
from ikeengine.observe.counters import GLOBAL, Counters
from ikeengine.outputs import DropReason

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
KINDS, OUTCOMES = ("crl", "ocsp"), ("fetched", "failed")
_UP = ("INSTALLED", "REKEYING", "REKEYED")


@immutable
class Snapshot:
    """What the metrics are made of."""

    version: str
    uptime: float
    connections: Mapping[str, ConnectionConfig]
    sas: list[IkeStatus]
    counters: Counters
    dropped: Mapping[DropReason, int]
    usage: Callable[[SaId | None], Usage | None]
    fetches: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """Documents about revocation by kind (`crl`, `ocsp`) and outcome (`fetched`, `failed`)."""


class _Page:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def metric(self, name: str, kind: str, text: str, samples: Iterable[tuple[Mapping[str, str], float]]) -> None:
        """One metric with its samples, each a set of labels and a value."""
        self.lines += (f"# HELP ikeengine_{name} {text}", f"# TYPE ikeengine_{name} {kind}")
        self.lines += (f"ikeengine_{name}{_labels(labels)} {value:g}" for labels, value in samples)


def render(snapshot: Snapshot) -> str:
    """The page that Prometheus scrapes."""
    page = _Page()
    page.metric("info", "gauge", "Version of the engine.", [({"version": snapshot.version}, 1)])
    page.metric("uptime_seconds", "gauge", "Time since the start.", [({}, round(snapshot.uptime))])
    states = Counter(ike.state for ike in snapshot.sas)
    page.metric("ike_sas", "gauge", "IKE SAs by state.", [({"state": state}, n) for state, n in sorted(states.items())])
    page.metric("connection_up", "gauge", "Whether a connection has an established IKE SA.", _connections(snapshot))
    page.metric("child_up", "gauge", "Whether a configured child has an installed Child SA.", _children(snapshot))
    received, sent = _traffic(snapshot, "in"), _traffic(snapshot, "out")
    page.metric("child_received_bytes", "gauge", "Octets received over the present Child SAs.", received)
    page.metric("child_sent_bytes", "gauge", "Octets sent over the present Child SAs.", sent)
    page.metric("messages_total", "counter", "strongSwan's counters, by connection.", _counters(snapshot.counters))
    dropped = [({"reason": reason.value}, snapshot.dropped.get(reason, 0)) for reason in DropReason]
    page.metric("dropped_datagrams_total", "counter", "Datagrams that were ignored.", dropped)
    fetches = [({"kind": k, "outcome": o}, snapshot.fetches.get((k, o), 0)) for k in KINDS for o in OUTCOMES]
    page.metric("fetches_total", "counter", "CRLs and OCSP responses that were asked for.", fetches)
    return "\n".join(page.lines) + "\n"


def _connections(snapshot: Snapshot) -> Iterable[tuple[Mapping[str, str], float]]:
    up = {ike.name for ike in snapshot.sas if ike.established_at is not None}
    for name in snapshot.connections:
        yield {"connection": name}, name in up


def _children(snapshot: Snapshot) -> Iterable[tuple[Mapping[str, str], float]]:
    up = {(ike.name, child.name) for ike, child in _installed(snapshot)}
    for name, config in snapshot.connections.items():
        for child in config.children.values():
            if child.mode in (Mode.TUNNEL, Mode.TRANSPORT):
                yield {"connection": name, "child": child.name}, (name, child.name) in up


def _traffic(snapshot: Snapshot, direction: str) -> Iterable[tuple[Mapping[str, str], float]]:
    octets: Counter[tuple[str, str]] = Counter()
    for ike, child in _installed(snapshot):
        usage = snapshot.usage(child.sa_in if direction == "in" else child.sa_out)
        octets[ike.name, child.name] += usage.bytes if usage is not None else 0
    return [({"connection": name, "child": child}, value) for (name, child), value in octets.items()]


def _installed(snapshot: Snapshot) -> Iterable[tuple[IkeStatus, ChildStatus]]:
    return ((ike, child) for ike in snapshot.sas for child in ike.children if child.state in _UP)


def _counters(counters: Counters) -> Iterable[tuple[Mapping[str, str], float]]:
    for name in (GLOBAL, *counters.connections()):
        for counter, value in (counters.get(name) or {}).items():
            yield {"connection": name, "counter": counter}, value


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escape(value)}"' for name, value in labels.items()) + "}"


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
